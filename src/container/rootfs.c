/* The container's root: a ladder from an overlay on disk down to what an unprivileged
 * user namespace on a nested overlay still allows, then pivot_root(2).
 *
 * Rests on: overlay in a user namespace (Linux 5.11) wants `userxattr`, or removing a
 * lower directory gives EIO; an overlay's upper must not itself be an overlay; a lower
 * with locked mounts beneath it is refused (EINVAL, Linux 5.14), which is every "/" seen
 * from a new user namespace; overlays stack two deep and no deeper.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "container/child.h"
#include "container/layers.h"
#include "container/place.h"
#include "container/rootfs.h"
#include "container/wire.h"
#include "kernel/sys.h"

/* Overlay's option syntax: '\' before ':', ',' and '\' in a path. */
static void add_escaped(struct buf *b, const char *path)
{
	for (; *path; path++) {
		if (strchr("\\:,", *path))
			buf_str(b, "\\");
		buf_add(b, path, 1);
	}
}

static nd_err *overlay_mount(const struct rootfs_job *j, const struct strv *lowers,
	const char *upper, const char *work, const char *target);

bool userns_is_initial(void)
{
	struct stat st;
	/* PROC_USER_INIT_INO of include/linux/proc_ns.h: the same since Linux 3.8. */
	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == 0xEFFFFFFDu;
}

enum { MOUNT_DATA_MAX = 4095, SHORT_NAME = 40 };

/* mount(2) takes a page of options, some thirty layers by their names; by the names of
 * open descriptors it is ten times as many.  The mount keeps no hold of those. */
static nd_err *mount_short(const struct rootfs_job *j, const struct strv *lowers, const char *upper,
	const char *work, const char *target)
{
	_cleanup_strv_ struct strv names = {0};
	nd_err *e = NULL;
	int *fds = mem_alloc((lowers->n + 1) * sizeof *fds);
	size_t n = 0;
	for (; n < lowers->n && !e; n++) {
		fds[n] = open(lowers->v[n], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[n] < 0)
			e = err_sys(errno, "open", "%s", lowers->v[n]);
		else
			strv_fmt(&names, "/proc/self/fd/%d", fds[n]);
	}
	if (!e)
		e = overlay_mount(j, &names, upper, work, target);
	while (n)
		fd_close(fds[--n]);
	free(fds);
	return e;
}

static nd_err *overlay_mount(const struct rootfs_job *j, const struct strv *lowers,
	const char *upper, const char *work, const char *target)
{
	_cleanup_buf_ struct buf o = {0};
	buf_str(&o, "lowerdir=");
	for (size_t i = lowers->n; i-- > 0;) {
		add_escaped(&o, lowers->v[i]);
		if (i)
			buf_str(&o, ":");
	}
	/* Room for the other two directories; below 40 bytes a layer nothing is to be gained. */
	if (o.len > MOUNT_DATA_MAX - 512 && o.len > lowers->n * SHORT_NAME)
		return mount_short(j, lowers, upper, work, target);
	buf_str(&o, ",upperdir=");
	add_escaped(&o, upper);
	buf_str(&o, ",workdir=");
	add_escaped(&o, work);
	const size_t plain = o.len;
	if (j->userxattr)
		buf_str(&o, ",userxattr");
	/* Unmounting would sync the upper's whole file system (Linux 5.10: volatile). */
	const size_t lasting = o.len;
	if (j->c->s->rootfs.throwaway)
		buf_str(&o, ",volatile");
	if (o.len > MOUNT_DATA_MAX)
		return err_new(ND_LIMIT, "too-many-layers",
			"the overlay's options are %zu bytes long; mount(2) takes 4095", o.len);
	if (mount("overlay", target, "overlay", 0, o.data) == 0)
		return NULL;
	/* gVisor refuses words that it does not know, as kernels before 5.10 do.  `userxattr` is
	 * only given up where the user namespace is not one of ours: there it is gVisor's. */
	if (errno == EINVAL && o.len > lasting) {
		o.data[lasting] = '\0';
		if (mount("overlay", target, "overlay", 0, o.data) == 0)
			return NULL;
	}
	if (errno == EINVAL && lasting > plain && !j->c->in_userns) {
		o.data[plain] = '\0';
		if (mount("overlay", target, "overlay", 0, o.data) == 0)
			return NULL;
	}
	return err_sys(errno, "mount", "overlay (%s)", o.data);
}

