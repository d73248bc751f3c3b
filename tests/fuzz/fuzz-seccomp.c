/* Seccomp profiles: whatever text comes, either an error or code the kernel would take. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../unit/bpf-run.h"
#include "container/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_doc doc = {0};
	_cleanup_err_ nd_err *e = json_parse("profile", (const char *)data, size, &doc);
	if (e)
		return 0;
	struct strv ignored = {0};
	struct seccomp_context cx = {
		.caps = size * 0x123456789u, .enosys_for_newer = size & 1, .ignored = &ignored};
	_cleanup_seccomp_ struct seccomp_filter *f = NULL;
	e = seccomp_from_json(&doc.at, &cx, &f);
	if (!e && !bpf_valid(f->insns, f->n))
		abort();
	strv_done(&ignored);
	return 0;
}
