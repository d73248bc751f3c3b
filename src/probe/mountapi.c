/* The descriptor-based mount calls (Linux 5.2; mount_setattr 5.12) and idmapped mounts.
 * gVisor has none of them.  Each is used to make a mount that is then looked at. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"
#include "probe/trial.h"
#include "probe/trials.h"

/* A detached copy of a directory with a file "f" in it.  -1: r says why. */
static int tree(struct fact_result *r)
{
	const char *op;
	if (!trial_scratch(&op) || mkdir("a", 0755) < 0 || mkdir("b", 0755) < 0 ||
		!trial_write("a/f", "nidus")) {
		fact_refused(r, errno, "mount(tmpfs)", "for a place to mount in");
		return -1;
	}
	int fd = open_tree(AT_FDCWD, "a", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		fact_refused(r, errno, "open_tree", "OPEN_TREE_CLONE of a directory");
	return fd;
}

static void do_open_tree(struct fact_result *r)
{
	_cleanup_fd_ int fd = tree(r);
	if (fd < 0)
		return;
	if (faccessat(fd, "f", F_OK, 0) < 0)
		fact_set(r, FACT_BROKEN, "the copy is empty",
			"the file is not seen through the descriptor");
	else
		fact_works(r, "a detached copy of a directory; its file is seen through it");
}

void try_open_tree(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, do_open_tree);
}

static void do_move_mount(struct fact_result *r)
{
	_cleanup_fd_ int fd = tree(r);
	if (fd < 0)
		return;
	if (move_mount(fd, "", AT_FDCWD, "b", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		fact_refused(r, errno, "move_mount", "a detached copy onto a directory");
	else if (access("b/f", F_OK) < 0)
		fact_set(r, FACT_BROKEN, "the mount is not seen", "b/f is not there");
	else
		fact_works(r, "a detached copy attached to a directory; its file is seen there");
}

void try_move_mount(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, do_move_mount);
}

static void do_mount_setattr(struct fact_result *r)
{
	_cleanup_fd_ int fd = tree(r);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	if (fd < 0)
		return;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0) {
		fact_refused(r, errno, "mount_setattr", "MOUNT_ATTR_RDONLY, recursively");
		return;
	}
	_cleanup_fd_ int file = openat(fd, "f", O_WRONLY | O_CLOEXEC);
	if (file >= 0 || errno != EROFS)
		fact_set(r, FACT_BROKEN, "the attribute has no effect",
			"a file could be opened for writing after MOUNT_ATTR_RDONLY");
	else
		fact_works(r, "a detached copy made read-only, recursively; opening for writing "
			      "gave EROFS");
}

void try_mount_setattr(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, do_mount_setattr);
}

static void do_fsopen(struct fact_result *r)
{
	const char *op = "fsopen";
	_cleanup_fd_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	_cleanup_fd_ int mnt = -1;
	if (fs < 0 ||
		(op = "fsconfig", fsconfig(fs, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
					  fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) ||
		(op = "fsmount", (mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0)) < 0)) {
		fact_refused(r, errno, op, "a tmpfs of 64k");
		return;
	}
	_cleanup_fd_ int file = openat(mnt, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		fact_refused(r, errno, "openat", "a new file on the detached tmpfs");
	else
		fact_works(r, "fsopen, fsconfig and fsmount made a detached tmpfs; a file was made "
			      "in it");
}

void try_fsopen(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, do_fsopen);
}

/* A user namespace where `inside` stands for the id `outside`; the child that holds it ends
 * with the pipe. */
static int userns_fd(unsigned inside, unsigned outside, const char **op)
{
	int go[2], ready[2], fd = -1, err = EPIPE;
	char path[64], byte;
	*op = "pipe2";
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = trial_fork();
	if (pid == 0) {
		fd_close(go[1]);
		err = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
		fd_write_all(ready[1], &err, sizeof err);
		_exit(read(go[0], &byte, 1) == 1);
	}
	fd_close(go[0]);
	fd_close(ready[1]);
	fd_read_full(ready[0], &err, sizeof err);
	fd_close(ready[0]);
	*op = "unshare(CLONE_NEWUSER)";
	if (!err) {
		snprintf(path, sizeof path, "/proc/%d", pid);
		err = trial_map_one(path, inside, outside, outside, op) ? 0 : errno;
		snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
		if (!err && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			err = errno;
	}
	fd_close(go[1]);
	if (pid > 0)
		wait_status(pid);
	errno = err;
	return fd;
}

/* The owner of `name` under a detached, idmapped copy of `dir`; -1 and errno. */
static long idmapped_owner(const char *dir, const char *name, int user_fd, const char **op)
{
	struct stat st;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)user_fd};
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	*op = "open_tree";
	if (fd < 0)
		return -1;
	*op = "mount_setattr(IDMAP)";
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return -1;
	*op = "fstatat";
	return fstatat(fd, name, &st, AT_EMPTY_PATH) < 0 ? -1 : (long)st.st_uid;
}

/* The owner 0 of a file has to become another.  With one id mapped here, 4321 cannot be
 * named: then 1 stands for 0, and the file's 0 has no name (the overflow id). */
static void do_idmapped(struct fact_result *r)
{
	struct stat st;
	const char *op, *tmpfs_op = "";
	_cleanup_fd_ int user_fd = userns_fd(0, 4321, &op);
	if (user_fd < 0)
		user_fd = userns_fd(1, 0, &op);
	if (user_fd < 0) {
		fact_refused(r, errno, op, "for a user namespace to map owners with");
		return;
	}
	long disk = stat("/", &st) == 0 && st.st_uid == 0 ? idmapped_owner("/", "", user_fd, &op)
							  : (errno = EINVAL, -1);
	int disk_err = errno;
	if (!trial_scratch(&tmpfs_op) || !trial_write("f", "")) {
		fact_refused(r, errno, tmpfs_op, "for a place to mount in");
		return;
	}
	long tmpfs = idmapped_owner(".", "f", user_fd, &tmpfs_op);
	int err = errno;
	if (disk <= 0 && tmpfs <= 0) {
		fact_refused(r, err, tmpfs_op, "neither / (%s) nor a tmpfs", strerror(disk_err));
		if (tmpfs == 0)
			fact_set(r, FACT_BROKEN, "owners stay as they are",
				"the owner of a file is 0 with and without the map");
		return;
	}
	fact_works(r, "owner 0 was seen as: %ld on / (%s), %ld on a tmpfs (%s)", disk,
		disk < 0 ? strerror(disk_err) : "mapped", tmpfs,
		tmpfs < 0 ? strerror(err) : "mapped");
	snprintf(r->value, sizeof r->value, "%s%s%s", disk > 0 ? "/" : "",
		disk > 0 && tmpfs > 0 ? "+" : "", tmpfs > 0 ? "tmpfs" : "");
}

void try_mount_idmapped(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, do_idmapped);
}
