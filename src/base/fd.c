/* Descriptors and small files: see fd.h. */
#include "fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_close(int fd)
{
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
}

bool fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

ssize_t fd_read_full(int fd, void *data, size_t len)
{
	size_t got = 0;
	while (got < len) {
		ssize_t n = read(fd, (char *)data + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

nd_err *fd_read_text(int fd, const char *name, size_t max, struct buf *ret)
{
	char chunk[8192];
	struct buf b = {0};
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = errno;
			buf_done(&b);
			return err_sys(err, "read", "%s", name);
		}
		if (n == 0)
			break;
		if (b.len + (size_t)n > max) {
			buf_done(&b);
			return err_new(ND_LIMIT, "file-too-large", "%s is larger than %zu bytes",
				name, max);
		}
		buf_add(&b, chunk, (size_t)n);
	}
	buf_done(ret);
	*ret = b;
	return NULL;
}

nd_err *file_read(int dir_fd, const char *path, size_t max, struct buf *ret)
{
	_cleanup_fd_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(errno, "open", "%s", path);
	return fd_read_text(fd, path, max, ret);
}

ssize_t file_read_line(int dir_fd, const char *path, char *text, size_t size)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -1;
	/* One read: files of /proc, /sys and cgroups give a line whole. */
	ssize_t n;
	do
		n = read(fd, text, size - 1);
	while (n < 0 && errno == EINTR);
	fd_close(fd);
	if (n < 0)
		return -1;
	text[n] = '\0';
	char *end = strchr(text, '\n');
	if (end)
		*end = '\0';
	return (ssize_t)strlen(text);
}

bool file_poke(int dir_fd, const char *path, const char *text)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);
	fd_close(fd);
	if (n >= 0 && (size_t)n != len)
		errno = EIO;
	return n == (ssize_t)len;
}

nd_err *file_replace(int dir_fd, const char *name, const void *data, size_t len, mode_t mode)
{
	_cleanup_free_ char *temp = str_fmt("%s.new", name);
	_cleanup_fd_ int fd =
		openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(errno, "open", "%s", temp);
	if (!fd_write_all(fd, data, len)) {
		int err = errno;
		unlinkat(dir_fd, temp, 0);
		return err_sys(err, "write", "%s", temp);
	}
	if (renameat(dir_fd, temp, dir_fd, name) < 0)
		return err_sys(errno, "rename", "%s to %s", temp, name);
	return NULL;
}

nd_err *dir_make(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return NULL;
	if (errno != ENOENT)
		return err_sys(errno, "mkdir", "%s", path);
	_cleanup_free_ char *copy = str_dup(path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_sys(errno, "mkdir", "%s", copy);
		*p = '/';
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", path);
	return NULL;
}

/* A tree being removed.  Descriptors are held on the way down, so what lies deeper than
 * DEEP is moved up to the top first, where the next pass finds it: a tree may be deeper
 * than there are descriptors. */
struct removal {
	dev_t dev;
	int top_fd;
	unsigned moved;
};
enum { DEEP = 64 };

static nd_err *tree_empty(int fd, const char *name, struct removal *r, int depth);

static bool move_up(int dir_fd, const char *name, struct removal *r)
{
	char up[48];
	/* A name that is taken holds another directory that was moved up. */
	for (int tries = 0; tries < 1000; tries++) {
		snprintf(up, sizeof up, ".nidus-removed.%u", r->moved++);
		if (syscall(SYS_renameat2, dir_fd, name, r->top_fd, up, 1 /* RENAME_NOREPLACE */) ==
			0)
			return true;
		if (errno != EEXIST)
			break;
	}
	return false;
}

static int open_sub(int dir_fd, const char *name)
{
	enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
	int fd = openat(dir_fd, name, FLAGS);
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, FLAGS);
	return fd;
}

/* unlinkat(2) said `err`: the entry is a directory, or cannot be removed. */
static nd_err *remove_sub(
	int dir_fd, const char *name, const char *path, int err, struct removal *r, int depth)
{
	int sub = open_sub(dir_fd, name);
	if (sub < 0)
		return err_sys(errno == ENOTDIR ? err : errno, "open", "%s", path);
	struct stat st;
	if (fstat(sub, &st) < 0 || st.st_dev != r->dev) {
		fd_close(sub);
		return err_new(ND_BUSY, "mount-inside", "%s is another file system", path);
	}
	/* Removing needs write permission on the directory itself. */
	if ((st.st_mode & 0700) != 0700)
		fchmod(sub, 0700);
	if (depth >= DEEP && move_up(dir_fd, name, r)) {
		fd_close(sub);
		return NULL;
	}
	TRY(tree_empty(sub, path, r, depth + 1));
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(errno, "rmdir", "%s", path);
	return NULL;
}

static nd_err *tree_empty(int fd, const char *name, struct removal *r, int depth)
{
	_cleanup_closedir_ DIR *d = fdopendir(fd);
	if (!d) {
		int err = errno;
		fd_close(fd);
		return err_sys(err, "fdopendir", "%s", name);
	}
	struct dirent *e;
	while ((e = readdir(d))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		int err = errno;
		_cleanup_free_ char *path = str_fmt("%s/%s", name, e->d_name);
		if (err != EISDIR && err != EPERM)
			return err_sys(err, "unlink", "%s", path);
		TRY(remove_sub(dirfd(d), e->d_name, path, err, r, depth));
	}
	return NULL;
}

nd_err *tree_remove(int dir_fd, const char *name)
{
	_cleanup_fd_ int fd = open_sub(dir_fd, name);
	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (unlinkat(dir_fd, name, 0) < 0)
			return err_sys(errno, "unlink", "%s", name);
		return NULL;
	}
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(errno, "open", "%s", name);
	if ((st.st_mode & 0700) != 0700)
		fchmod(fd, 0700);
	struct removal r = {.dev = st.st_dev, .top_fd = fd};
	for (unsigned before = 0;; before = r.moved) {
		int pass = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (pass < 0)
			return err_sys(errno, "open", "%s", name);
		TRY(tree_empty(pass, name, &r, 0));
		if (r.moved == before)
			break;
	}
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(errno, "rmdir", "%s", name);
	return NULL;
}

bool fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) == 0;
}

bool fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}
