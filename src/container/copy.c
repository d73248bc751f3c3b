/* Copying trees between directory descriptors, for the last rung of the root's ladder
 * and for tmpcopyup.  Links are copied as links, never followed; a whiteout (character
 * device 0:0, as overlay writes it) removes what lower layers put there, and so does an
 * opaque directory.  Hard links within a tree stay hard links.
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

static bool is_opaque(int fd)
{
	char c = 0;
	return (fgetxattr(fd, "trusted.overlay.opaque", &c, 1) == 1 && c == 'y') ||
	       (fgetxattr(fd, "user.overlay.opaque", &c, 1) == 1 && c == 'y');
}

/* Owner first (it clears set-id bits and capabilities), times last.  An id that is not
 * mapped here stays ours, as cp(1) does it. */
static void copy_attributes(int from, int to, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	(void)!fchown(to, st->st_uid, st->st_gid);
	(void)fchmod(to, st->st_mode & 07777);
	copy_xattrs(from, to);
	(void)futimens(to, times);
}

/* The same for what has no descriptor of its own: links and nodes. */
static void copy_attributes_at(int to, const char *name, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	(void)!fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
	if (!S_ISLNK(st->st_mode))
		(void)!fchmodat(to, name, st->st_mode & 07777, 0);
	(void)utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

/* Files of one tree that have several names: where the first of them was copied to. */
struct copied {
	dev_t dev;
	ino_t ino;
	char *path; /* from the top */
};

struct copy {
	int to_top;
	struct buf path; /* of the directory being copied, from the top; "" or ends in '/' */
	struct copied *links;
	size_t n_links;
};

static void copy_done(struct copy *c)
{
	for (size_t i = 0; i < c->n_links; i++)
		free(c->links[i].path);
	free(c->links);
	buf_done(&c->path);
}

/* True when the file was linked to its earlier copy; else it is noted for later names. */
static bool link_copied(struct copy *c, int to, const char *name, const struct stat *st)
{
	if (st->st_nlink < 2)
		return false;
	for (size_t i = 0; i < c->n_links; i++)
		if (c->links[i].ino == st->st_ino && c->links[i].dev == st->st_dev)
			return linkat(c->to_top, c->links[i].path, to, name, 0) == 0;
	c->links = mem_grow(c->links, c->n_links + 1, sizeof *c->links);
	c->links[c->n_links++] = (struct copied){
		st->st_dev, st->st_ino, str_fmt("%s%s", c->path.data ? c->path.data : "", name)};
	return false;
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
	copy_attributes(from, to, st);
	return NULL;
}

static nd_err *copy_dir(struct copy *c, int from, int to, int depth);

static nd_err *copy_sub(
	struct copy *c, int from, int to, const char *name, const struct stat *st, int depth)
{
	struct stat old;
	_cleanup_fd_ int sub = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return err_sys(errno, "open", "%s", name);
	bool there = fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
	if (there && (!S_ISDIR(old.st_mode) || is_opaque(sub)))
		TRY(tree_remove(to, name));
	else if (there) /* a lower layer may have closed it to us */
		(void)!fchmodat(to, name, 0700, 0);
	if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", name);
	_cleanup_fd_ int made = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0)
		return err_sys(errno, "open", "%s (new)", name);
	size_t len = c->path.len;
	buf_fmt(&c->path, "%s/", name);
	nd_err *e = copy_dir(c, sub, made, depth + 1);
	c->path.len = len;
	c->path.data[len] = '\0';
	copy_attributes(sub, made, st);
	return e;
}

static nd_err *copy_link(int from, int to, const char *name, const struct stat *st)
{
	char link[PATH_MAX];
	ssize_t n = readlinkat(from, name, link, sizeof link - 1);
	if (n < 0)
		return err_sys(errno, "readlink", "%s", name);
	link[n] = '\0';
	if (symlinkat(link, to, name) < 0)
		return err_sys(errno, "symlink", "%s", name);
	copy_attributes_at(to, name, st);
	return NULL;
}

static nd_err *copy_one(struct copy *c, int from, int to, const char *name, int depth)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		/* A live tree changes while it is copied. */
		return errno == ENOENT ? NULL : err_sys(errno, "fstatat", "%s", name);
	if (S_ISDIR(st.st_mode))
		return copy_sub(c, from, to, name, &st, depth);
	TRY(tree_remove(to, name));
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
		return NULL; /* a whiteout: what it hid is removed above */
	if (link_copied(c, to, name, &st))
		return NULL;
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, &st);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, name, &st);
	/* Device nodes need CAP_MKNOD; a tree without them is still useful, as in cp(1). */
	if (mknodat(to, name, st.st_mode, st.st_rdev) == 0)
		copy_attributes_at(to, name, &st);
	return NULL;
}

static nd_err *copy_dir(struct copy *c, int from, int to, int depth)
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
			TRY(copy_one(c, from, to, e->d_name, depth));
	return NULL;
}

nd_err *tree_copy(int from, int to, bool with_top)
{
	struct stat st;
	struct copy c = {.to_top = to};
	nd_err *e = copy_dir(&c, from, to, 0);
	copy_done(&c);
	if (!e && with_top && fstat(from, &st) == 0)
		copy_attributes(from, to, &st);
	return e;
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
