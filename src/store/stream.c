/* The layer stream: see stream.h. */
#include "store/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

void stream_init(struct stream *s, int fd, uint64_t offset, uint64_t size)
{
	*s = (struct stream){.fd = fd, .pos = offset, .end = offset + size};
	s->in = mem_alloc(STREAM_IN);
	s->out = mem_alloc(STREAM_OUT);
	sha256_init(&s->stored_sum);
	sha256_init(&s->plain_sum);
}

void stream_init_memory(struct stream *s, const void *data, size_t size)
{
	stream_init(s, -1, 0, size);
	s->memory = data;
}

void stream_done(struct stream *s)
{
	codec_free(s->codec);
	free(s->in);
	free(s->out);
	*s = (struct stream){.fd = -1};
}

/* Up to `max` stored bytes; 0 is the end.  A file that became shorter is an error. */
static nd_err *read_stored(struct stream *s, unsigned char *to, size_t max, size_t *ret)
{
	size_t want = s->end - s->pos < max ? (size_t)(s->end - s->pos) : max;
	ssize_t n = (ssize_t)want;
	if (s->fd < 0)
		memcpy(to, s->memory + s->pos, want);
	else
		do
			n = pread(s->fd, to, want, (off_t)s->pos);
		while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(errno, "read", "at byte %llu", (unsigned long long)s->pos);
	if (n == 0 && want)
		return err_new(ND_INVALID, "truncated",
			"the file ends at byte %llu, %llu bytes too early",
			(unsigned long long)s->pos, (unsigned long long)(s->end - s->pos));
	s->pos += (uint64_t)n;
	if (s->count)
		*s->count += (uint64_t)n;
	if (!s->unsummed)
		sha256_add(&s->stored_sum, to, (size_t)n);
	*ret = (size_t)n;
	return NULL;
}

static nd_err *fill_in(struct stream *s)
{
	s->in_pos = 0;
	return read_stored(s, s->in, STREAM_IN, &s->in_len);
}

static nd_err *start(struct stream *s)
{
	const char *bad;
	s->started = true;
	TRY(fill_in(s));
	s->codec = codec_new(s->in, s->in_len, &bad);
	if (bad)
		return err_new(ND_INVALID, "unsupported-compression",
			"is compressed with %s; gzip, zstd and none are supported", bad);
	return NULL;
}

/* A full output buffer may leave more inside the decompressor than its input shows, so
 * it is asked again (`pending`) before the input counts as used up. */
static nd_err *inflate_step(struct stream *s)
{
	size_t used = 0, made = 0, left = s->in_len - s->in_pos;
	nd_err *e = codec_step(s->codec, s->in + s->in_pos, left, &used, s->out + s->out_len,
		STREAM_OUT - s->out_len, &made, &s->boundary);
	if (e)
		return err_wrap(e, "stored byte %llu", (unsigned long long)(s->pos - left));
	s->in_pos += used;
	s->out_len += made;
	if (left && !used && !made)
		return err_invalid("stored byte %llu: the decompressor makes no progress",
			(unsigned long long)(s->pos - left));
	s->pending = s->out_len == STREAM_OUT && !s->boundary;
	return NULL;
}

static nd_err *inflate_some(struct stream *s)
{
	while (s->out_len < STREAM_OUT) {
		if (s->in_pos == s->in_len && !s->pending) {
			TRY(fill_in(s));
			if (s->in_len == 0) {
				s->ended = true;
				break;
			}
		}
		TRY(inflate_step(s));
	}
	if (s->ended && !s->boundary)
		return err_new(ND_INVALID, "truncated",
			"the compressed data is cut off at stored byte %llu",
			(unsigned long long)s->pos);
	return NULL;
}

static nd_err *fill_out(struct stream *s)
{
	s->out_pos = s->out_len = 0;
	if (!s->started)
		TRY(start(s));
	if (s->codec) {
		TRY(inflate_some(s));
		if (!s->unsummed)
			sha256_add(&s->plain_sum, s->out, s->out_len);
		return NULL;
	}
	if (s->in_pos < s->in_len) { /* what start() read to see the magic number */
		memcpy(s->out, s->in, s->in_len);
		s->out_len = s->in_len;
		s->in_pos = s->in_len;
		return NULL;
	}
	TRY(read_stored(s, s->out, STREAM_OUT, &s->out_len));
	s->ended = s->out_len == 0;
	return NULL;
}

nd_err *stream_take(struct stream *s, uint64_t max, const unsigned char **ret, size_t *ret_len)
{
	while (s->out_pos == s->out_len && !s->ended)
		TRY(fill_out(s));
	size_t n = s->out_len - s->out_pos;
	if (n > max)
		n = (size_t)max;
	*ret = s->out + s->out_pos;
	*ret_len = n;
	s->out_pos += n;
	s->out_offset += n;
	return NULL;
}

static nd_err *cut_off(struct stream *s, const char *what)
{
	return err_new(ND_INVALID, "truncated", "ends at byte %llu, in the middle of %s",
		(unsigned long long)s->out_offset, what);
}

nd_err *stream_read(struct stream *s, void *to, size_t len, const char *what)
{
	for (size_t got = 0; got < len;) {
		const unsigned char *p;
		size_t n;
		TRY(stream_take(s, len - got, &p, &n));
		if (n == 0)
			return cut_off(s, what);
		memcpy((char *)to + got, p, n);
		got += n;
	}
	return NULL;
}

nd_err *stream_skip(struct stream *s, uint64_t len, const char *what)
{
	while (len) {
		const unsigned char *p;
		size_t n;
		TRY(stream_take(s, len, &p, &n));
		if (n == 0)
			return cut_off(s, what);
		len -= n;
		/* Plain and not summed: what is not in a buffer need not be read. */
		if (s->unsummed && s->started && !s->codec && s->out_pos == s->out_len &&
			s->in_pos == s->in_len && len < s->end - s->pos) {
			s->pos += len;
			s->out_offset += len;
			return NULL;
		}
	}
	return NULL;
}

static nd_err *compare(const struct stream *s, const char *what, const char *want, const char *hex)
{
	if (!want || strcmp(str_after(want, "sha256:"), hex) == 0)
		return NULL;
	return err_detail(err_new(ND_INVALID, "bad-digest", "the digest of the %s is wrong", what),
		"it should be %s and is sha256:%s", want, hex);
}

nd_err *stream_verify(struct stream *s, const char *stored, const char *plain)
{
	char hex[SHA256_HEX];
	for (size_t n = 1; n;) {
		const unsigned char *p;
		TRY(stream_take(s, UINT64_MAX, &p, &n));
	}
	bool same = !s->codec;
	sha256_end_hex(&s->stored_sum, hex);
	TRY(compare(s, "stored bytes", stored, hex));
	if (!same)
		sha256_end_hex(&s->plain_sum, hex);
	return compare(
		s, same ? "stored bytes (diff id)" : "decompressed bytes (diff id)", plain, hex);
}
