/* Path resolution in a root that somebody else may write to: see sys.h.
 * Rests on openat2(2) RESOLVE_IN_ROOT (Linux 5.6), where magic links of /proc are
 * refused too; gVisor has no openat2, there a walk does the same by hand. */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

enum { LINKS_MAX = 40 };

/* One component at a time from root_fd; ".." stops at the root because the stack of
 * opened directories is kept. */
static int walk(int root_fd, const char *path, int flags, mode_t mode)
{
	char rest[PATH_MAX], part[NAME_MAX + 1], target[PATH_MAX];
	int stack[64], depth = 0, links = 0, result = -1;
	if (snprintf(rest, sizeof rest, "%s", path) >= (int)sizeof rest) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (;;) {
		int at = depth ? stack[depth - 1] : root_fd;
		char *p = rest + strspn(rest, "/");
		size_t n = strcspn(p, "/");
		bool last = p[n + strspn(p + n, "/")] == '\0';
		if (n == 0) {
			result = openat(at, ".", flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), mode);
			break;
		}
		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			break;
		}
		memcpy(part, p, n);
		part[n] = '\0';
		memmove(rest, p + n, strlen(p + n) + 1);
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			if (depth)
				fd_close(stack[--depth]);
			continue;
		}
		ssize_t len = last && (flags & O_NOFOLLOW)
				      ? -1
				      : readlinkat(at, part, target, sizeof target - 1);
		if (len >= 0) {
			char joined[PATH_MAX];
			target[len] = '\0';
			if (++links > LINKS_MAX) {
				errno = ELOOP;
				break;
			}
			if (snprintf(joined, sizeof joined, "%s/%s", target, rest) >=
				(int)sizeof joined) {
				errno = ENAMETOOLONG;
				break;
			}
			memcpy(rest, joined, sizeof rest);
			if (*target == '/')
				while (depth)
					fd_close(stack[--depth]);
			continue;
		}
		int fd = last ? openat(at, part, flags | O_NOFOLLOW, mode)
			      : openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (last || fd < 0) {
			result = fd;
			break;
		}
		if (depth == (int)ARRAY_SIZE(stack)) {
			fd_close(fd);
			errno = ENAMETOOLONG;
			break;
		}
		stack[depth++] = fd;
	}
	while (depth)
		fd_close(stack[--depth]);
	return result;
}

int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	int fd = sys_openat2(root_fd, path, (uint64_t)(flags | O_CLOEXEC),
		flags & O_CREAT ? mode : 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	/* EAGAIN: a rename raced with "..", openat2(2) says try again. */
	for (int tries = 0; fd < 0 && errno == EAGAIN && tries < 128; tries++)
		fd = sys_openat2(root_fd, path, (uint64_t)(flags | O_CLOEXEC),
			flags & O_CREAT ? mode : 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return walk(root_fd, path, flags | O_CLOEXEC, mode);
	return fd;
}

static int make(int root_fd, const char *path, mode_t mode, bool file)
{
	enum { PATH_ONLY = O_PATH | O_CLOEXEC };
	int fd = open_in_root(root_fd, path, PATH_ONLY, 0);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	/* Make the parents first, by the same rule; then the last component in its parent. */
	char parent[PATH_MAX];
	if (snprintf(parent, sizeof parent, "%s", path) >= (int)sizeof parent) {
		errno = ENAMETOOLONG;
		return -1;
	}
	size_t n = strlen(parent);
	while (n && parent[n - 1] == '/')
		parent[--n] = '\0';
	char *slash = strrchr(parent, '/');
	char *name = slash ? slash + 1 : parent;
	if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0) {
		errno = EINVAL;
		return -1;
	}
	int dir = -1;
	if (slash) {
		*slash = '\0';
		dir = make(root_fd, *parent ? parent : "/", 0755, false);
	} else {
		dir = open_in_root(root_fd, "/", PATH_ONLY, 0);
	}
	if (dir < 0)
		return -1;
	int made =
		file ? openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode)
		     : mkdirat(dir, name, mode);
	int err = errno;
	if (file && made >= 0)
		fd_close(made);
	if (made < 0 && err != EEXIST) {
		fd_close(dir);
		errno = err;
		return -1;
	}
	fd_close(dir);
	/* A dangling link stands there (EEXIST, still ENOENT): refuse rather than follow. */
	return open_in_root(root_fd, path, PATH_ONLY, 0);
}

int mkdir_in_root(int root_fd, const char *path, mode_t mode)
{
	return make(root_fd, path, mode, false);
}

int mkfile_in_root(int root_fd, const char *path, mode_t mode)
{
	return make(root_fd, path, mode, true);
}
