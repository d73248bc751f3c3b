/* The place's own tree as root: see place.h. */
#include "container/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/layers.h"
#include "container/wire.h"
#include "kernel/mountinfo.h"
#include "kernel/sys.h"

enum { DEPTH_MAX = 6, MOUNTS_MAX = 64 };

static nd_err *not_for_this_root(void)
{
	return err_new(ND_ABSENT, "not-for-this-root", "not for this kind of root");
}

/* Directories that a container gets anew, and the stores of container engines, whose mounts
 * are other containers' roots. */
static bool is_fresh(const char *path)
{
	static const char *const names[] = {"/proc", "/sys", "/dev", "/run", "/tmp", "/lost+found",
		"/var/lib/nidus", "/var/lib/containers", "/var/lib/docker", "/var/lib/containerd",
		"/var/lib/kubelet"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *rest = str_after(path, names[i]);
		if (rest && (!*rest || *rest == '/'))
			return true;
	}
	return false;
}

/* The layers that an outer nidus left visible, each set at its place. */
static nd_err *overlay_layers(struct rootfs_job *j)
{
	for (size_t k = 0;; k++) {
		_cleanup_strv_ struct strv lowers = {0};
		_cleanup_free_ char *at = NULL;
		if (!layers_find(k, &at, &lowers))
			return k ? NULL : not_for_this_root();
		TRY(job_overlay(j, at, &lowers));
		strv_add(&j->covered, at);
	}
}

/* Types whose content is the kernel's, or lives in memory. */
static bool is_kernel_type(const char *type)
{
	static const char *const types[] = {"proc", "sysfs", "tmpfs", "ramfs", "devtmpfs", "devpts",
		"cgroup", "cgroup2", "mqueue", "hugetlbfs", "debugfs", "tracefs", "securityfs",
		"pstore", "bpf", "configfs", "fusectl", "binfmt_misc", "autofs", "efivarfs",
		"selinuxfs", "nsfs", "rpc_pipefs", "swap", "rootfs", "fuse.lxcfs"};
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(type, types[i]))
			return true;
	return false;
}

/* A mount at or beneath one that is already covered came along with it. */
static bool is_covered(const struct rootfs_job *j, const char *path)
{
	for (size_t i = 0; i < j->covered.n; i++)
		if (!str_eq(j->covered.v[i], "/") && str_eq(j->covered.v[i], path))
			return true;
	return false;
}

static nd_err *cover_file(struct rootfs_job *j, const char *path)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	_cleanup_free_ char *target = str_fmt("%s%s", j->target, path);
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &ro, sizeof ro) < 0 ||
		move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(errno, "move_mount", "%s", path);
	return NULL;
}

static nd_err *cover_mount(struct rootfs_job *j, const char *path)
{
	struct stat st;
	_cleanup_strv_ struct strv lower = {0};
	if (stat(path, &st) < 0)
		return NULL;
	strv_add(&j->covered, path);
	if (S_ISREG(st.st_mode))
		return cover_file(j, path);
	if (!S_ISDIR(st.st_mode))
		return NULL;
	strv_add(&lower, path);
	return job_overlay(j, path, &lower);
}

/* /proc/self/mountinfo.  The kernel fills a read with whole lines while they fit, so an answer
 * that leaves room for the longest one (three paths) is the whole: usually one call. */
static bool read_mounts(struct buf *ret)
{
	enum { ROOM = 64 << 10, LINE = 3 * PATH_MAX + 1024 };
	char *text = mem_alloc(ROOM); /* the child's, gone at execve(2) */
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC); /* closes at execve(2) */
	ssize_t n = fd < 0 ? -1 : read(fd, text, ROOM);
	while (n > 0) {
		buf_add(ret, text, (size_t)n);
		if (n < ROOM - LINE)
			break;
		n = read(fd, text, ROOM);
	}
	return n >= 0 && ret->len;
}

