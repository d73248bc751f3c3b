/* The place's own tree as root: see place.h. */
#include "container/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "kernel/sys.h"

/* Where an outer nidus leaves this root's layers: 0 is the lowest.  In /dev, because that
 * is a tmpfs of the container's own and nothing of the user's is touched. */
#define LAYERS_DIR "/dev/.nidus/layers"

static nd_err *not_for_this_root(void)
{
	return err_new(ND_ABSENT, "not-for-this-root", "not for this kind of root");
}

nd_err *place_overlay_flat(struct rootfs_job *j)
{
	if (j->c->s->rootfs.kind != ROOTFS_PLACE)
		return not_for_this_root();
	_cleanup_strv_ struct strv lowers = {0};
	for (;;) {
		_cleanup_free_ char *path = str_fmt(LAYERS_DIR "/%zu", lowers.n);
		if (access(path, F_OK) < 0)
			break;
		strv_add(&lowers, path);
	}
	if (!lowers.n)
		return not_for_this_root();
	TRY(tmpfs_make(j->target));
	_cleanup_free_ char *upper = NULL, *work = NULL;
	nd_err *e = upper_make(j->target, &upper, &work);
	job_hold_upper(j, upper);
	if (!e)
		e = overlay_mount(&lowers, upper, work, j->target, false, j->userxattr);
	if (e) {
		umount2(j->target, MNT_DETACH);
		return e;
	}
	strv_done(&j->lowers);
	j->lowers = lowers;
	lowers = (struct strv){0};
	return NULL;
}

/* Directories of "/" that a container gets anew. */
static bool is_fresh_dir(const char *name)
{
	static const char *const names[] = {"proc", "sys", "dev", "run", "tmp", "lost+found"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

enum { DEPTH_MAX = 6 };

struct dirs_job {
	struct rootfs_job *j;
	const char *changes; /* where upper and work directories are made */
	int root_fd;         /* of the new root */
	unsigned n;          /* overlays made so far */
};

/* One overlay for PATH; where that is refused because something is mounted beneath it,
 * its subdirectories in turn. */
static nd_err *cover(struct dirs_job *d, const char *path, int depth)
{
	_cleanup_free_ char *target = str_fmt("%s%s", d->j->target, path);
	struct stat st;
	if (mkdir(target, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", target);
	if (lstat(path, &st) == 0)
		(void)chmod(target, st.st_mode & 07777);
	if (access(path, R_OK | X_OK) < 0)
		return NULL; /* not ours to read: it stays an empty directory */
	_cleanup_free_ char *changes = str_fmt("%s/d%u", d->changes, d->n++);
	_cleanup_free_ char *upper = NULL, *work = NULL;
	if (mkdir(changes, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", changes);
	TRY(upper_make(changes, &upper, &work));
	if (lstat(path, &st) == 0)
		(void)chmod(upper, st.st_mode & 07777);
	_cleanup_strv_ struct strv lower = {0};
	strv_add(&lower, path);
	nd_err *e = overlay_mount(&lower, upper, work, target, d->j->c->s->rootfs.throwaway, true);
	if (!e || e->errnum != EINVAL)
		return e;
	err_free(e);
	if (depth >= DEPTH_MAX)
		return NULL; /* something is mounted far below: it stays an empty directory */
	_cleanup_closedir_ DIR *dir = opendir(path);
	if (!dir)
		return NULL;
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		_cleanup_free_ char *sub = str_fmt("%s/%s", path, entry->d_name);
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..") ||
			lstat(sub, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			nd_err *e2 = cover(d, sub, depth + 1);
			if (e2)
				return e2;
		}
	}
	return NULL;
}

static nd_err *cover_entry(struct dirs_job *d, const char *name)
{
	_cleanup_free_ char *path = str_fmt("/%s", name);
	struct stat st;
	if (lstat(path, &st) < 0)
		return NULL;
	if (S_ISLNK(st.st_mode)) {
		char link[PATH_MAX];
		ssize_t n = readlink(path, link, sizeof link - 1);
		link[n > 0 ? n : 0] = '\0';
		if (n > 0 && symlinkat(link, d->root_fd, name) < 0)
			return err_sys(errno, "symlink", "%s", path);
		return NULL;
	}
	if (!S_ISDIR(st.st_mode))
		return NULL;
	if (!is_fresh_dir(name))
		return cover(d, path, 0);
	if (mkdirat(d->root_fd, name, 0755) < 0)
		return err_sys(errno, "mkdir", "%s", path);
	if (str_eq(name, "tmp"))
		(void)!fchmodat(d->root_fd, name, 01777, 0);
	return NULL;
}

nd_err *place_overlay_dirs(struct rootfs_job *j)
{
	if (j->c->s->rootfs.kind != ROOTFS_PLACE || !j->c->in_userns)
		return not_for_this_root();
	/* The changes' directory is about to be covered: hold it by a name that stays. */
	if (!j->state)
		TRY(tmpfs_make(j->target));
	int held = open(j->state ? j->state : j->target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (held < 0)
		return err_sys(errno, "open", "%s", j->state ? j->state : j->target);
	_cleanup_free_ char *changes = str_fmt("/proc/self/fd/%d", held);
	TRY(tmpfs_make(j->target));
	_cleanup_fd_ int root_fd = open(j->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *top = opendir("/");
	nd_err *e = root_fd < 0 || !top ? err_sys(errno, "open", "/") : NULL;
	struct dirs_job d = {.j = j, .changes = changes, .root_fd = root_fd};
	struct dirent *entry;
	while (!e && (entry = readdir(top)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			e = cover_entry(&d, entry->d_name);
	if (e)
		umount2(j->target, MNT_DETACH);
	return e;
}

void place_hold_layers(struct child *c, const struct rootfs_job *j)
{
	if (!c->s->share_layers || j->upper_fd < 0)
		return;
	size_t n = 0;
	int *fds = mem_alloc((j->lowers.n + 1) * sizeof *fds);
	for (size_t i = 0; i <= j->lowers.n; i++) {
		int fd = i < j->lowers.n
				 ? open_tree(AT_FDCWD, j->lowers.v[i],
					   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
				 : open_tree(j->upper_fd, "",
					   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
		struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
		if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &ro, sizeof ro) < 0) {
			/* Half a stack would be a wrong tree: share none. */
			fd_close(fd);
			while (n)
				fd_close(fds[--n]);
			free(fds);
			return;
		}
		fds[n++] = fd;
	}
	c->layer_fds = fds;
	c->n_layer_fds = n;
}

nd_err *place_show_layers(struct child *c)
{
	if (!c->n_layer_fds || c->dev_fd < 0)
		return NULL;
	if (mkdirat(c->dev_fd, ".nidus", 0755) < 0 || mkdirat(c->dev_fd, ".nidus/layers", 0755) < 0)
		return err_sys(errno, "mkdir", LAYERS_DIR);
	for (size_t i = 0; i < c->n_layer_fds; i++) {
		char name[64];
		snprintf(name, sizeof name, ".nidus/layers/%zu", i);
		if (mkdirat(c->dev_fd, name, 0755) < 0)
			return err_sys(errno, "mkdir", "/dev/%s", name);
		if (move_mount(c->layer_fds[i], "", c->dev_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return err_sys(errno, "move_mount", "/dev/%s", name);
		fd_close(c->layer_fds[i]);
	}
	free(c->layer_fds);
	c->layer_fds = NULL;
	c->n_layer_fds = 0;
	return NULL;
}
