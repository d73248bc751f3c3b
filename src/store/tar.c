/* Headers and entries: see tar.h.  Formats as in POSIX.1-2017 pax(1) and GNU tar's
 * manual, "Standard Format".  The order of authority for a value is pax record, GNU
 * long-name header, ustar field. */
#include "store/tar.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

/* Fields of a header block: offset and length. */
enum {
	H_NAME = 0,
	H_MODE = 100,
	H_UID = 108,
	H_GID = 116,
	H_SIZE = 124,
	H_MTIME = 136,
	H_SUM = 148,
	H_TYPE = 156,
	H_LINK = 157,
	H_MAGIC = 257,
	H_MAJOR = 329,
	H_MINOR = 337,
	H_PREFIX = 345,
};

void tar_init(struct tar *t, struct stream *in)
{
	*t = (struct tar){.in = in};
}

static void entry_done(struct tar_entry *e)
{
	free(e->name);
	free(e->link);
	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(e->xattrs);
	free(e->segments);
	*e = (struct tar_entry){0};
}

void tar_done(struct tar *t)
{
	entry_done(&t->entry);
}

nd_err *tar_err(const struct tar *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	_cleanup_free_ char *what = str_vfmt(fmt, ap);
	va_end(ap);
	unsigned long long at = t->entry.offset;
	if (t->entry.name)
		return err_new(ND_INVALID, "bad-archive", "byte %llu: entry '%.200s': %s", at,
			t->entry.name, what);
	return err_new(ND_INVALID, "bad-archive", "byte %llu: %s", at, what);
}

/* Some old writers summed the bytes as signed. */
static nd_err *check_sum(struct tar *t, const unsigned char *b)
{
	uint64_t want;
	uint64_t sum = 0;
	int64_t ssum = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		unsigned char c = i >= H_SUM && i < H_SUM + 8 ? ' ' : b[i];
		sum += c;
		ssum += (signed char)c;
	}
	if (!tar_number(b + H_SUM, 8, &want))
		return tar_err(t, "not a tar header (its checksum field is no number)");
	if (want != sum && (int64_t)want != ssum)
		return tar_err(t, "not a tar header (checksum %llu, the bytes give %llu)",
			(unsigned long long)want, (unsigned long long)sum);
	return NULL;
}

/* Behind the end marker only zeros may stand: other bytes would be hidden content. */
static nd_err *check_tail(struct tar *t)
{
	t->ended = true;
	for (;;) {
		const unsigned char *p;
		size_t n;
		uint64_t at = t->in->out_offset;
		TRY(stream_take(t->in, UINT64_MAX, &p, &n));
		if (n == 0)
			return NULL;
		for (size_t i = 0; i < n; i++)
			if (p[i]) {
				t->entry.offset = at + i;
				return tar_err(t, "there is data behind the end of the archive");
			}
	}
}

/* The next header block; *ret_end when the archive ends here: two zero blocks, one, or
 * none (writers differ; the digest tells whether anything is missing). */
static nd_err *read_header(struct tar *t, unsigned char *b, bool *ret_end)
{
	const unsigned char *p;
	size_t n;
	t->entry.offset = t->in->out_offset;
	TRY(stream_take(t->in, TAR_BLOCK, &p, &n));
	*ret_end = n == 0;
	if (n == 0) {
		t->ended = true;
		return NULL;
	}
	memcpy(b, p, n);
	if (n < TAR_BLOCK)
		TRY(stream_read(t->in, b + n, TAR_BLOCK - n, "a tar header"));
	if (tar_block_is_zero(b)) {
		*ret_end = true;
		return check_tail(t);
	}
	return check_sum(t, b);
}

/* Content of an extended header, with a NUL behind it. */
static nd_err *read_meta(struct tar *t, const unsigned char *b, char **ret, size_t *ret_len)
{
	uint64_t size;
	if (!tar_number(b + H_SIZE, 12, &size) || size > TAR_META_MAX)
		return tar_err(t, "an extended header is larger than %d bytes", TAR_META_MAX);
	_cleanup_free_ char *text = mem_alloc((size_t)size + 1);
	TRY(stream_read(t->in, text, (size_t)size, "an extended header"));
	TRY(stream_skip(t->in, -size % TAR_BLOCK, "an extended header"));
	*ret_len = (size_t)size;
	*ret = steal_ptr(&text);
	return NULL;
}

