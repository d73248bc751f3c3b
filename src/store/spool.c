/* Spooling: see spool.h.  The file has no name from the start (O_TMPFILE, open(2)) or
 * loses it at once, so that nothing stays behind. */
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "store/stream.h"

static nd_err *open_nameless(int *ret)
{
	const char *dir = getenv("TMPDIR");
	if (!dir || *dir != '/')
		dir = "/var/tmp";
	*ret = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*ret >= 0)
		return NULL;
	_cleanup_free_ char *path = str_fmt("%s/nidus-spool.XXXXXX", dir);
	*ret = mkostemp(path, O_CLOEXEC);
	if (*ret < 0)
		return err_sys(errno, "open", "a temporary file in %s", dir);
	unlink(path);
	return NULL;
}

static nd_err *copy(struct stream *in, int to, uint64_t *ret_size)
{
	for (uint64_t size = 0;;) {
		const unsigned char *p;
		size_t n;
		TRY(stream_take(in, UINT64_MAX, &p, &n));
		if (n == 0) {
			*ret_size = size;
			return NULL;
		}
		if (!fd_write_all(to, p, n))
			return err_remedy(err_sys(errno, "write", "the decompressed archive"),
				"TMPDIR can name a directory on a larger disk.");
		size += n;
	}
}

nd_err *spool_if_compressed(int *fd, uint64_t *size)
{
	unsigned char magic[8];
	const char *refused;
	ssize_t n = pread(*fd, magic, sizeof magic, 0);
	if (n < 0)
		return err_sys(errno, "read", "the archive");
	struct codec *codec = codec_new(magic, (size_t)n, &refused);
	if (!codec)
		return NULL; /* plain, or something that the reader refuses by name */
	codec_free(codec);
	_cleanup_fd_ int to = -1;
	struct stream in;
	TRY(open_nameless(&to));
	stream_init(&in, *fd, 0, *size);
	in.unsummed = true;
	nd_err *e = copy(&in, to, size);
	stream_done(&in);
	if (e)
		return e;
	fd_close(*fd);
	*fd = steal_fd(&to);
	return NULL;
}
