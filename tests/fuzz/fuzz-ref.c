/* store/ref.c and name.c: any ROOT operand is one of the kinds or an error with a remedy. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "store/name.h"
#include "store/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct root_ref r = {0};
	_cleanup_free_ char *text = str_ndup((const char *)data, size);
	nd_err *e = ref_parse(text, &r);
	if (!e && strcmp(r.text, text) != 0)
		abort();
	if (!e && (r.kind == REF_OCI || r.kind == REF_DOCKER_ARCHIVE) && (!r.path || !*r.path))
		abort();
	if (e && !err_find_remedy(e))
		abort();
	if (!e && r.tag && !name_matches(r.tag, r.tag))
		abort();
	err_free(e);
	ref_done(&r);
	return 0;
}
