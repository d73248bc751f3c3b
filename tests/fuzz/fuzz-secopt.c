/* --security-opt: any text is an option or an error; paths that come out are absolute. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "container/secopt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = str_ndup((const char *)data, size);
	_cleanup_secopts_ struct security_opts o = {0};
	err_free(security_opt_add(&o, text));
	for (size_t i = 0; i < o.mask.n; i++)
		if (*o.mask.v[i] != '/')
			abort();
	return 0;
}