static nd_err *read_extended(struct tar *t, const unsigned char *b, struct tar_pax *pax,
	char **long_name, char **long_link)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	TRY(read_meta(t, b, &text, &len));
	unsigned char type = b[H_TYPE];
	if (type == 'x') {
		nd_err *e = pax_parse(pax, text, len);
		return e ? err_wrap(e, "byte %llu: pax header", (unsigned long long)t->entry.offset)
			 : NULL;
	}
	if (type == 'g') { /* its records would be defaults; image writers put comments there */
		struct tar_pax ignored = {0};
		nd_err *e = pax_parse(&ignored, text, len);
		pax_done(&ignored);
		return e ? err_wrap(e, "byte %llu: global pax header",
				   (unsigned long long)t->entry.offset)
			 : NULL;
	}
	char **to = type == 'L' ? long_name : long_link;
	if (*to)
		return tar_err(t, "two long-name headers in a row");
	*to = steal_ptr(&text);
	return NULL;
}

static char *ustar_name(const unsigned char *b)
{
	/* GNU's magic is "ustar  "; it keeps other things where the prefix would be. */
	if (memcmp(b + H_MAGIC, "ustar\0", 6) == 0 && b[H_PREFIX])
		return str_fmt("%.155s/%.100s", (const char *)b + H_PREFIX, (const char *)b);
	return str_ndup((const char *)b, 100);
}

static nd_err *set_type(struct tar *t, unsigned char type)
{
	struct tar_entry *e = &t->entry;
	size_t len = strlen(e->name);
	switch (type) {
	case '\0': /* before ustar a directory was a file whose name ends in a slash */
		e->type = len && e->name[len - 1] == '/' ? TAR_DIR : TAR_FILE;
		return NULL;
	case '0':
	case '7':
	case 'S':
		e->type = TAR_FILE;
		return NULL;
	case '1':
		e->type = TAR_HARDLINK;
		return NULL;
	case '2':
		e->type = TAR_SYMLINK;
		return NULL;
	case '3':
		e->type = TAR_CHARDEV;
		return NULL;
	case '4':
		e->type = TAR_BLOCKDEV;
		return NULL;
	case '5':
		e->type = TAR_DIR;
		return NULL;
	case '6':
		e->type = TAR_FIFO;
		return NULL;
	default:
		if (isprint(type))
			return tar_err(t, "entries of type '%c' are not supported", type);
		return tar_err(t, "entries of type 0x%02x are not supported", type);
	}
}

static nd_err *set_numbers(
	struct tar *t, const unsigned char *b, const struct tar_pax *pax, uint64_t *ret_stored)
{
	struct tar_entry *e = &t->entry;
	uint64_t mode, uid = pax->uid, gid = pax->gid, size = pax->size, major = 0, minor = 0;
	bool dev = e->type == TAR_CHARDEV || e->type == TAR_BLOCKDEV;
	if (!tar_number(b + H_MODE, 8, &mode))
		return tar_err(t, "its mode is not a number");
	if (!pax->has_size && !tar_number(b + H_SIZE, 12, &size))
		return tar_err(t, "its size is not a number");
	if ((!pax->has_uid && !tar_number(b + H_UID, 8, &uid)) || uid >= UINT32_MAX)
		return tar_err(t, "its uid is not a number from 0 to 4294967294");
	if ((!pax->has_gid && !tar_number(b + H_GID, 8, &gid)) || gid >= UINT32_MAX)
		return tar_err(t, "its gid is not a number from 0 to 4294967294");
	e->mtime_s = pax->mtime_s;
	e->mtime_ns = pax->mtime_ns;
	if (!pax->has_mtime && !tar_number_signed(b + H_MTIME, 12, &e->mtime_s))
		return tar_err(t, "its time is not a number");
	if (dev && (!tar_number(b + H_MAJOR, 8, &major) || !tar_number(b + H_MINOR, 8, &minor) ||
			   major > 0xfff || minor > 0xfffff))
		return tar_err(t, "its device number is not valid");
	if (size > INT64_MAX)
		return tar_err(t, "its size is too large");
	e->mode = (uint32_t)(mode & 07777);
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->major = (uint32_t)major;
	e->minor = (uint32_t)minor;
	*ret_stored = size;
	return NULL;
}

