/* What a container may not see or change: masked and read-only paths, its own small
 * files (/etc/hosts and the like), sysctls.
 *
 * A mask is an empty read-only tmpfs over a directory or /dev/null over a file; the null
 * device is checked to be 1:3 before it is used (CVE-2025-31133).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "base/fd.h"
#include "container/child.h"
#include "container/wire.h"
#include "kernel/sys.h"

static int open_null(struct child *c)
{
	int fd = c->dev_fd >= 0 ? openat(c->dev_fd, "null", O_PATH | O_NOFOLLOW | O_CLOEXEC)
				: open_in_root(c->root_fd, "/dev/null", O_PATH | O_NOFOLLOW, 0);
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return fd;
	fd_close(fd);
	fd = open_in_root(c->old_root_fd, "/dev/null", O_PATH | O_NOFOLLOW, 0);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return fd;
	fd_close(fd);
	errno = ENODEV;
	return -1;
}

/* Names in a proc or sysfs that we have just mounted lead nowhere else. */
static bool is_ours(const struct child *c, const char *path)
{
	return (c->fresh_proc && str_starts(path, "/proc/")) ||
	       (c->fresh_sys && str_starts(path, "/sys/"));
}

/* True: masked, or nothing is there. */
static bool mask_by_name(const char *path)
{
	if (mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		    "nr_blocks=1,nr_inodes=1") == 0 ||
		errno == ENOENT)
		return true;
	/* /dev/null is a node of our own in a /dev of our own. */
	return errno == ENOTDIR && mount("/dev/null", path, NULL, MS_BIND, NULL) == 0;
}

static bool make_readonly_by_name(const char *path)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno == ENOENT;
	return mount(NULL, path, NULL,
		       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		       NULL) == 0;
}

