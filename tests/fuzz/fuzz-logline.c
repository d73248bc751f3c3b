/* A line of a log file, either format; and a packed error, which comes through a socket. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervise/logfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_entry e;
	struct buf scratch = {0};
	_cleanup_free_ char *line = mem_alloc(size + 1);
	memcpy(line, data, size);
	if (log_entry_parse(line, size, &scratch, &e) && strlen(e.text) > e.len)
		abort();
	buf_done(&scratch);
	err_free(err_unpack((const char *)data, size));
	return 0;
}
