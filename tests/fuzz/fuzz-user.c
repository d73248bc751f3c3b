/* The container's passwd and group files: any line is an entry or is not. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "container/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *one = str_ndup((const char *)data, size);
	_cleanup_free_ char *two = str_dup(one);
	size_t len = strlen(one);
	struct passwd_line p;
	struct group_line g;
	if (passwd_parse(one, &p) && (!*p.name || strlen(p.home) > len + 1 || p.uid > INT32_MAX))
		abort();
	if (group_parse(two, &g) && (!*g.name || strlen(g.members) > len || g.gid > INT32_MAX))
		abort();
	return 0;
}