static nd_err *cover_mounts(struct rootfs_job *j)
{
	_cleanup_buf_ struct buf text = {0};
	struct mountinfo_iter it;
	struct mountinfo m;
	nd_err *e = NULL;
	/* No /proc: nothing can be said of other mounts, the root is what there is. */
	if (!read_mounts(&text))
		return NULL;
	mountinfo_start(&it, text.data, text.len);
	for (size_t n = 0; mountinfo_next(&it, &m);) {
		if (str_eq(m.target, "/") || is_fresh(m.target) || is_kernel_type(m.type) ||
			is_covered(j, m.target) || str_starts(m.target, j->target) ||
			str_starts(m.target, "/etc/"))
			continue;
		e = n++ < MOUNTS_MAX ? cover_mount(j, m.target)
				     : err_new(ND_LIMIT, "too-many-mounts", "more than %d mounts",
					       MOUNTS_MAX);
		if (!e)
			continue;
		/* The root is whole without it: the directory below the mount shows. */
		_cleanup_free_ char *line = err_line(e);
		wire_warn(j->c->sock, "%s (%s) is not in the container's tree: %s", m.target,
			m.type, line);
		err_free(e);
	}
	return NULL;
}

nd_err *place_overlay(struct rootfs_job *j)
{
	nd_err *e = overlay_layers(j);
	if (str_eq(err_find_code(e), "not-for-this-root")) {
		err_free(e);
		e = job_overlay(j, "/", &j->lowers);
	}
	return e ? e : cover_mounts(j);
}

/* One overlay for PATH; where that is refused because something is mounted beneath it,
 * its subdirectories in turn. */
static nd_err *cover_dir(struct rootfs_job *j, const char *path, int depth)
{
	_cleanup_free_ char *target = str_fmt("%s%s", j->target, path);
	struct stat st;
	if (mkdir(target, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", target);
	if (lstat(path, &st) == 0)
		(void)chmod(target, st.st_mode & 07777);
	if (access(path, R_OK | X_OK) < 0)
		return NULL; /* not ours to read: it stays an empty directory */
	_cleanup_strv_ struct strv lower = {0};
	strv_add(&lower, path);
	nd_err *e = job_overlay(j, path, &lower);
	if (!e || e->errnum != EINVAL)
		return e;
	err_free(e);
	_cleanup_closedir_ DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	if (!dir)
		return NULL; /* something is mounted far below: it stays an empty directory */
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		_cleanup_free_ char *sub = str_fmt("%s/%s", path, entry->d_name);
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") &&
			lstat(sub, &st) == 0 && S_ISDIR(st.st_mode))
			TRY(cover_dir(j, sub, depth + 1));
	}
	return NULL;
}

static nd_err *cover_entry(struct rootfs_job *j, int root_fd, const char *name)
{
	_cleanup_free_ char *path = str_fmt("/%s", name);
	struct stat st;
	if (lstat(path, &st) < 0)
		return NULL;
	if (S_ISLNK(st.st_mode)) {
		char link[PATH_MAX];
		ssize_t n = readlink(path, link, sizeof link - 1);
		link[n > 0 ? n : 0] = '\0';
		if (n > 0 && symlinkat(link, root_fd, name) < 0)
			return err_sys(errno, "symlink", "%s", path);
		return NULL;
	}
	if (!S_ISDIR(st.st_mode))
		return NULL;
	if (!is_fresh(path))
		return cover_dir(j, path, 0);
	if (mkdirat(root_fd, name, 0755) < 0)
		return err_sys(errno, "mkdir", "%s", path);
	if (str_eq(name, "tmp"))
		(void)!fchmodat(root_fd, name, 01777, 0);
	return NULL;
}

nd_err *place_overlay_dirs(struct rootfs_job *j)
{
	if (j->c->s->rootfs.kind != ROOTFS_PLACE || !j->userxattr)
		return not_for_this_root();
	/* A tmpfs for the changes that the disk cannot take, beneath the root's own. */
	TRY(job_use_memory(j));
	j->in_memory = !j->state;
	if (mount("tmpfs", j->target, "tmpfs", MS_NODEV, "mode=755") < 0)
		return err_sys(errno, "mount", "tmpfs on %s", j->target);
	_cleanup_fd_ int root_fd = open(j->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *top = opendir("/");
	if (root_fd < 0 || !top)
		return err_sys(errno, "open", "/");
	/* The root itself is this tmpfs: the lowest and only layer of its set. */
	if (j->in_memory)
		layers_hold(j->c, "/", &(struct strv){0}, j->target);
	struct dirent *entry;
	while ((entry = readdir(top)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			TRY(cover_entry(j, root_fd, entry->d_name));
	if (!j->n_done)
		return err_new(
			ND_DENIED, "no-overlay", "no directory of / can be an overlay's lower");
	return NULL;
}
