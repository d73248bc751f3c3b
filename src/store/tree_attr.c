/* Attributes of a tree under construction: owners, modes, times and extended attributes
 * of directories at the end, marks of overlayfs, and which extended attributes of an
 * image are taken over.  Rests on overlayfs.rst, "whiteouts and opaque directories". */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "store/tree.h"

bool is_whiteout(int dir_fd, const char *name)
{
	struct stat st;
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(0, 0);
}

nd_err *set_opaque(int dir_fd, const char *name)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s", name);
	bool trusted = fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) == 0;
	int err = errno;
	if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) < 0 && !trusted)
		return err_sys(err, "fsetxattr", "overlay.opaque on %s", name);
	return NULL;
}

/* overlay's own attributes in an image would steer the mount (redirects, metadata-only
 * copies); labels and signatures belong to the host's policy. */
static bool is_taken(const char *name)
{
	static const char *const taken[] = {"user.", "trusted.", "security.capability",
		"system.posix_acl_access", "system.posix_acl_default"};
	if (str_starts(name, "user.overlay.") || str_starts(name, "trusted.overlay."))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (i < 2 ? str_starts(name, taken[i]) : strcmp(name, taken[i]) == 0)
			return true;
	return false;
}

static int set_one(int fd, int dir_fd, const char *name, const struct tar_xattr *x)
{
	if (fd >= 0)
		return fsetxattr(fd, x->name, x->value, x->size, 0);
	/* No *at form before Linux 6.13, and the child that unpacks may have no /proc. */
	if (fchdir(dir_fd) < 0)
		return -1;
	return lsetxattr(name, x->name, x->value, x->size, 0);
}

nd_err *set_xattrs(
	struct tree *t, int fd, int dir_fd, const char *name, const struct tar_xattr *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_taken(v[i].name) && set_one(fd, dir_fd, name, &v[i]) == 0)
			continue;
		/* The file system, the file's type or our rights refuse: it is counted. */
		if (is_taken(v[i].name) && errno != ENOTSUP && errno != EPERM && errno != EINVAL)
			return err_sys(errno, "setxattr", "%s on %s", v[i].name, name);
		t->skipped_xattrs++;
	}
	return NULL;
}

static int by_path(const void *a, const void *b)
{
	const struct tree_dir *x = a, *y = b;
	int c = strcmp(x->path, y->path);
	return c ? c : x->order < y->order ? -1 : x->order > y->order;
}

nd_err *chown_err(int errnum, const char *path, uint32_t uid, uint32_t gid)
{
	nd_err *e = err_sys(errnum, "chown", "%s to %u:%u", path, uid, gid);
	if (errnum != EINVAL)
		return e;
	err_detail(e, "EINVAL: the user namespace has no such id (/proc/self/uid_map, gid_map)");
	return err_remedy(e, "Give the user more subordinate ids in /etc/subuid and /etc/subgid "
			     "(usermod --add-subuids, --add-subgids), or import as root.");
}

static nd_err *set_dir(struct tree *t, int fd, const struct tree_dir *d)
{
	if (!t->squash && fchown(fd, d->uid, d->gid) < 0)
		return chown_err(errno, d->path, d->uid, d->gid);
	TRY(set_xattrs(t, fd, -1, d->path, d->xattrs, d->n_xattrs));
	if (fchmod(fd, d->mode) < 0)
		return err_sys(errno, "chmod", "%s", d->path);
	const struct timespec times[2] = {{d->mtime_s, d->mtime_ns}, {d->mtime_s, d->mtime_ns}};
	if (futimens(fd, times) < 0)
		return err_sys(errno, "utimens", "%s", d->path);
	return NULL;
}

/* A later entry may have put something else in the directory's place: then there is
 * nothing to do. */
static nd_err *finish_dir(struct tree *t, const struct tree_dir *d)
{
	int parent = t->root_fd;
	const char *name = ".";
	if (*d->path)
		TRY(tree_find(t, d->path, &parent, &name));
	if (parent < 0)
		return NULL;
	_cleanup_fd_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return NULL;
	if (fd < 0)
		return err_sys(errno, "open", "%s", d->path);
	if (d->implicit) {
		buf_add(&t->implicit, d->path, strlen(d->path) + 1);
		t->n_implicit++;
	}
	return set_dir(t, fd, d);
}

/* Children before parents, so that a mode without search permission bars nobody; of
 * several records of one name the last counts. */
nd_err *tree_finish(struct tree *t)
{
	qsort(t->dirs, t->n_dirs, sizeof *t->dirs, by_path);
	for (size_t i = t->n_dirs; i-- > 0;)
		if (i + 1 == t->n_dirs || strcmp(t->dirs[i].path, t->dirs[i + 1].path) != 0)
			TRY(finish_dir(t, &t->dirs[i]));
	return NULL;
}
