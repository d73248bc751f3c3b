/* --env-file: what is accepted is NAME=VALUE without line breaks. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/envfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const host[] = {"A=1", "AB=2", NULL};
	_cleanup_strv_ struct strv env = {0};
	err_free(env_file_parse(&env, "f", (const char *)data, size, host));
	for (size_t i = 0; i < env.n; i++)
		if (!strchr(env.v[i], '=') || *env.v[i] == '=' || strchr(env.v[i], '\n'))
			abort();
	return 0;
}
