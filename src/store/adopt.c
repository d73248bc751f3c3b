/* Adopting attributes from lower layers: see adopt.h.  An image writer that lists only
 * what changed (umoci, say) leaves out the parents of a changed file; overlayfs takes a
 * directory's attributes from the uppermost layer that has it, so without this /home/me
 * would become root's.  Walks by components, follows no link. */
#include "store/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
enum look { LOOK_BELOW, LOOK_FOUND, LOOK_HIDDEN };

static bool is_opaque(int fd)
{
	char c = 0;
	return (fgetxattr(fd, "trusted.overlay.opaque", &c, 1) == 1 && c == 'y') ||
	       (fgetxattr(fd, "user.overlay.opaque", &c, 1) == 1 && c == 'y');
}

/* Looks for a directory in one layer.  Anything else in its place, or an opaque parent
 * without it, hides what lies further below. */
static enum look look_in(int tree_fd, const char *path, int *ret_fd, bool *ret_opaque)
{
	_cleanup_fd_ int fd = openat(tree_fd, ".", DIR_FLAGS);
	*ret_opaque = false;
	while (fd >= 0 && *path) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(path, "/");
		snprintf(name, sizeof name, "%.*s", (int)n, path);
		int next = openat(fd, name, DIR_FLAGS);
		if (next < 0)
			return errno == ENOENT && !*ret_opaque ? LOOK_BELOW : LOOK_HIDDEN;
		fd_close(fd);
		fd = next;
		*ret_opaque |= is_opaque(fd);
		path += n + (path[n] == '/');
	}
	*ret_fd = steal_fd(&fd);
	return *ret_fd >= 0 ? LOOK_FOUND : LOOK_HIDDEN;
}

static void copy_xattrs(int from, int to)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(from, names, sizeof names);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		if (strstr(names + at, ".overlay."))
			continue;
		ssize_t len = fgetxattr(from, names + at, value, sizeof value);
		if (len >= 0)
			(void)fsetxattr(to, names + at, value, (size_t)len, 0);
	}
}

static nd_err *copy_attributes(int from, int to, const char *path)
{
	struct stat st;
	if (fstat(from, &st) < 0)
		return err_sys(errno, "fstat", "%s", path);
	const struct timespec times[2] = {st.st_mtim, st.st_mtim};
	if (fchown(to, st.st_uid, st.st_gid) < 0)
		return err_sys(errno, "chown", "%s to %u:%u", path, st.st_uid, st.st_gid);
	copy_xattrs(from, to);
	if (fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(errno, "chmod", "%s", path);
	if (futimens(to, times) < 0)
		return err_sys(errno, "utimens", "%s", path);
	return NULL;
}

static nd_err *adopt_one(const int *trees, size_t n, const char *path)
{
	_cleanup_fd_ int own = -1;
	bool opaque;
	if (look_in(trees[n - 1], path, &own, &opaque) != LOOK_FOUND || opaque)
		return NULL;
	for (size_t i = n - 1; i-- > 0;) {
		_cleanup_fd_ int below = -1;
		switch (look_in(trees[i], path, &below, &opaque)) {
		case LOOK_FOUND:
			return copy_attributes(below, own, path);
		case LOOK_HIDDEN:
			return NULL;
		case LOOK_BELOW:
			break;
		}
	}
	return NULL;
}

nd_err *adopt_dirs(const int *trees, size_t n, const struct buf *paths)
{
	for (const char *p = paths->data; p && p < paths->data + paths->len; p += strlen(p) + 1)
		TRY_WRAP(adopt_one(trees, n, p), "give a directory its attributes");
	return NULL;
}
