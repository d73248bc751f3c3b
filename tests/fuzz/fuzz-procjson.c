/* The process part of run.json. */
#include <stddef.h>
#include <stdint.h>

#include "supervise/procjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_doc doc = {0};
	_cleanup_spec_ struct container_spec s;
	spec_init(&s);
	nd_err *e = json_parse("f", (const char *)data, size, &doc);
	if (!e)
		e = process_read(&doc.at, &s);
	err_free(e);
	return 0;
}
