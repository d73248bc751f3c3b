/* /sys/fs/cgroup as a container sees it: see cgroup.h.  Our groups are bound from the
 * place's mounts: that is cheaper than a mount of its own for each hierarchy (no
 * super block is made), needs no right that a user namespace lacks, and inside the new cgroup
 * namespace it looks the same, because mountinfo gives roots relative to that
 * (cgroup_namespaces(7)).
 */
#include "container/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/sys.h"

#define VIEW_ATTRS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define VIEW_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Flags on a whole tree; before Linux 5.12 one remount for each mount. */
static nd_err *set_flags(int tree_fd, bool writable)
{
	struct mount_attr attr = {.attr_set = VIEW_ATTRS | (writable ? 0 : MOUNT_ATTR_RDONLY)};
	if (mount_setattr(tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) == 0)
		return NULL;
	return err_sys(errno, "mount_setattr", "the view of cgroups");
}

/* A detached copy of one of our groups, as a mount. */
static nd_err *take(int place_fd, const char *path, unsigned flags, int *ret_fd)
{
	*ret_fd = open_tree(place_fd, path + 1, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
	return *ret_fd < 0 ? err_sys(errno, "open_tree", "%s", path) : NULL;
}

static nd_err *put(int tree_fd, int at_fd, const char *what)
{
	if (move_mount(tree_fd, "", at_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) ==
		0)
		return NULL;
	return err_sys(errno, "move_mount", "%s", what);
}

static nd_err *mount_alone(
	int place_fd, const char *path, int target_fd, bool writable, unsigned flags)
{
	_cleanup_fd_ int fd = -1;
	TRY(take(place_fd, path, flags, &fd));
	TRY(set_flags(fd, writable));
	return put(fd, target_fd, "the view of cgroups");
}

/* Where the view is made.  By name where the way there leads through mounts of our own only
 * (a fresh sysfs): one call a group; else by descriptors. */
struct view {
	const char *name; /* absolute; NULL: use fd */
	int place_fd, fd;
};

/* "cpu" and "cpuacct" lead to "cpu,cpuacct", as on every v1 host. */
static void link_names(const struct view *v, const char *dir, const char *controllers)
{
	_cleanup_strv_ struct strv names = {0};
	strv_split(&names, controllers, ',');
	for (size_t i = 0; names.n > 1 && i < names.n; i++) {
		_cleanup_free_ char *link =
			str_fmt("%s%s%s", v->name ? v->name : "", v->name ? "/" : "", names.v[i]);
		/* Only a convenience; a name that is there is the directory itself. */
		if (symlinkat(dir, v->fd, link) < 0)
			continue;
	}
}

static nd_err *add_by_fd(const struct view *v, const char *name, const char *path)
{
	_cleanup_fd_ int fd = -1;
	if (mkdirat(v->fd, name, 0755) < 0)
		return err_sys(errno, "mkdir", "%s in the view of cgroups", name);
	TRY(take(v->place_fd, path, 0, &fd));
	if (move_mount(fd, "", v->fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(errno, "move_mount", "%s in the view of cgroups", name);
	return NULL;
}

/* The working directory is the place's root: the source is named from there, the target
 * from our own. */
static nd_err *add_by_name(const struct view *v, const char *name, const char *path)
{
	_cleanup_free_ char *target = str_fmt("%s/%s", v->name, name);
	if (mkdir(target, 0755) < 0)
		return err_sys(errno, "mkdir", "%s", target);
	if (mount(path + 1, target, NULL, MS_BIND, NULL) < 0)
		return err_sys(errno, "mount", "%s at %s", path, target);
	return NULL;
}

static nd_err *set_view_flags(const struct view *v, unsigned flags, uint64_t set)
{
	struct mount_attr attr = {.attr_set = set};
	if (mount_setattr(v->fd, v->name ? v->name : "", flags | (v->name ? 0 : AT_EMPTY_PATH),
		    &attr, sizeof attr) < 0)
		return err_sys(errno, "mount_setattr", "the view of cgroups");
	return NULL;
}

static nd_err *fill_view(const struct cgroup *c, const struct view *v, bool writable)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct cgroup_dir *d = &c->dirs[i];
		const char *name = d->v2 ? "unified" : base_name(d->mount);
		TRY(v->name ? add_by_name(v, name, d->path) : add_by_fd(v, name, d->path));
		if (!d->v2)
			link_names(v, name, d->name);
	}
	TRY(set_view_flags(v, AT_RECURSIVE, VIEW_ATTRS | (writable ? 0 : MOUNT_ATTR_RDONLY)));
	/* What is writable are the groups; the tmpfs that holds them is not. */
	return writable ? set_view_flags(v, 0, MOUNT_ATTR_RDONLY) : NULL;
}

static nd_err *mount_tmpfs(int target_fd, int *ret_fd)
{
	_cleanup_fd_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(errno, "fsopen", "tmpfs for the view of cgroups");
	_cleanup_fd_ int fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(errno, "fsmount", "tmpfs for the view of cgroups");
	TRY(put(fd, target_fd, "a tmpfs for the view of cgroups"));
	*ret_fd = steal_fd(&fd);
	return NULL;
}

static nd_err *mount_many(
	const struct cgroup *c, int place_fd, int target_fd, const char *name, bool writable)
{
	if (!name) {
		_cleanup_fd_ int fd = -1;
		TRY(mount_tmpfs(target_fd, &fd));
		return fill_view(c, &(struct view){.place_fd = place_fd, .fd = fd}, writable);
	}
	if (mount("tmpfs", name, "tmpfs", VIEW_FLAGS, "mode=755") < 0)
		return err_sys(errno, "mount", "tmpfs at %s", name);
	if (fchdir(place_fd) < 0)
		return err_sys(errno, "fchdir", "the place's root");
	return fill_view(
		c, &(struct view){.name = name, .place_fd = place_fd, .fd = AT_FDCWD}, writable);
}

/* Nothing of ours is to be shown, nor anything of the place. */
static nd_err *cover(int target_fd)
{
	struct statfs fs;
	/* The kernel's own mount point in a sysfs is empty already. */
	if (fstatfs(target_fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC)
		return NULL;
	if (fchdir(target_fd) < 0)
		return err_sys(errno, "fchdir", "the view of cgroups");
	if (mount("tmpfs", ".", "tmpfs", VIEW_FLAGS | MS_RDONLY, "mode=755") < 0)
		return err_sys(errno, "mount", "an empty tmpfs on the view of cgroups");
	return NULL;
}

nd_err *cgroup_mount_view(
	const struct cgroup *c, int place_fd, int target_fd, const char *name, bool writable)
{
	bool v1 = false;
	if (!c->n)
		return cover(target_fd);
	for (size_t i = 0; i < c->n; i++)
		v1 |= !c->dirs[i].v2;
	/* Beside v1, cgroup2 is mounted in a directory of its own. */
	if (v1 || str_eq(base_name(c->dirs[0].mount), "unified"))
		return mount_many(c, place_fd, target_fd, name, writable);
	return mount_alone(place_fd, c->dirs[0].path, target_fd, writable, 0);
}

nd_err *cgroup_mount_place(int place_fd, int target_fd)
{
	return mount_alone(place_fd, "/sys/fs/cgroup", target_fd, false, AT_RECURSIVE);
}
