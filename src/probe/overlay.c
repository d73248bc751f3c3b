/* overlayfs, the layers on a tmpfs of the trial's own.  A mount that succeeds proves
 * little: in a user namespace without `userxattr` (Linux 5.11) removing a directory of the
 * lower layer gives EIO, because the opaque mark is a trusted xattr.  So the trial does
 * what a package manager does: copy up, remove, make anew. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "probe/trial.h"
#include "probe/trials.h"

#define DISK   "/var/tmp"
#define PREFIX ".nidus-probe-"
enum { STACK_MAX = 8 };

/* DIR/{l,u,w,m} with files in the lower layer.  False: r says why. */
static bool layers(struct fact_result *r, const char *dir)
{
	static const char *const dirs[] = {"", "/l", "/u", "/w", "/m", "/l/d", "/l/d/sub"};
	char path[128];
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof path, "%s%s", dir, dirs[i]);
		if (mkdir(path, 0755) < 0 && errno != EEXIST) {
			fact_refused(r, errno, "mkdir", "%s for the layers", path);
			return false;
		}
	}
	snprintf(path, sizeof path, "%s/l/file", dir);
	bool ok = trial_write(path, "lower");
	snprintf(path, sizeof path, "%s/l/d/sub/file", dir);
	if (!ok || !trial_write(path, "lower")) {
		fact_refused(r, errno, "write", "%s in the lower layer", path);
		return false;
	}
	return true;
}

/* With whole paths: gVisor takes no others. */
static bool mount_overlay(const char *dir, const char *lower, const char *more)
{
	char options[512], target[64], at[64];
	if (!getcwd(at, sizeof at))
		return false;
	snprintf(target, sizeof target, "%s/m", dir);
	snprintf(options, sizeof options, "lowerdir=%s/%s,upperdir=%s/%s/u,workdir=%s/%s/w%s", at,
		lower, at, dir, at, dir, more);
	return mount("overlay", target, "overlay", 0, options) == 0;
}

/* A user namespace wants userxattr; older kernels do not know it. */
static bool mount_either(const char *dir, const char *lower)
{
	return mount_overlay(dir, lower, ",userxattr") || mount_overlay(dir, lower, "");
}

static bool step_failed(struct fact_result *r, const char *op, const char *what)
{
	fact_refused(r, errno, op, "the overlay mounted, but %s failed in it", what);
	r->state = FACT_BROKEN;
	return false;
}

/* Uses the overlay at dir/m.  False: r says why. */
static bool prove(struct fact_result *r, const char *dir)
{
	char text[16] = "", cwd[128];
	if (!getcwd(cwd, sizeof cwd) || chdir(dir) < 0)
		return step_failed(r, "chdir", dir);
	if (trial_read("m/file", text, sizeof text) < 0 || strcmp(text, "lower") != 0)
		return step_failed(r, "read", "reading a file of the lower layer");
	if (!trial_write("m/file", "upper") || trial_read("u/file", text, sizeof text) < 0 ||
		strcmp(text, "upper") != 0)
		return step_failed(r, "write", "writing a file of the lower layer");
	if (trial_read("l/file", text, sizeof text) < 0 || strcmp(text, "lower") != 0)
		return step_failed(r, "write", "keeping the lower layer as it was");
	if (unlink("m/d/sub/file") < 0)
		return step_failed(r, "unlink", "removing a file of the lower layer");
	if (rmdir("m/d/sub") < 0)
		return step_failed(r, "rmdir", "removing a directory of the lower layer");
	if (mkdir("m/d/sub", 0755) < 0 || access("m/d/sub/file", F_OK) == 0)
		return step_failed(r, "mkdir", "making a removed directory anew");
	if (rmdir("m/d/sub") < 0 || rmdir("m/d") < 0)
		return step_failed(r, "rmdir", "removing a directory that was made anew");
	if (access("m/d", F_OK) == 0 || access("l/d/sub/file", F_OK) < 0)
		return step_failed(r, "rmdir", "hiding a removed directory");
	if (chdir(cwd) < 0)
		return step_failed(r, "chdir", cwd);
	return true;
}

