/* A streaming reader of tar: POSIX ustar and pax, GNU long names, base-256 numbers and
 * sparse files (old GNU, pax 0.0, 0.1 and 1.0), xattrs from SCHILY.xattr.*.  Parses and
 * bounds everything, creates nothing; names are as they stand in the archive. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/stream.h"

enum {
	TAR_BLOCK = 512,
	TAR_META_MAX = 1 << 20,     /* a pax or long-name header */
	TAR_SEGMENTS_MAX = 1 << 20, /* of a sparse file */
	TAR_XATTRS_MAX = 1000,
};

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHARDEV,
	TAR_BLOCKDEV,
	TAR_DIR,
	TAR_FIFO,
};

struct tar_xattr {
	char *name;
	char *value;
	size_t size;
};

struct tar_segment {
	uint64_t offset, size;
};

struct tar_entry {
	enum tar_type type;
	char *name, *link; /* link: target of a symbolic or hard link, else NULL */
	uint64_t offset;   /* of its first header in the archive */
	uint32_t mode;     /* permission bits and 07000 */
	uint32_t uid, gid;
	uint64_t size; /* of the file as it shall be, holes included */
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t major, minor;
	struct tar_xattr *xattrs;
	size_t n_xattrs;
	bool sparse;
	struct tar_segment *segments; /* data, ascending, when sparse */
	size_t n_segments;
};

/* What extended headers say about the entry that follows them. */
struct tar_pax {
	char *path, *link, *sparse_name, *sparse_map;
	bool has_size, has_uid, has_gid, has_mtime, sparse_10, sparse_0;
	uint64_t size, uid, gid, real_size;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct tar_xattr *xattrs;
	size_t n_xattrs;
	struct tar_segment *segments; /* 0.0 and 0.1 */
	size_t n_segments;
	bool segment_open; /* 0.0: an offset came, its numbytes did not yet */
};

struct tar {
	struct stream *in;
	struct tar_entry entry;
	uint64_t data_left, pad_left;
	bool ended;
};

void tar_init(struct tar *t, struct stream *in);
/* The next entry, valid until the next call; *ret NULL at the end of the archive. */
nd_must nd_err *tar_next(struct tar *t, const struct tar_entry **ret);
/* Stored data of the entry, in pieces; *ret_len 0 when there is no more. */
nd_must nd_err *tar_data(struct tar *t, const unsigned char **ret, size_t *ret_len);
void tar_done(struct tar *t);
/* An error that begins with the offset and the entry's name. */
nd_must nd_err *tar_err(const struct tar *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* For tar.c: pax records and sparse maps. */
nd_must nd_err *pax_parse(struct tar_pax *p, const char *text, size_t len);
void pax_done(struct tar_pax *p);
/* Checks that segments ascend within `size` and hold `stored` bytes in all. */
nd_must nd_err *sparse_check(const struct tar_segment *v, size_t n, uint64_t size, uint64_t stored);
/* Reads the map of a 1.0 sparse file from the start of its data. */
nd_must nd_err *sparse_read_map(struct tar *t);
/* Reads old GNU maps: the header's four, then extension blocks. */
nd_must nd_err *sparse_read_old(struct tar *t, const unsigned char *header);
/* Octal with blanks around it, or base-256.  False: not a number, negative or too large. */
bool tar_number(const unsigned char *field, size_t len, uint64_t *ret);
/* The same for times, which may be negative in base-256. */
bool tar_number_signed(const unsigned char *field, size_t len, int64_t *ret);
bool tar_block_is_zero(const unsigned char *block);
