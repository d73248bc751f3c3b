/* A layer's bytes as one forward stream: read, decompressed (gzip with any number of
 * members, zstd with any number of frames, or plain, told by magic number) and hashed
 * on both sides, through buffers of fixed size.  Offsets in errors are of the
 * decompressed text unless they say otherwise. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sha256.h"

struct codec;

enum { STREAM_OUT = 256 << 10, STREAM_IN = 128 << 10 };

struct stream {
	int fd; /* borrowed; -1: memory */
	const unsigned char *memory;
	uint64_t pos, end;       /* of the stored bytes, absolute in fd or memory */
	_Atomic uint64_t *count; /* stored bytes read so far are added here; may be NULL */
	unsigned char *in;
	size_t in_pos, in_len;
	struct codec *codec; /* NULL: plain */
	bool unsummed;       /* set by the caller: no digests wanted, so skipping may seek */
	bool started, ended, pending;
	bool boundary; /* between two gzip members or zstd frames */
	unsigned char *out;
	size_t out_pos, out_len;
	uint64_t out_offset; /* of out[out_pos] */
	struct sha256 stored_sum, plain_sum;
};

/* `size` bytes of fd from `offset`. */
void stream_init(struct stream *s, int fd, uint64_t offset, uint64_t size);
void stream_init_memory(struct stream *s, const void *data, size_t size);
void stream_done(struct stream *s);

/* Up to `max` bytes without copying, valid until the next call; *ret_len 0 is the end. */
nd_must nd_err *stream_take(
	struct stream *s, uint64_t max, const unsigned char **ret, size_t *ret_len);
/* Exactly len bytes; fewer is an error that says what was being read. */
nd_must nd_err *stream_read(struct stream *s, void *to, size_t len, const char *what);
nd_must nd_err *stream_skip(struct stream *s, uint64_t len, const char *what);
/* Reads to the end and compares digests ("sha256:HEX"; NULL: not checked). */
nd_must nd_err *stream_verify(struct stream *s, const char *stored, const char *plain);

/* For stream.c: one step of decompression.  Consumes from in, produces to out; *ret_end
 * says that a member or frame ended exactly here. */
struct codec *codec_new(const unsigned char *magic, size_t len, const char **ret_refused);
nd_must nd_err *codec_step(struct codec *c, const unsigned char *in, size_t in_len,
	size_t *ret_used, unsigned char *out, size_t out_len, size_t *ret_made, bool *ret_end);
void codec_free(struct codec *c);
