/* gzip through zlib and zstd through libzstd, step by step: see stream.h.  zlib checks
 * each member's CRC and length, libzstd each frame's checksum where it has one. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/str.h"
#include "store/stream.h"

struct codec {
	bool gzip, between; /* between: a member ended, another may begin */
	z_stream z;
	ZSTD_DStream *zstd;
};

static bool is_zstd(const unsigned char *m, size_t len)
{
	static const unsigned char frame[4] = {0x28, 0xb5, 0x2f, 0xfd};
	static const unsigned char skippable[3] = {0x2a, 0x4d, 0x18};
	return len >= 4 && (memcmp(m, frame, 4) == 0 ||
				   ((m[0] & 0xf0) == 0x50 && memcmp(m + 1, skippable, 3) == 0));
}

static const struct {
	const char *name, *magic;
	size_t len;
} refused[] = {{"bzip2", "BZh", 3},
	{"xz",
		"\xfd"
		"7zXZ",
		5},
	{"lz4", "\x04\"M\x18", 4}};

struct codec *codec_new(const unsigned char *magic, size_t len, const char **ret_refused)
{
	*ret_refused = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (len >= refused[i].len && memcmp(magic, refused[i].magic, refused[i].len) == 0)
			*ret_refused = refused[i].name;
	bool gzip = len >= 2 && magic[0] == 0x1f && magic[1] == 0x8b;
	if (!gzip && !is_zstd(magic, len))
		return NULL;
	struct codec *c = mem_alloc(sizeof *c);
	c->gzip = gzip;
	c->between = true;
	if (gzip ? inflateInit2(&c->z, 16 + MAX_WBITS) != Z_OK
		 : (c->zstd = ZSTD_createDStream()) == NULL)
		abort(); /* out of memory */
	return c;
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	if (c->gzip)
		inflateEnd(&c->z);
	ZSTD_freeDStream(c->zstd);
	free(c);
}

static nd_err *step_gzip(struct codec *c, const unsigned char *in, size_t in_len, size_t *ret_used,
	unsigned char *out, size_t out_len, size_t *ret_made, bool *ret_end)
{
	if (c->between && in_len) {
		if (*in != 0x1f)
			return err_invalid("there is something else behind the gzip data");
		inflateReset(&c->z);
		c->between = false;
	}
	c->z.next_in = (unsigned char *)in;
	c->z.avail_in = (uInt)in_len;
	c->z.next_out = out;
	c->z.avail_out = (uInt)out_len;
	int r = inflate(&c->z, Z_NO_FLUSH);
	*ret_used = in_len - c->z.avail_in;
	*ret_made = out_len - c->z.avail_out;
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return err_invalid("gzip data is corrupt (%s)", r == Z_NEED_DICT
									? "wants a dictionary"
								: c->z.msg ? c->z.msg
									   : "unknown");
	*ret_end = c->between = r == Z_STREAM_END;
	return NULL;
}

static nd_err *step_zstd(struct codec *c, const unsigned char *in, size_t in_len, size_t *ret_used,
	unsigned char *out, size_t out_len, size_t *ret_made, bool *ret_end)
{
	ZSTD_inBuffer i = {in, in_len, 0};
	ZSTD_outBuffer o = {out, out_len, 0};
	size_t r = ZSTD_decompressStream(c->zstd, &o, &i);
	if (ZSTD_isError(r))
		return err_invalid("zstd data is corrupt (%s)", ZSTD_getErrorName(r));
	*ret_used = i.pos;
	*ret_made = o.pos;
	*ret_end = r == 0;
	return NULL;
}

nd_err *codec_step(struct codec *c, const unsigned char *in, size_t in_len, size_t *ret_used,
	unsigned char *out, size_t out_len, size_t *ret_made, bool *ret_end)
{
	return (c->gzip ? step_gzip : step_zstd)(
		c, in, in_len, ret_used, out, out_len, ret_made, ret_end);
}
