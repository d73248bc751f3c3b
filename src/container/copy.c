/* Copying trees between directory descriptors, for the last rung of the root's ladder
 * and for tmpcopyup.  Links are copied as links, never followed; a whiteout (character
 * device 0:0, as overlay writes it) removes what lower layers put there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <linux/fs.h>

#include "base/fd.h"
#include "container/rootfs.h"

enum { DEPTH_MAX = 256 };

static void copy_xattrs(int from, int to)
{
	char names[4096], value[8192];
	ssize_t n = flistxattr(from, names, sizeof names);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		/* Overlay's own marks mean nothing outside an overlay. */
		if (strstr(names + at, "overlay."))
			continue;
		ssize_t len = fgetxattr(from, names + at, value, sizeof value);
		if (len >= 0)
			(void)fsetxattr(to, names + at, value, (size_t)len, 0);
	}
}

/* Owner first (it clears setuid bits), then mode and times.  An id that is not mapped
 * here stays ours, as cp(1) does it. */
static void copy_owner_mode_times(int to, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	(void)!fchown(to, st->st_uid, st->st_gid);
	(void)fchmod(to, st->st_mode & 07777);
	(void)futimens(to, times);
}

static nd_err *copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	_cleanup_fd_ int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return err_sys(errno, "open", "%s", name);
	_cleanup_fd_ int to =
		openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(errno, "open", "%s (new)", name);
	if (ioctl(to, FICLONE, from) < 0) {
		char chunk[65536];
		ssize_t n;
		while ((n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
			;
		/* Across file systems that cannot share (EXDEV, EINVAL): read and write. */
		while (n < 0 && (n = read(from, chunk, sizeof chunk)) > 0) {
			if (!fd_write_all(to, chunk, (size_t)n))
				return err_sys(errno, "write", "%s", name);
			n = -1;
		}
		if (n < 0)
			return err_sys(errno, "read", "%s", name);
	}
	copy_xattrs(from, to);
	copy_owner_mode_times(to, st);
	return NULL;
}

static nd_err *copy_dir(int from, int to, int depth);

static nd_err *copy_one(int from, int to, const char *name, int depth)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		/* A live tree changes while it is copied. */
		return errno == ENOENT ? NULL : err_sys(errno, "fstatat", "%s", name);
	if (S_ISDIR(st.st_mode)) {
		struct stat old;
		if (fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(old.st_mode))
			TRY(tree_remove(to, name));
		if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
			return err_sys(errno, "mkdir", "%s", name);
		_cleanup_fd_ int sub =
			openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		_cleanup_fd_ int made =
			openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 || made < 0)
			return err_sys(errno, "open", "%s", name);
		TRY(copy_dir(sub, made, depth + 1));
		copy_xattrs(sub, made);
		copy_owner_mode_times(made, &st);
		return NULL;
	}
	TRY(tree_remove(to, name));
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, &st);
	if (S_ISLNK(st.st_mode)) {
		char link[PATH_MAX];
		ssize_t n = readlinkat(from, name, link, sizeof link - 1);
		if (n < 0)
			return err_sys(errno, "readlink", "%s", name);
		link[n] = '\0';
		if (symlinkat(link, to, name) < 0)
			return err_sys(errno, "symlink", "%s", name);
		(void)!fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
		return NULL;
	}
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
		return NULL; /* a whiteout: what it hid is removed above */
	/* Device nodes need CAP_MKNOD; a tree without them is still useful, as in cp(1). */
	if (mknodat(to, name, st.st_mode, st.st_rdev) == 0)
		(void)!fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
	return NULL;
}

static nd_err *copy_dir(int from, int to, int depth)
{
	if (depth > DEPTH_MAX)
		return err_new(
			ND_LIMIT, "too-deep", "the tree is more than %d levels deep", DEPTH_MAX);
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(errno, "opendir", "a directory to copy");
	struct dirent *e;
	while ((e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			TRY(copy_one(from, to, e->d_name, depth));
	return NULL;
}

nd_err *tree_copy(int from, int to, bool with_top)
{
	struct stat st;
	TRY(copy_dir(from, to, 0));
	if (with_top && fstat(from, &st) == 0)
		copy_owner_mode_times(to, &st);
	return NULL;
}

nd_err *layers_copy(const struct strv *layers, const char *to)
{
	_cleanup_fd_ int to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to_fd < 0)
		return err_sys(errno, "open", "%s", to);
	for (size_t i = 0; i < layers->n; i++) {
		_cleanup_fd_ int from = open(layers->v[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (from < 0)
			return err_sys(errno, "open", "%s", layers->v[i]);
		TRY_WRAP(tree_copy(from, to_fd, true), "copy %s", layers->v[i]);
	}
	return NULL;
}
