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

static nd_err *mount_tmpfs(int target_fd, int *ret_fd)
{
	_cleanup_fd_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_sys(errno, "fsopen", "tmpfs");
	if (fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(errno, "fsconfig", "tmpfs");
	_cleanup_fd_ int fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(errno, "fsmount", "tmpfs");
	TRY(put(fd, target_fd, "a tmpfs for the view of cgroups"));
	*ret_fd = steal_fd(&fd);
	return NULL;
}

/* "cpu" and "cpuacct" lead to "cpu,cpuacct", as on every v1 host. */
static void link_names(const char *dir, const char *controllers)
{
	_cleanup_strv_ struct strv names = {0};
	strv_split(&names, controllers, ',');
	for (size_t i = 0; names.n > 1 && i < names.n; i++)
		/* Only a convenience; a name that is there is the directory itself. */
		if (symlink(dir, names.v[i]) < 0)
			continue;
}

/* The working directory is the view's. */
static nd_err *add(const struct cgroup_dir *d, int place_fd)
{
	const char *name = d->v2 ? "unified" : base_name(d->mount);
	if (mkdir(name, 0755) < 0)
		return err_sys(errno, "mkdir", "%s in the view of cgroups", name);
	_cleanup_fd_ int fd = -1;
	TRY(take(place_fd, d->path, 0, &fd));
	if (move_mount(fd, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(errno, "move_mount", "%s in the view of cgroups", name);
	if (!d->v2)
		link_names(name, d->name);
	return NULL;
}

static nd_err *mount_many(const struct cgroup *c, int place_fd, int target_fd, bool writable)
{
	_cleanup_fd_ int fd = -1;
	TRY(mount_tmpfs(target_fd, &fd));
	if (fchdir(fd) < 0)
		return err_sys(errno, "fchdir", "the view of cgroups");
	for (size_t i = 0; i < c->n; i++)
		TRY(add(&c->dirs[i], place_fd));
	/* The tmpfs itself too: what is writable are the groups, by mount; so set it last. */
	TRY(set_flags(fd, writable));
	if (!writable)
		return NULL;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	return mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0
		       ? err_sys(errno, "mount_setattr", "the view of cgroups")
		       : NULL;
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

nd_err *cgroup_mount_view(const struct cgroup *c, int place_fd, int target_fd, bool writable)
{
	bool v1 = false;
	if (!c->n)
		return cover(target_fd);
	for (size_t i = 0; i < c->n; i++)
		v1 |= !c->dirs[i].v2;
	/* Beside v1, cgroup2 is mounted in a directory of its own. */
	if (v1 || str_eq(base_name(c->dirs[0].mount), "unified"))
		return mount_many(c, place_fd, target_fd, writable);
	return mount_alone(place_fd, c->dirs[0].path, target_fd, writable, 0);
}

nd_err *cgroup_mount_place(int place_fd, int target_fd)
{
	return mount_alone(place_fd, "/sys/fs/cgroup", target_fd, false, AT_RECURSIVE);
}