static nd_err *mask(struct child *c, const char *path, int *null_fd)
{
	if (c->dev_fd >= 0 && c->own_null && is_ours(c, path) && mask_by_name(path))
		return NULL;
	int target = open_in_root(c->root_fd, path, O_PATH, 0);
	if (target < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? NULL
			       : err_sys(errno, "open", "%s", path);
	struct stat st;
	nd_err *e = NULL;
	if (fstat(target, &st) < 0)
		e = err_sys(errno, "fstat", "%s", path);
	else if (S_ISDIR(st.st_mode)) {
		unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
		e = mount_at(c, target, path, "tmpfs", "tmpfs", flags, "nr_blocks=1,nr_inodes=1");
		/* gVisor's tmpfs does not know how small it is to be. */
		if (e && e->errnum == EINVAL) {
			err_free(e);
			e = mount_at(c, target, path, "tmpfs", "tmpfs", flags, NULL);
		}
	} else {
		if (*null_fd < 0)
			*null_fd = open_null(c);
		if (*null_fd < 0)
			return err_sys(errno, "open", "/dev/null");
		int tree = open_tree(
			*null_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
		e = mount_attach(c, tree >= 0 ? tree : *null_fd, target, path);
		fd_close(tree);
	}
	fd_close(target);
	return e;
}

static nd_err *make_readonly(struct child *c, const char *path)
{
	if (is_ours(c, path) && make_readonly_by_name(path))
		return NULL;
	int target = open_in_root(c->root_fd, path, O_PATH, 0);
	if (target < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? NULL
			       : err_sys(errno, "open", "%s", path);
	int tree = open_tree(
		target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	bool done = tree >= 0 &&
		    mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &ro, sizeof ro) == 0;
	nd_err *e = mount_attach(c, tree >= 0 ? tree : target, target, path);
	fd_close(tree);
	fd_close(target);
	if (!e && !done)
		e = mount_remount(c, path, MS_RDONLY, 0);
	return e;
}

nd_err *masks_make(struct child *c)
{
	int null_fd = -1;
	for (size_t i = 0; i < c->s->masked.n; i++)
		TRY_WRAP(mask(c, c->s->masked.v[i], &null_fd), "mask %s", c->s->masked.v[i]);
	for (size_t i = 0; i < c->s->readonly_paths.n; i++)
		TRY_WRAP(make_readonly(c, c->s->readonly_paths.v[i]), "make %s read-only",
			c->s->readonly_paths.v[i]);
	fd_close(null_fd);
	return NULL;
}

/* "PATH=CONTENT": the file is made in the container's own /dev tmpfs, bound over PATH and
 * its name there removed, so that nothing of it stays in the root or on the host. */
static nd_err *make_file(struct child *c, const char *spec)
{
	const char *eq = strchr(spec, '=');
	_cleanup_free_ char *path = str_ndup(spec, (size_t)(eq - spec));
	static const char temp[] = ".nidus-file";
	_cleanup_fd_ int fd =
		openat(c->dev_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(errno, "open", "a file for %s", path);
	if (!fd_write_all(fd, eq + 1, strlen(eq + 1)))
		return err_sys(errno, "write", "%s", path);
	_cleanup_fd_ int target = mkfile_in_root(c->root_fd, path, 0644);
	if (target < 0) {
		/* A read-only root, or a link that leads nowhere: such a root goes without. */
		int err = errno;
		unlinkat(c->dev_fd, temp, 0);
		if (err != EROFS && err != ENOENT && err != ELOOP && err != ENOTDIR &&
			err != EACCES)
			return err_sys(err, "open", "%s in the container's root", path);
		wire_warn(c->sock, "%s could not be given: %s", path, strerror(err));
		return NULL;
	}
	_cleanup_fd_ int tree = open_tree(c->dev_fd, temp, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	nd_err *e = mount_attach(c, tree >= 0 ? tree : fd, target, path);
	unlinkat(c->dev_fd, temp, 0);
	return e;
}

nd_err *files_make(struct child *c)
{
	if (!c->s->files.n)
		return NULL;
	if (c->dev_fd < 0) {
		/* /dev is the user's own: a tmpfs of ours, held only by its descriptor. */
		int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
		if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
			return err_sys(errno, "fsopen", "tmpfs for /etc/hosts");
		int mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
		if (mnt < 0)
			return err_sys(errno, "fsmount", "tmpfs for /etc/hosts");
		c->dev_fd = mnt;
		fd_close(fs);
	}
	for (size_t i = 0; i < c->s->files.n; i++)
		TRY(make_file(c, c->s->files.v[i]));
	return NULL;
}

/* "net.ipv4.ip_forward=1": dots are slashes, as sysctl(8) has it.  The entries follow the
 * writer's namespaces, so the container's own /proc and the place's do equally. */
static nd_err *write_sysctl(struct child *c, const char *pair)
{
	const char *eq = strchr(pair, '=');
	_cleanup_free_ char *path = str_fmt("/proc/sys/%.*s", (int)(eq - pair), pair);
	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		*p = (char)(*p == '.' ? '/' : *p == '/' ? '.' : *p);
	int fd = open_in_root(c->root_fd, path, O_WRONLY, 0);
	if (fd < 0)
		fd = openat(c->proc_fd, path + strlen("/proc/"), O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && fd_write_all(fd, eq + 1, strlen(eq + 1));
	int err = errno;
	fd_close(fd);
	if (ok)
		return NULL;
	/* A value that cannot be written but is there already is what was asked for. */
	char now[256];
	if (file_read_line(c->proc_fd, path + strlen("/proc/"), now, sizeof now) >= 0 &&
		str_eq(now, eq + 1))
		return NULL;
	/* Given by default, not asked for: gVisor does not have it. */
	if (err == ENOENT && str_starts(pair, "net.ipv4.ping_group_range="))
		return NULL;
	return err_sys(err, "write", "sysctl %s", pair);
}

nd_err *sysctls_write(struct child *c)
{
	for (size_t i = 0; i < c->s->sysctl.n; i++)
		TRY(write_sysctl(c, c->s->sysctl.v[i]));
	return NULL;
}