static bool use_overlay(struct fact_result *r, const char *more, const char *where)
{
	if (!layers(r, "o"))
		return false;
	if (!mount_overlay("o", "o/l", more)) {
		fact_refused(r, errno, "mount(overlay)", "lowerdir, upperdir, workdir%s on %s",
			more, where);
		return false;
	}
	if (!prove(r, "o"))
		return false;
	fact_works(r,
		"mounted%s%s, layers on %s; a lower file changed, a lower directory removed, made "
		"anew and removed again; the lower layer stayed as it was",
		*more ? " with " : "", *more ? more + 1 : "", where);
	return true;
}

static void overlay_with(struct fact_result *r, const char *more)
{
	const char *op;
	if (!trial_scratch(&op))
		fact_refused(r, errno, op, "for the layers");
	else
		use_overlay(r, more, "a tmpfs");
}

/* Directories of trials that were killed: nobody holds their lock. */
static void sweep(void)
{
	_cleanup_closedir_ DIR *d = opendir(DISK);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!str_starts(e->d_name, PREFIX))
			continue;
		_cleanup_fd_ int fd = openat(
			dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
			flock(fd, LOCK_EX | LOCK_NB) == 0)
			err_free(tree_remove(dirfd(d), e->d_name));
	}
}

/* With the layers on the disk: tmpfs has no user xattrs before Linux 6.6. */
static bool use_on_disk(struct fact_result *r, const char *more)
{
	char path[] = DISK "/" PREFIX "XXXXXX";
	sweep();
	if (!mkdtemp(path))
		return false;
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool used = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fchdir(fd) == 0 &&
		    use_overlay(r, more, path);
	if (chdir("/") == 0 && fd >= 0 && fchdir(fd) == 0)
		umount2("o/m", MNT_DETACH);
	err_free(chdir("/") == 0 ? tree_remove(AT_FDCWD, path) : NULL);
	return used;
}

static void plain(struct fact_result *r)
{
	overlay_with(r, "");
}

static void userxattr(struct fact_result *r)
{
	overlay_with(r, ",userxattr");
	struct fact_result disk = *r;
	if (r->state != FACT_BROKEN || !use_on_disk(&disk, ",userxattr"))
		return;
	*r = disk;
	snprintf(r->value, sizeof r->value, "upper on a disk only");
}

void try_mount_overlay(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, plain);
}

void try_mount_overlay_userxattr(struct fact_result *r)
{
	trial_userns_first(r, CLONE_NEWNS, userxattr);
}

/* Overlays, each with the one below as lower layer; how many could be mounted, -1: r says
 * why none was tried.  errno is of the last. */
static int stack(struct fact_result *r)
{
	char below[64] = "o0/l", here[64], file[128];
	const char *op;
	int n = 0;
	if (!trial_scratch(&op)) {
		fact_refused(r, errno, op, "for the layers");
		return -1;
	}
	for (; n < STACK_MAX; n++) {
		snprintf(here, sizeof here, "o%d", n);
		if (!layers(r, here))
			return -1;
		if (!mount_either(here, below))
			break;
		snprintf(below, sizeof below, "o%d/m", n);
		snprintf(file, sizeof file, "%s/d/sub/file", below);
		if (access(file, F_OK) < 0)
			break;
	}
	return n;
}

static void depth(struct fact_result *r)
{
	int n = stack(r), err = errno;
	if (n < 0)
		return;
	if (n < 2)
		fact_refused(r, err, "mount(overlay)", "%s",
			n ? "with a lower layer on an overlay" : "the first of the stack");
	else
		fact_works(r, "%d overlays stand on each other%s%s", n,
			n < STACK_MAX ? "; one more gives: " : "",
			n < STACK_MAX ? strerror(err) : "");
	snprintf(r->value, sizeof r->value, "%d", n);
}

void try_mount_overlay_stack(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, depth);
}

static void upper_on_overlay(struct fact_result *r)
{
	const char *op;
	if (!trial_scratch(&op)) {
		fact_refused(r, errno, op, "for the layers");
		return;
	}
	if (!layers(r, "o"))
		return;
	if (!mount_either("o", "o/l")) {
		fact_refused(r, errno, "mount(overlay)", "the one below");
		return;
	}
	if (!layers(r, "o/m/n"))
		return;
	if (!mount_either("o/m/n", "o/m/n/l")) {
		fact_refused(r, errno, "mount(overlay)", "with upperdir and workdir on an overlay");
		return;
	}
	if (prove(r, "o/m/n"))
		fact_works(r, "mounted with all layers on an overlay; files changed and removed");
}

void try_mount_overlay_on_overlay(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, upper_on_overlay);
}
