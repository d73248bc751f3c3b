/* Maps of sparse files: the old GNU header ('S') and pax 1.0, where the map stands in
 * front of the data (GNU tar manual, "Storing Sparse Files").  A map is only believed
 * when its parts ascend, lie within the file and hold exactly the stored bytes. */
#include <string.h>

#include "store/tar.h"

nd_err *sparse_check(const struct tar_segment *v, size_t n, uint64_t size, uint64_t stored)
{
	uint64_t end = 0, sum = 0;
	if (size > INT64_MAX)
		return err_invalid("its size is too large");
	for (size_t i = 0; i < n; i++) {
		if (v[i].offset < end || v[i].offset > size || v[i].size > size - v[i].offset)
			return err_invalid("part %zu of its sparse map lies outside the file or "
					   "overlaps",
				i + 1);
		end = v[i].offset + v[i].size;
		sum += v[i].size;
	}
	if (sum != stored)
		return err_invalid("its sparse map speaks of %llu bytes, %llu are stored",
			(unsigned long long)sum, (unsigned long long)stored);
	return NULL;
}

static nd_err *finish(struct tar *t)
{
	struct tar_entry *e = &t->entry;
	e->sparse = true;
	nd_err *err = sparse_check(e->segments, e->n_segments, e->size, t->data_left);
	if (!err)
		return NULL;
	_cleanup_free_ char *line = err_line(err);
	err_free(err);
	return tar_err(t, "%s", line);
}

static nd_err *add(struct tar *t, uint64_t offset, uint64_t size)
{
	struct tar_entry *e = &t->entry;
	if (e->n_segments == TAR_SEGMENTS_MAX)
		return tar_err(t, "its sparse map has more than %d parts", TAR_SEGMENTS_MAX);
	if ((e->n_segments & (e->n_segments - 1)) == 0)
		e->segments = mem_grow(
			e->segments, e->n_segments ? e->n_segments * 2 : 1, sizeof *e->segments);
	e->segments[e->n_segments++] = (struct tar_segment){offset, size};
	return NULL;
}

/* `n` pairs of 12-byte numbers; an empty field ends the list. */
static nd_err *add_old(struct tar *t, const unsigned char *p, int n)
{
	for (int i = 0; i < n; i++, p += 24) {
		uint64_t offset, size;
		if (!p[0] && !p[12])
			return NULL;
		if (!tar_number(p, 12, &offset) || !tar_number(p + 12, 12, &size))
			return tar_err(t, "its sparse map is malformed");
		TRY(add(t, offset, size));
	}
	return NULL;
}

nd_err *sparse_read_old(struct tar *t, const unsigned char *header)
{
	enum { MAP = 386, MORE = 482, REAL = 483, EXT_MORE = 504 };
	unsigned char block[TAR_BLOCK];
	TRY(add_old(t, header + MAP, 4));
	if (!tar_number(header + REAL, 12, &t->entry.size))
		return tar_err(t, "its real size is not a number");
	for (bool more = header[MORE]; more; more = block[EXT_MORE]) {
		TRY(stream_read(t->in, block, sizeof block, "a sparse map"));
		TRY(add_old(t, block, 21));
	}
	return finish(t);
}

/* One decimal number and its newline from the data; counts what it took. */
static nd_err *read_line(struct tar *t, uint64_t *ret)
{
	char text[24];
	for (size_t n = 0; n < sizeof text; n++) {
		if (!t->data_left)
			break;
		TRY(stream_read(t->in, text + n, 1, "a sparse map"));
		t->data_left--;
		if (text[n] != '\n')
			continue;
		text[n] = '\0';
		if (str_to_u64(text, ret))
			return NULL;
		break;
	}
	return tar_err(t, "its sparse map is malformed");
}

nd_err *sparse_read_map(struct tar *t)
{
	uint64_t n, offset, size, stored = t->data_left;
	TRY(read_line(t, &n));
	if (n > TAR_SEGMENTS_MAX)
		return tar_err(t, "its sparse map has more than %d parts", TAR_SEGMENTS_MAX);
	for (; n; n--) {
		TRY(read_line(t, &offset));
		TRY(read_line(t, &size));
		TRY(add(t, offset, size));
	}
	uint64_t pad = -(stored - t->data_left) % TAR_BLOCK;
	if (pad > t->data_left)
		return tar_err(t, "its sparse map is cut off");
	TRY(stream_skip(t->in, pad, "a sparse map"));
	t->data_left -= pad;
	return finish(t);
}
