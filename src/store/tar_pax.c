/* pax extended header records, "LENGTH KEY=VALUE\n" (POSIX.1-2017 pax(1)), with the
 * vendor keys GNU.sparse.* (GNU tar) and SCHILY.xattr.* (star; what every image writer
 * uses).  Unknown keys are ignored, as the standard wants. */
#include <ctype.h>
#include <string.h>

#include "store/tar.h"

void pax_done(struct tar_pax *p)
{
	free(p->path);
	free(p->link);
	free(p->sparse_name);
	free(p->sparse_map);
	for (size_t i = 0; i < p->n_xattrs; i++) {
		free(p->xattrs[i].name);
		free(p->xattrs[i].value);
	}
	free(p->xattrs);
	free(p->segments);
	*p = (struct tar_pax){0};
}

static nd_err *set_text(char **to, const char *key, const char *value, size_t len)
{
	if (memchr(value, '\0', len))
		return err_invalid("'%s' contains a NUL character", key);
	free(*to);
	*to = len ? str_ndup(value, len) : NULL; /* empty: the record is taken back */
	return NULL;
}

static nd_err *get_u64(const char *key, const char *value, uint64_t *ret)
{
	if (!str_to_u64(value, ret))
		return err_invalid("'%s' is not a number: '%.40s'", key, value);
	return NULL;
}

/* "1350244992.023960108", also negative: nanoseconds count upwards from the second
 * below, as in struct timespec. */
static nd_err *get_time(const char *value, struct tar_pax *p)
{
	size_t whole = strcspn(value, ".");
	_cleanup_free_ char *sec = str_ndup(value, whole);
	bool negative = *value == '-';
	uint32_t ns = 0, scale = 100000000;
	if (!str_to_i64(sec, &p->mtime_s))
		return err_invalid("'mtime' is not a time: '%.40s'", value);
	for (const char *f = value + whole + (value[whole] == '.'); *f; f++) {
		if (!isdigit((unsigned char)*f))
			return err_invalid("'mtime' is not a time: '%.40s'", value);
		ns += (uint32_t)(*f - '0') * scale;
		scale /= 10;
	}
	if (negative && ns) {
		if (p->mtime_s == INT64_MIN)
			return err_invalid("'mtime' is out of range");
		p->mtime_s--;
		ns = 1000000000 - ns;
	}
	p->mtime_ns = ns;
	p->has_mtime = true;
	return NULL;
}

static nd_err *add_xattr(struct tar_pax *p, const char *name, const char *value, size_t len)
{
	/* xattr(7): names up to 255 bytes, values up to 64 KiB */
	if (!*name || strlen(name) > 255 || len > 65536)
		return err_invalid("the extended attribute '%.80s' is too long", name);
	if (p->n_xattrs == TAR_XATTRS_MAX)
		return err_invalid("there are more than %d extended attributes", TAR_XATTRS_MAX);
	p->xattrs = mem_grow(p->xattrs, p->n_xattrs + 1, sizeof *p->xattrs);
	struct tar_xattr *x = &p->xattrs[p->n_xattrs++];
	*x = (struct tar_xattr){str_dup(name), mem_alloc(len + 1), len};
	memcpy(x->value, value, len);
	return NULL;
}

static nd_err *add_segment(struct tar_pax *p, uint64_t offset)
{
	if (p->n_segments == TAR_SEGMENTS_MAX)
		return err_invalid("the sparse map has more than %d parts", TAR_SEGMENTS_MAX);
	if ((p->n_segments & (p->n_segments - 1)) == 0)
		p->segments = mem_grow(
			p->segments, p->n_segments ? p->n_segments * 2 : 1, sizeof *p->segments);
	p->segments[p->n_segments++] = (struct tar_segment){offset, 0};
	p->sparse_0 = true;
	return NULL;
}