static nd_err *upper_make(const char *dir, bool upper_is_there, char **ret_upper, char **ret_work)
{
	char *upper = str_fmt("%s/upper", dir), *work = str_fmt("%s/work", dir);
	nd_err *e = NULL;
	if (!upper_is_there && mkdir(upper, 0755) < 0 && errno != EEXIST)
		e = err_sys(errno, "mkdir", "%s", upper);
	else if (mkdir(work, 0700) < 0 && errno != EEXIST)
		e = err_sys(errno, "mkdir", "%s", work);
	if (e) {
		free(upper);
		free(work);
		return e;
	}
	*ret_upper = upper;
	*ret_work = work;
	return NULL;
}

nd_err *job_use_memory(struct rootfs_job *j)
{
	j->in_memory = true;
	if (j->memory_fd >= 0)
		return NULL;
	if (mount("tmpfs", j->target, "tmpfs", MS_NODEV, "mode=755") < 0)
		return err_sys(errno, "mount", "tmpfs on %s", j->target);
	j->memory_fd = open(j->target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (j->memory_fd < 0)
		return err_sys(errno, "open", "%s", j->target);
	return NULL;
}

/* Where changes are kept for the next overlay: made, and named so that it stays reachable
 * when the root covers it. */
static nd_err *changes_dir(struct rootfs_job *j, const char *at, char **ret)
{
	_cleanup_free_ char *base =
		j->in_memory ? str_fmt("/proc/self/fd/%d", j->memory_fd) : str_dup(j->state);
	if (str_eq(at, "/")) {
		*ret = steal_ptr(&base);
		return NULL;
	}
	/* Never one that a refused attempt has used: `volatile` leaves a mark that bars it. */
	_cleanup_free_ char *dir = str_fmt("%s/d%u", base, j->n_overlays++);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", dir);
	*ret = steal_ptr(&dir);
	return NULL;
}

static nd_err *overlay_once(struct rootfs_job *j, const char *at, const struct strv *lowers)
{
	_cleanup_free_ char *changes = NULL, *upper = NULL, *work = NULL, *target = NULL;
	struct stat st;
	TRY(changes_dir(j, at, &changes));
	/* On disk the root's own upper is what the root is mounted over: rootfs_mount(). */
	TRY(upper_make(changes, !j->in_memory && str_eq(at, "/"), &upper, &work));
	/* The merged directory has its upper's owner and mode. */
	const char *like = j->c->s->rootfs.root_like;
	bool known = stat(like && str_eq(at, "/") ? like : lowers->v[lowers->n - 1], &st) == 0;
	if (known && (st.st_uid || st.st_gid))
		(void)!chown(upper, st.st_uid, st.st_gid);
	if (known && (st.st_mode & 07777) != 0755)
		(void)chmod(upper, st.st_mode & 07777);
	target = str_fmt("%s%s", j->target, str_eq(at, "/") ? "" : at);
	TRY(overlay_mount(j, lowers, upper, work, target));
	j->n_done++;
	/* An upper on disk lies within the lower "/", which overlay refuses as a pair of layers
	 * (ELOOP); a nidus inside stacks on this root then.  Its own upper is in memory. */
	if (j->in_memory)
		layers_hold(j->c, at, lowers, upper);
	return NULL;
}

nd_err *job_overlay(struct rootfs_job *j, const char *at, const struct strv *lowers)
{
	if (!j->state && !j->in_memory)
		TRY(job_use_memory(j));
	nd_err *e = overlay_once(j, at, lowers);
	/* An upper on an overlay, or on a file system without what overlay asks: EINVAL. */
	if (!e || j->in_memory || (e->errnum != EINVAL && e->errnum != EOPNOTSUPP))
		return e;
	/* The tmpfs is mounted at the target: too late once the root is there. */
	if (j->memory_fd < 0 && !str_eq(at, "/"))
		return e;
	nd_err *e2 = job_use_memory(j);
	if (!e2)
		e2 = overlay_once(j, at, lowers);
	if (e2) {
		/* Memory was no better: the refusal has another reason than the upper. */
		j->in_memory = false;
		err_free(e2);
		return e;
	}
	wire_left(j->c->sock, "rootfs", "changes on disk", e);
	err_free(e);
	return NULL;
}

static nd_err *overlay(struct rootfs_job *j)
{
	if (j->c->s->rootfs.kind == ROOTFS_PLACE)
		return place_overlay(j);
	return job_overlay(j, "/", &j->lowers);
}

/* The server opens files through /proc/self/fd, and pivot_root(2) makes our root its root
 * too: to find /proc it would ask itself, for ever.  So a /proc is there before. */
static nd_err *fuse_proc(struct rootfs_job *j)
{
	_cleanup_free_ char *at = str_fmt("%s/proc", j->target);
	if (mkdir(at, 0555) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", at);
	if (mount("proc", at, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
		mount("/proc", at, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(errno, "mount", "proc at %s", at);
	return NULL;
}

static nd_err *fuse_overlay(struct rootfs_job *j)
{
	_cleanup_free_ char *changes = NULL, *upper = NULL, *work = NULL;
	if (!j->state)
		TRY(job_use_memory(j));
	TRY(changes_dir(j, "/", &changes));
	TRY(upper_make(changes, false, &upper, &work));
	_cleanup_buf_ struct buf o = {0};
	buf_str(&o, "lowerdir=");
	for (size_t i = j->lowers.n; i-- > 0;) {
		add_escaped(&o, j->lowers.v[i]);
		buf_str(&o, i ? ":" : "");
	}
	buf_str(&o, ",upperdir=");
	add_escaped(&o, upper);
	buf_str(&o, ",workdir=");
	add_escaped(&o, work);
	/* Files of ids that are not mapped here would be nobody's, and so read-only. */
	if (j->c->in_userns && j->c->s->rootfs.kind == ROOTFS_PLACE)
		buf_str(&o, ",squash_to_root");
	const char *const argv[] = {"fuse-overlayfs", "-o", o.data, j->target, NULL};
	TRY(spawn_run(&(struct spawn){.argv = argv, .deadline_ms = 5000}, NULL));
	return fuse_proc(j);
}

static nd_err *copy_tree(struct rootfs_job *j)
{
	if (j->c->s->rootfs.kind == ROOTFS_PLACE)
		return err_new(ND_LIMIT, "copy-too-large", "the place's whole tree is not copied");
	_cleanup_free_ char *changes = NULL, *upper = NULL, *work = NULL;
	if (!j->state)
		TRY(job_use_memory(j));
	TRY(changes_dir(j, "/", &changes));
	TRY(upper_make(changes, false, &upper, &work));
	TRY(layers_copy(&j->lowers, upper));
	if (mount(upper, j->target, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(errno, "mount", "bind %s", upper);
	return NULL;
}

static const struct rootfs_rung rungs[] = {
	{{"overlay", NULL, "mount.overlay"}, overlay},
	{{"overlay per directory", "files of ids that are not mapped cannot be changed",
		 "mount.overlay.userxattr"},
		place_overlay_dirs},
	{{"fuse-overlayfs", NULL, "mount.fuse"}, fuse_overlay},
	{{"copy", NULL, NULL}, copy_tree},
};
const struct ladder rootfs_ladder = {.need = "rootfs",
	.rungs = &rungs[0].rung,
	.n = ARRAY_SIZE(rungs),
	.stride = sizeof rungs[0],
	.refusal = "No copy-on-write root can be made here."};

/* A rung that failed half-way leaves nothing mounted at the target. */
static void undo(struct rootfs_job *j)
{
	while (umount2(j->target, MNT_DETACH) == 0)
		;
	fd_done(&j->memory_fd);
	j->in_memory = false;
	layers_forget(j->c);
}

static nd_err *climb(struct rootfs_job *j)
{
	nd_err *first = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		const struct rootfs_rung *r = &rungs[i];
		nd_err *e = r->make(j);
		if (!e) {
			err_free(first);
			wire_took(j->c->sock, "rootfs", r->rung.name,
				j->in_memory && !r->rung.promise ? "changes live in memory"
								 : r->rung.promise,
				false);
			return NULL;
		}
		if (str_eq(err_find_code(e), "not-for-this-root")) {
			err_free(e);
			continue;
		}
		wire_left(j->c->sock, "rootfs", r->rung.name, e);
		undo(j);
		/* The plain overlay's refusal is the cause; the rest are attempts to live with it.
		 */
		if (r->make == overlay) {
			first = e;
			continue;
		}
		err_free(e);
	}
	return err_wrap(first, "no way to make a copy-on-write root here");
}

static nd_err *bind_dir(struct child *c, const char *dir)
{
	int fd = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0 && errno == ENOSYS) {
		if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) < 0)
			return err_sys(errno, "mount", "bind %s on itself", dir);
		if (chdir(dir) < 0)
			return err_sys(errno, "chdir", "%s", dir);
		wire_took(c->sock, "rootfs", "directory", NULL, false);
		return NULL;
	}
	if (fd < 0)
		return err_sys(errno, "open_tree", "%s", dir);
	nd_err *e = NULL;
	if (move_mount(fd, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		e = err_sys(errno, "move_mount", "%s on itself", dir);
	else if (fchdir(fd) < 0)
		e = err_sys(errno, "fchdir", "%s", dir);
	fd_close(fd);
	if (!e)
		wire_took(c->sock, "rootfs", "directory", NULL, false);
	return e;
}

nd_err *rootfs_mount(struct child *c)
{
	const struct rootfs_spec *r = &c->s->rootfs;
	if (r->kind == ROOTFS_DIR && !r->cow)
		return bind_dir(c, r->dir);
	/* Over the upper's own name: an overlay holds its layers, it needs no name of them. */
	_cleanup_free_ char *target =
		r->state_dir ? str_fmt("%s/upper", r->state_dir) : str_dup("/tmp");
	if (r->state_dir && mkdir(target, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", target);
	struct statfs fs;
	/* An overlay is no upper for another one, whatever mount(2) may say of it at first; and
	 * a tmpfs of our own is as good as somebody else's. */
	bool on_disk = r->state_dir && statfs(r->state_dir, &fs) == 0 &&
		       fs.f_type != OVERLAYFS_SUPER_MAGIC && fs.f_type != TMPFS_MAGIC;
	struct rootfs_job j = {.c = c,
		.state = on_disk ? r->state_dir : NULL,
		.target = target,
		.memory_fd = -1,
		.userxattr = c->in_userns || !userns_is_initial()};
	if (r->kind == ROOTFS_LAYERS)
		strv_copy(&j.lowers, &r->layers);
	else
		strv_add(&j.lowers, r->kind == ROOTFS_PLACE ? "/" : r->dir);
	nd_err *e = climb(&j);
	c->private_root = !e;
	fd_done(&j.memory_fd);
	strv_done(&j.lowers);
	strv_done(&j.covered);
	if (!e && chdir(target) < 0)
		e = err_sys(errno, "chdir", "%s", target);
	return e;
}

/* Where the place's root is the initramfs or we are in a chroot, pivot_root(2) gives
 * EINVAL; moving the mount over "/" and chroot give the workload the same view. */
static nd_err *move_and_chroot(struct child *c, int pivot_errno)
{
	nd_err *e = err_sys(pivot_errno, "pivot_root", "to the container's root");
	wire_left(c->sock, "root-change", "pivot_root", e);
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_detail(
			e, "moving the mount over / and chroot failed too: %s", strerror(errno));
	err_free(e);
	wire_took(c->sock, "root-change", "move and chroot",
		"the old root stays mounted below, out of reach without CAP_SYS_CHROOT", false);
	c->chrooted = true;
	return NULL;
}

nd_err *rootfs_enter(struct child *c)
{
	c->old_root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->old_root_fd < 0)
		return err_sys(errno, "open", "/");
	/* pivot_root(2): "." for both stacks the old root over the new one, no folder needed. */
	if (sys_pivot_root(".", ".") < 0)
		TRY(move_and_chroot(c, errno));
	c->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root_fd < 0)
		return err_sys(errno, "open", "the new /");
	return NULL;
}

nd_err *rootfs_release(struct child *c)
{
	if (!c->chrooted) {
		if (fchdir(c->old_root_fd) < 0)
			return err_sys(errno, "fchdir", "the old root");
		if (umount2(".", MNT_DETACH) < 0)
			return err_sys(errno, "umount2", "the old root");
		if (fchdir(c->root_fd) < 0)
			return err_sys(errno, "fchdir", "the new root");
	}
	/* The descriptors close at execve(2), before the workload is. */
	return NULL;
}
