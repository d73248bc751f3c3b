/* store/tar.c: any bytes are an archive or give an error; what is accepted keeps its bounds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/tar.h"
#include "store/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tar_entry *e)
{
	uint64_t end = 0;
	char clean[PATH_MAX];
	if (!e->name || e->mode > 07777 || e->mtime_ns >= 1000000000)
		abort();
	for (size_t i = 0; i < e->n_segments; i++) {
		if (e->segments[i].offset < end || e->segments[i].offset > e->size ||
			e->segments[i].size > e->size - e->segments[i].offset)
			abort();
		end = e->segments[i].offset + e->segments[i].size;
	}
	nd_err *err = tree_clean_name(e->name, clean);
	/* A clean name has no part that leads up or starts anew. */
	for (const char *p = clean; !err && *p; p += strcspn(p, "/"), p += *p == '/')
		if (*p == '/' || (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2])))
			abort();
	err_free(err);
}

/* Random headers never have the right checksum: every block gets one. */
static void mend_sums(unsigned char *p, size_t size)
{
	for (; size >= TAR_BLOCK; p += TAR_BLOCK, size -= TAR_BLOCK) {
		char text[8];
		unsigned sum = 8 * ' ';
		for (int i = 0; i < TAR_BLOCK; i++)
			sum += i >= 148 && i < 156 ? 0 : p[i];
		snprintf(text, sizeof text, "%06o", sum);
		if (sum != 8 * ' ')
			memcpy(p + 148, text, sizeof text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream in;
	struct tar t;
	const struct tar_entry *e = NULL;
	const unsigned char *p;
	size_t n = 0;
	if (!size)
		return 0;
	_cleanup_free_ unsigned char *copy = mem_alloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 4)
		mend_sums(copy, size - 1);
	stream_init_memory(&in, copy, size - 1);
	in.unsummed = data[0] & 1;
	tar_init(&t, &in);
	nd_err *err;
	do {
		err = tar_next(&t, &e);
		if (!err && e)
			check(e);
		while (!err && e && !(data[0] & 2) && !(err = tar_data(&t, &p, &n)) && n)
			;
	} while (!err && e);
	err_free(err);
	tar_done(&t);
	stream_done(&in);
	return 0;
}
