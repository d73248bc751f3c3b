/* The mounts of a container: sources are opened in the place's tree, targets beneath the
 * container's root, and only descriptors of the two meet, so that no link of either side
 * leads anywhere else (the class of CVE-2021-30465).
 *
 * Rests on open_tree(2) and move_mount(2), Linux 5.2; where the place refuses them
 * (gVisor, old seccomp profiles) mount(2) is given /proc/self/fd names of the same
 * descriptors.  A fresh proc or sysfs in a user namespace is refused while the place's own
 * is masked (mount_too_revealing(), Linux 4.2): then the place's is bound with its masks.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "container/cgroup.h"
#include "container/child.h"
#include "container/mountopt.h"
#include "container/rootfs.h"
#include "container/wire.h"
#include "kernel/sys.h"

struct mount_source {
	int fd;       /* of a bind's source; -1 for other mounts */
	bool is_tree; /* fd is a detached tree (open_tree), not an O_PATH */
	bool is_dir;
	bool missing; /* of an optional mount: nothing is mounted */
	struct mount_opts o;
};

static bool no_such_call(int errnum)
{
	return errnum == ENOSYS || errnum == EPERM;
}

static nd_err *open_source(const struct mount_spec *m, struct mount_source *src)
{
	unsigned rec = src->o.flags & MS_REC ? AT_RECURSIVE : 0;
	int fd = open_tree(AT_FDCWD, m->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | rec);
	/* In a user namespace mounts beneath the source are locked to it: take them along. */
	if (fd < 0 && errno == EINVAL && !rec)
		fd = open_tree(
			AT_FDCWD, m->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	src->is_tree = fd >= 0;
	if (fd < 0 && (no_such_call(errno) || errno == EINVAL))
		fd = open(m->source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s (to be mounted at %s)", m->source, m->target);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "fstat", "%s", m->source);
	src->fd = fd;
	src->is_dir = S_ISDIR(st.st_mode);
	return NULL;
}

nd_err *mounts_open_sources(struct child *c, struct mount_source **ret)
{
	const struct container_spec *s = c->s;
	struct mount_source *all = mem_alloc(s->n_mounts * sizeof *all);
	for (size_t i = 0; i < s->n_mounts; i++) {
		mount_opts_parse(&s->mounts[i].options, &all[i].o);
		all[i].fd = -1;
		all[i].is_dir = true;
		if (str_eq(s->mounts[i].type, "bind"))
			all[i].o.flags |= MS_BIND;
		if (!(all[i].o.flags & MS_BIND))
			continue;
		nd_err *e = open_source(&s->mounts[i], &all[i]);
		if (e && !s->mounts[i].optional)
			return e;
		all[i].missing = e != NULL;
		err_free(e);
	}
	*ret = all;
	return NULL;
}

/* "self/fd/N" beneath c->proc_fd, which becomes the cwd. */
static nd_err *name_fd(struct child *c, int fd, char *text, size_t size)
{
	if (fchdir(c->proc_fd) < 0)
		return err_sys(errno, "fchdir", "/proc");
	snprintf(text, size, "self/fd/%d", fd);
	return NULL;
}

nd_err *mount_attach(struct child *c, int source_fd, int target_fd, const char *target)
{
	if (move_mount(source_fd, "", target_fd, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return NULL;
	if (!no_such_call(errno) && errno != EINVAL)
		return err_sys(errno, "move_mount", "at %s", target);
	int err = errno;
	char from[32], to[32];
	TRY(name_fd(c, source_fd, from, sizeof from));
	snprintf(to, sizeof to, "self/fd/%d", target_fd);
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(err == EINVAL ? errno : err, "mount", "bind at %s", target);
	return NULL;
}

nd_err *mount_at(struct child *c, int target_fd, const char *target, const char *type,
	const char *source, unsigned long flags, const char *data)
{
	if (fchdir(target_fd) < 0)
		return err_sys(errno, "fchdir", "%s", target);
	if (mount(source, ".", type, flags, data) < 0)
		return err_sys(errno, "mount", "%s at %s%s%s%s", type, target, data ? " (" : "",
			data ? data : "", data ? ")" : "");
	return NULL;
}

/* The mount flags that a mount has now, to be kept by a remount (statfs(2) ST_*). */
static unsigned long flags_now(int fd)
{
	struct statfs st;
	if (fstatfs(fd, &st) < 0)
		return 0;
	/* ST_RDONLY, NOSUID, NODEV, NOEXEC, SYNCHRONOUS have the MS_ values; the times do not. */
	unsigned long f =
		(unsigned long)st.f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
	if (st.f_flags & 1024)
		f |= MS_NOATIME;
	if (st.f_flags & 2048)
		f |= MS_NODIRATIME;
	if (st.f_flags & 4096)
		f |= MS_RELATIME;
	return f;
}

nd_err *mount_remount(struct child *c, const char *target, unsigned long set, unsigned long clear)
{
	int fd = open_in_root(c->root_fd, target, O_PATH, 0);
	char name[32];
	if (fd < 0)
		return err_sys(errno, "open", "%s", target);
	TRY(name_fd(c, fd, name, sizeof name));
	unsigned long flags = ((flags_now(fd) & ~clear) | set) & ~(MS_REC | MS_BIND);
	if (mount(NULL, name, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
		return err_sys(errno, "mount", "remount %s", target);
	fd_close(fd);
	return NULL;
}

static nd_err *set_attrs(int fd, const char *target, uint64_t set, uint64_t clear,
	unsigned long propagation, unsigned flags)
{
	struct mount_attr a = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
	/* A change of the access-time mode must say that it clears the old one. */
	if (set & MOUNT_ATTR__ATIME || clear & MOUNT_ATTR__ATIME)
		a.attr_clr |= MOUNT_ATTR__ATIME;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | flags, &a, sizeof a) < 0)
		return err_sys(errno, "mount_setattr", "%s", target);
	return NULL;
}

static nd_err *set_propagation(struct child *c, const char *target, unsigned long propagation)
{
	int fd = open_in_root(c->root_fd, target, O_PATH, 0);
	char name[32];
	if (fd < 0)
		return err_sys(errno, "open", "%s", target);
	TRY(name_fd(c, fd, name, sizeof name));
	if (mount(NULL, name, NULL, propagation, NULL) < 0)
		return err_sys(errno, "mount", "propagation of %s", target);
	fd_close(fd);
	return NULL;
}

/* Target of a mount: what is there, else made.  proc and sysfs must be real directories:
 * a link there could point the masks elsewhere (CVE-2019-19921). */
static nd_err *open_target(struct child *c, const struct mount_spec *m, bool dir, int *ret_fd)
{
	bool strict = str_eq(m->type, "proc") || str_eq(m->type, "sysfs");
	int flags = O_PATH | (strict ? O_NOFOLLOW : 0) | (dir ? O_DIRECTORY : 0);
	int fd = open_in_root(c->root_fd, m->target, flags, 0);
	if (fd < 0 && errno == ENOENT)
		fd = dir ? mkdir_in_root(c->root_fd, m->target, 0755)
			 : mkfile_in_root(c->root_fd, m->target, 0644);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP) && dir)
		return err_new(ND_INVALID, "mount-target",
			"%s in the container's root is not a directory, but what goes there is one",
			m->target);
	if (fd < 0)
		return err_sys(errno, "open", "%s in the container's root", m->target);
	struct stat st;
	if (!dir && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		fd_close(fd);
		return err_new(ND_INVALID, "mount-target",
			"%s in the container's root is a directory, but what goes there is a file",
			m->target);
	}
	*ret_fd = fd;
	return NULL;
}

static nd_err *make_bind(struct child *c, const struct mount_spec *m, struct mount_source *src)
{
	uint64_t set = mount_attrs_of(src->o.flags), clear = mount_attrs_of(src->o.clear);
	int target_fd;
	bool late = !src->is_tree;
	TRY(open_target(c, m, src->is_dir, &target_fd));
	if (src->is_tree && (set || clear || src->o.propagation)) {
		nd_err *e = set_attrs(src->fd, m->target, set, clear, 0, 0);
		if (e && !no_such_call(e->errnum))
			return e;
		late = e != NULL;
		err_free(e);
	}
	if (src->is_tree && (src->o.rec_set || src->o.rec_clear))
		TRY(set_attrs(
			src->fd, m->target, src->o.rec_set, src->o.rec_clear, 0, AT_RECURSIVE));
	TRY(mount_attach(c, src->fd, target_fd, m->target));
	if (late && (set || clear))
		TRY(mount_remount(c, m->target, src->o.flags, src->o.clear));
	fd_close(target_fd);
	fd_done(&src->fd);
	return NULL;
}

/* A fresh mount of a kernel file system, else the place's own one, with its masks. */
static nd_err *make_kernel_fs(struct child *c, const struct mount_spec *m, struct mount_source *src,
	int target_fd, const char *place_path, const char *promise)
{
	nd_err *e = mount_at(c, target_fd, m->target, m->type, m->source ? m->source : m->type,
		src->o.flags, src->o.data.data);
	if (!e) {
		c->fresh_proc |= str_eq(m->target, "/proc");
		c->fresh_sys |= str_eq(m->target, "/sys");
		return NULL;
	}
	if (e->errnum != EPERM && e->errnum != EBUSY && e->errnum != EACCES)
		return e;
	int tree = open_tree(
		c->old_root_fd, place_path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		tree = openat(c->old_root_fd, place_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		return err_detail(
			e, "binding the place's /%s failed too: %s", place_path, strerror(errno));
	nd_err *e2 = mount_attach(c, tree, target_fd, m->target);
	if (e2) {
		err_free(e2);
		return e;
	}
	wire_left(c->sock, m->type, "fresh mount", e);
	wire_took(c->sock, m->type, "recursive bind of the place's", promise, false);
	err_free(e);
	fd_close(tree);
	if (src->o.flags & MS_RDONLY)
		return mount_remount(c, m->target, src->o.flags & ~(unsigned long)MS_BIND, 0);
	return NULL;
}

/* gid=5 (tty) is not there in a one-id map: the kernel says EINVAL. */
static nd_err *make_devpts(
	struct child *c, const struct mount_spec *m, struct mount_source *src, int target_fd)
{
	nd_err *e = mount_at(
		c, target_fd, m->target, "devpts", "devpts", src->o.flags, src->o.data.data);
	if (!e || e->errnum != EINVAL)
		return e;
	err_free(e);
	return mount_at(c, target_fd, m->target, "devpts", "devpts", src->o.flags,
		"newinstance,ptmxmode=0666,mode=0620");
}

static nd_err *make_tmpfs(
	struct child *c, const struct mount_spec *m, struct mount_source *src, int target_fd)
{
	TRY(mount_at(c, target_fd, m->target, "tmpfs", m->source ? m->source : "tmpfs",
		src->o.flags & ~(src->o.copy_up ? (unsigned long)MS_RDONLY : 0), src->o.data.data));
	bool is_dev = str_eq(m->target, "/dev");
	if (!is_dev && !src->o.copy_up)
		return NULL;
	int fd = open_in_root(c->root_fd, m->target, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(errno, "open", "%s", m->target);
	if (is_dev)
		c->dev_fd = fd;
	if (src->o.copy_up) {
		int below = openat(target_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* A mode that was asked for is not undone by the one that was there. */
		bool own_mode = src->o.data.data && strstr(src->o.data.data, "mode=");
		TRY_WRAP(tree_copy(below, fd, !own_mode), "copy what was in %s", m->target);
		fd_close(below);
		if (src->o.flags & MS_RDONLY)
			TRY(mount_remount(c, m->target, MS_RDONLY, 0));
	}
	if (fd != c->dev_fd)
		fd_close(fd);
	return NULL;
}

/* A directory right in our own /dev: nobody else can have put anything there, so its name
 * is as good as a descriptor. */
static bool make_in_dev(struct child *c, const struct mount_spec *m, struct mount_source *src)
{
	const char *name = str_after(m->target, "/dev/");
	if (c->dev_fd < 0 || !name || strchr(name, '/') || src->o.copy_up)
		return false;
	if (mkdirat(c->dev_fd, name, 0755) < 0)
		return false;
	return mount(m->source ? m->source : m->type, m->target, m->type, src->o.flags,
		       src->o.data.data) == 0;
}

/* Right in a root that is an overlay of our own: nobody else can reach it, and a link of
 * the image leads to no other place than one inside. */
static bool make_in_overlay(struct child *c, const struct mount_spec *m, struct mount_source *src)
{
	static const char *const names[] = {"/proc", "/sys", "/dev"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!c->private_root || !str_eq(m->target, names[i]) || src->o.copy_up)
			continue;
		if (mount(m->source ? m->source : m->type, m->target, m->type, src->o.flags,
			    src->o.data.data) < 0)
			return false;
		c->fresh_proc |= i == 0 && str_eq(m->type, "proc");
		c->fresh_sys |= i == 1 && str_eq(m->type, "sysfs");
		if (i == 2)
			c->dev_fd = open(m->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return true;
	}
	return false;
}

static nd_err *make_one(struct child *c, const struct mount_spec *m, struct mount_source *src)
{
	if (src->o.flags & MS_BIND)
		return make_bind(c, m, src);
	if (make_in_overlay(c, m, src) || make_in_dev(c, m, src))
		return NULL;
	int target_fd = -1;
	TRY(open_target(c, m, true, &target_fd));
	nd_err *e;
	if (str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2"))
		e = c->s->ns[NS_CGROUP].mode == NS_NEW
			    ? cgroup_mount_view(c->group, c->old_root_fd, target_fd,
				      c->fresh_sys && str_eq(m->target, "/sys/fs/cgroup")
					      ? m->target
					      : NULL,
				      !(src->o.flags & MS_RDONLY))
			    : cgroup_mount_place(c->old_root_fd, target_fd);
	else if (str_eq(m->type, "proc"))
		e = make_kernel_fs(c, m, src, target_fd, "proc",
			"processes outside the container can be seen");
	else if (str_eq(m->type, "sysfs"))
		e = make_kernel_fs(c, m, src, target_fd, "sys", NULL);
	else if (str_eq(m->type, "mqueue"))
		e = make_kernel_fs(c, m, src, target_fd, "dev/mqueue", NULL);
	else if (str_eq(m->type, "devpts"))
		e = make_devpts(c, m, src, target_fd);
	else if (str_eq(m->type, "tmpfs"))
		e = make_tmpfs(c, m, src, target_fd);
	else
		e = mount_at(c, target_fd, m->target, m->type, m->source ? m->source : m->type,
			src->o.flags, src->o.data.data);
	fd_close(target_fd);
	return e;
}

nd_err *mounts_make(struct child *c, struct mount_source *sources)
{
	for (size_t i = 0; i < c->s->n_mounts; i++) {
		const struct mount_spec *m = &c->s->mounts[i];
		nd_err *e = sources[i].missing ? NULL : make_one(c, m, &sources[i]);
		if (!e && !sources[i].missing && sources[i].o.propagation)
			e = set_propagation(c, m->target, sources[i].o.propagation);
		if (e && m->optional) {
			wire_left(c->sock, m->type, m->target, e);
			err_free(e);
			e = NULL;
		}
		if (e)
			return e;
		mount_opts_done(&sources[i].o);
	}
	free(sources);
	return NULL;
}