/* 0.1: "offset,size,offset,size" in one record. */
static nd_err *parse_map(struct tar_pax *p, const char *value)
{
	_cleanup_strv_ struct strv parts = {0};
	p->n_segments = 0;
	p->sparse_0 = true;
	if (!*value)
		return NULL;
	strv_split(&parts, value, ',');
	if (parts.n % 2)
		return err_invalid("'GNU.sparse.map' has an odd number of values");
	for (size_t i = 0; i < parts.n; i += 2) {
		uint64_t offset;
		TRY(get_u64("GNU.sparse.map", parts.v[i], &offset));
		TRY(add_segment(p, offset));
		TRY(get_u64(
			"GNU.sparse.map", parts.v[i + 1], &p->segments[p->n_segments - 1].size));
	}
	return NULL;
}

static nd_err *sparse_record(struct tar_pax *p, const char *key, const char *value, size_t len)
{
	uint64_t v;
	if (strcmp(key, "name") == 0)
		return set_text(&p->sparse_name, "GNU.sparse.name", value, len);
	if (strcmp(key, "map") == 0)
		return parse_map(p, value);
	TRY(get_u64(key, value, &v));
	if (strcmp(key, "major") == 0) {
		if (v > 1)
			return err_invalid(
				"GNU sparse format %llu is not supported", (unsigned long long)v);
		p->sparse_10 = v == 1;
	} else if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
		p->real_size = v;
	} else if (strcmp(key, "offset") == 0) {
		if (p->segment_open)
			return err_invalid("'GNU.sparse.offset' twice without numbytes");
		TRY(add_segment(p, v));
		p->segment_open = true;
	} else if (strcmp(key, "numbytes") == 0) {
		if (!p->segment_open)
			return err_invalid("'GNU.sparse.numbytes' without offset");
		p->segments[p->n_segments - 1].size = v;
		p->segment_open = false;
	}
	return NULL;
}

static nd_err *record(struct tar_pax *p, const char *key, const char *value, size_t len)
{
	const char *rest;
	if ((rest = str_after(key, "SCHILY.xattr.")))
		return add_xattr(p, rest, value, len);
	if ((rest = str_after(key, "GNU.sparse.")))
		return sparse_record(p, rest, value, len);
	if (strcmp(key, "path") == 0)
		return set_text(&p->path, key, value, len);
	if (strcmp(key, "linkpath") == 0)
		return set_text(&p->link, key, value, len);
	static const struct {
		const char *key;
		size_t has, value;
	} numbers[] = {
		{"size", offsetof(struct tar_pax, has_size), offsetof(struct tar_pax, size)},
		{"uid", offsetof(struct tar_pax, has_uid), offsetof(struct tar_pax, uid)},
		{"gid", offsetof(struct tar_pax, has_gid), offsetof(struct tar_pax, gid)},
	};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (strcmp(key, numbers[i].key) != 0)
			continue;
		*(bool *)((char *)p + numbers[i].has) = len > 0;
		return len ? get_u64(key, value, (uint64_t *)((char *)p + numbers[i].value)) : NULL;
	}
	if (strcmp(key, "mtime") == 0) {
		p->has_mtime = false;
		return len ? get_time(value, p) : NULL;
	}
	return NULL;
}

nd_err *pax_parse(struct tar_pax *p, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = 0, i = at;
		for (; i < len && isdigit((unsigned char)text[i]) && n <= TAR_META_MAX; i++)
			n = n * 10 + (size_t)(text[i] - '0');
		/* shortest record: "5 a=\n" */
		if (i == at || i == len || text[i] != ' ' || n > len - at || n < i - at + 4 ||
			text[at + n - 1] != '\n')
			return err_invalid("the record at its byte %zu is malformed", at);
		const char *key = text + i + 1, *end = text + at + n - 1;
		const char *eq = memchr(key, '=', (size_t)(end - key));
		if (!eq || eq == key || memchr(key, '\0', (size_t)(eq - key)))
			return err_invalid("the record at its byte %zu has no key", at);
		_cleanup_free_ char *k = str_ndup(key, (size_t)(eq - key));
		size_t value_len = (size_t)(end - eq - 1);
		/* copied for its NUL; bounded by TAR_META_MAX */
		_cleanup_free_ char *v = mem_alloc(value_len + 1);
		memcpy(v, eq + 1, value_len);
		TRY(record(p, k, v, value_len));
		at += n;
	}
	return NULL;
}