static void set_names(struct tar_entry *e, const unsigned char *b, struct tar_pax *pax,
	char **long_name, char **long_link)
{
	e->name = pax->sparse_name ? steal_ptr(&pax->sparse_name)
		  : pax->path      ? steal_ptr(&pax->path)
		  : *long_name     ? steal_ptr(long_name)
				   : ustar_name(b);
	if (b[H_TYPE] != '1' && b[H_TYPE] != '2')
		return;
	e->link = pax->link    ? steal_ptr(&pax->link)
		  : *long_link ? steal_ptr(long_link)
			       : str_ndup((const char *)b + H_LINK, 100);
}

/* Where the data of a regular file lies, for each of the four ways to be sparse. */
static nd_err *set_data(struct tar *t, const unsigned char *b, struct tar_pax *pax, uint64_t stored)
{
	struct tar_entry *e = &t->entry;
	e->size = stored;
	t->data_left = e->type == TAR_FILE ? stored : 0;
	t->pad_left = -t->data_left % TAR_BLOCK;
	/* A size on other types says nothing: image writers store no data with them. */
	if (e->type != TAR_FILE)
		return NULL;
	if (b[H_TYPE] == 'S')
		return sparse_read_old(t, b);
	if (pax->sparse_10) {
		e->size = pax->real_size;
		return sparse_read_map(t);
	}
	if (pax->sparse_0) {
		e->sparse = true;
		e->size = pax->real_size;
		e->segments = steal_ptr(&pax->segments);
		e->n_segments = pax->n_segments;
		nd_err *err = sparse_check(e->segments, e->n_segments, e->size, stored);
		return err ? err_wrap(err, "byte %llu: entry '%.200s'",
				     (unsigned long long)e->offset, e->name)
			   : NULL;
	}
	return NULL;
}

static nd_err *read_entry(struct tar *t, struct tar_pax *pax, char **long_name, char **long_link)
{
	unsigned char b[TAR_BLOCK];
	struct tar_entry *e = &t->entry;
	uint64_t first = t->in->out_offset, stored = 0;
	for (bool extended = false;; extended = true) {
		bool end;
		TRY(read_header(t, b, &end));
		if (end && extended)
			return tar_err(t, "the archive ends behind an extended header");
		if (end)
			return NULL;
		if (!memchr("xgLK", b[H_TYPE], 4))
			break;
		TRY(read_extended(t, b, pax, long_name, long_link));
	}
	e->offset = first;
	set_names(e, b, pax, long_name, long_link);
	TRY(set_type(t, b[H_TYPE]));
	TRY(set_numbers(t, b, pax, &stored));
	TRY(set_data(t, b, pax, stored));
	e->xattrs = steal_ptr(&pax->xattrs);
	e->n_xattrs = pax->n_xattrs;
	pax->n_xattrs = 0;
	return NULL;
}

nd_err *tar_next(struct tar *t, const struct tar_entry **ret)
{
	struct tar_pax pax = {0};
	_cleanup_free_ char *long_name = NULL, *long_link = NULL;
	*ret = NULL;
	if (!t->ended)
		TRY(stream_skip(t->in, t->data_left, "a file's data"));
	if (!t->ended)
		TRY(stream_skip(t->in, t->pad_left, "the padding of a file"));
	t->data_left = t->pad_left = 0;
	entry_done(&t->entry);
	if (t->ended)
		return NULL;
	nd_err *e = read_entry(t, &pax, &long_name, &long_link);
	pax_done(&pax);
	if (!e && !t->ended)
		*ret = &t->entry;
	return e;
}

nd_err *tar_data(struct tar *t, const unsigned char **ret, size_t *ret_len)
{
	*ret_len = 0;
	if (!t->data_left)
		return NULL;
	TRY(stream_take(t->in, t->data_left, ret, ret_len));
	if (*ret_len == 0)
		return err_new(ND_INVALID, "truncated",
			"the archive ends in its data, %llu bytes too early",
			(unsigned long long)t->data_left);
	t->data_left -= *ret_len;
	return NULL;
}
