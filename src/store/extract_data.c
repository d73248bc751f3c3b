/* Content of a file from its tar entry; holes stay holes. */
#include <errno.h>
#include <unistd.h>

#include "store/extract.h"
#include "store/tar.h"

static nd_err *write_at(int fd, const unsigned char *data, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "write", "%zu bytes", len);
		data += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return NULL;
}

static nd_err *write_sparse(struct tar *t, const struct tar_entry *e, int fd, uint64_t *bytes)
{
	const unsigned char *p = NULL;
	size_t have = 0;
	for (size_t i = 0; i < e->n_segments; i++) {
		uint64_t at = e->segments[i].offset, left = e->segments[i].size;
		while (left) {
			if (!have)
				TRY(tar_data(t, &p, &have));
			size_t n = have < left ? have : (size_t)left;
			TRY(write_at(fd, p, n, at));
			p += n;
			have -= n;
			at += n;
			left -= n;
			*bytes += n;
		}
	}
	if (ftruncate(fd, (off_t)e->size) < 0)
		return err_sys(errno, "ftruncate", "to %llu bytes", (unsigned long long)e->size);
	return NULL;
}

static nd_err *write_plain(struct tar *t, int fd, uint64_t *bytes)
{
	const unsigned char *p;
	uint64_t at = 0;
	for (size_t n;; at += n) {
		TRY(tar_data(t, &p, &n));
		if (n == 0)
			break;
		TRY(write_at(fd, p, n, at));
	}
	*bytes += at;
	return NULL;
}

nd_err *extract_data(struct tar *t, const struct tar_entry *e, int fd, uint64_t *bytes)
{
	return e->sparse ? write_sparse(t, e, fd, bytes) : write_plain(t, fd, bytes);
}
