/* store/stream.c and codec.c: gzip and zstd framing of any bytes, taken in pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "store/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream in;
	uint64_t total = 0;
	if (!size)
		return 0;
	stream_init_memory(&in, data + 1, size - 1);
	nd_err *e = stream_skip(&in, data[0], "the start");
	for (size_t n = 1; !e && n && total < PLAIN_MAX; total += n) {
		const unsigned char *p;
		e = stream_take(&in, 1 + data[0] * 1000u, &p, &n);
		if (!e && n > 1 + data[0] * 1000u)
			abort();
	}
	if (!e && total < PLAIN_MAX)
		e = stream_verify(&in, NULL, NULL);
	err_free(e);
	stream_done(&in);
	return 0;
}
