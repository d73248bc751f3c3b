/* What the file systems under the store and under TMPDIR can do: share blocks between
 * files (FICLONE, Linux 4.5), and hold a tree to a limit (project quota).  All is tried
 * on files without a name (O_TMPFILE), so that nothing is left. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "probe/trial.h"
#include "probe/trials.h"

#ifndef SYS_quotactl_fd
#	define SYS_quotactl_fd 443 /* Linux 5.14 */
#endif
#ifndef PRJQUOTA
#	define PRJQUOTA 2
#endif
enum {
	BLOCK = 65536,
	PROJECT = 0x6e696475, /* nobody's number, we trust */
	LIMIT_KIB = 64,
};

/* The store's directory, or the nearest above it that is there. */
static char *store_dir(void)
{
	const char *store = getenv("NIDUS_STORE_DIR"), *data = getenv("XDG_DATA_HOME"),
		   *home = getenv("HOME");
	char *path = store && *store                 ? str_dup(store)
		     : geteuid() == 0                ? str_dup("/var/lib/nidus")
		     : data && *data                 ? str_fmt("%s/nidus", data)
		     : home && *home && *home == '/' ? str_fmt("%s/.local/share/nidus", home)
						     : str_dup("/var/lib/nidus");
	while (access(path, F_OK) < 0 && strrchr(path, '/') > path)
		*strrchr(path, '/') = '\0';
	return path;
}

static char *temp_dir(void)
{
	const char *dir = getenv("TMPDIR");
	return str_dup(dir && *dir == '/' ? dir : "/tmp");
}

static int nameless(const char *dir, const char **op)
{
	char *path;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	*op = "open(O_TMPFILE)";
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	/* Overlay before Linux 6.3, and FUSE. */
	path = str_fmt("%s/.nidus-probe-XXXXXX", dir);
	*op = "mkostemp";
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

static const char *fs_name(int fd)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = {{EXT4_SUPER_MAGIC, "ext4"}, {XFS_SUPER_MAGIC, "xfs"},
		{BTRFS_SUPER_MAGIC, "btrfs"}, {TMPFS_MAGIC, "tmpfs"},
		{OVERLAYFS_SUPER_MAGIC, "overlay"}, {0x65735546, "fuse"}, {NFS_SUPER_MAGIC, "nfs"},
		{0x2fc12fc1, "zfs"}, {V9FS_MAGIC, "9p"}, {0xca451a4e, "bcachefs"}};
	struct statfs s;
	if (fstatfs(fd, &s) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			if ((long)s.f_type == known[i].magic)
				return known[i].name;
	return "?";
}

/* Clones a file, changes the clone, and looks whether the first stayed.  0 or errno. */
static int share_blocks(int from, int to, const char **op)
{
	char block[BLOCK], back[BLOCK];
	memset(block, 'n', sizeof block);
	*op = "write";
	if (!fd_write_all(from, block, sizeof block))
		return errno;
	*op = "FICLONE";
	if (ioctl(to, FICLONE, from) < 0)
		return errno;
	*op = "read of the clone";
	if (pread(to, back, sizeof back, 0) != (ssize_t)sizeof back ||
		memcmp(block, back, sizeof back) != 0 || pwrite(to, "x", 1, 0) != 1 ||
		pread(from, back, 1, 0) != 1 || back[0] != 'n')
		return EIO;
	return 0;
}

static int try_clone(const char *dir, const char **op, const char **fs)
{
	*fs = "?";
	_cleanup_fd_ int from = nameless(dir, op);
	if (from < 0)
		return errno;
	*fs = fs_name(from);
	_cleanup_fd_ int to = nameless(dir, op);
	return to < 0 ? errno : share_blocks(from, to, op);
}

void try_reflink(struct fact_result *r)
{
	_cleanup_free_ char *store = store_dir(), *temp = temp_dir();
	const char *op[2], *fs[2];
	int err[2] = {try_clone(store, &op[0], &fs[0]), try_clone(temp, &op[1], &fs[1])};
	char seen[500];
	snprintf(seen, sizeof seen,
		"for the store, in %.120s (%s): %s%s%s; for temporary files, in %.120s (%s): "
		"%s%s%s",
		store, fs[0], err[0] ? op[0] : "cloned", err[0] ? ": " : "",
		err[0] ? strerror(err[0]) : "", temp, fs[1], err[1] ? op[1] : "cloned",
		err[1] ? ": " : "", err[1] ? strerror(err[1]) : "");
	if (!err[0]) {
		fact_works(r, "%s", seen);
		snprintf(r->value, sizeof r->value, "%s", fs[0]);
		return;
	}
	fact_refused(r, err[0], op[0], "%s", seen);
	if (strncmp(op[0], "open", 4) == 0)
		snprintf(r->reason, sizeof r->reason, "the store's %.80s: %s", store,
			strerror(err[0]));
	else if (strcmp(op[0], "FICLONE") == 0)
		snprintf(r->reason, sizeof r->reason, "%s does not share blocks between files",
			fs[0]);
	if (!err[1])
		snprintf(r->value, sizeof r->value, "only in %.60s", temp);
}

static long quota(int fd, int cmd, struct dqblk *q)
{
	return syscall(SYS_quotactl_fd, fd, QCMD(cmd, PRJQUOTA), PROJECT, q);
}

/* ext4 holds nobody to a limit who has this right; containers have not. */
static void drop_resource_right(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (syscall(SYS_capget, &head, data) == 0) {
		data[0].effective &= ~(1u << CAP_SYS_RESOURCE);
		syscall(SYS_capset, &head, data);
	}
}

/* With the project's number on the file: a limit is set, written past, and lifted. */
static int enforce(int fd, const char **op)
{
	struct dqblk q = {.dqb_bhardlimit = LIMIT_KIB, .dqb_valid = QIF_BLIMITS}, before = {0};
	char block[BLOCK] = "";
	*op = "quotactl_fd(Q_GETQUOTA)";
	if (quota(fd, Q_GETQUOTA, &before) < 0)
		return errno;
	if (before.dqb_bhardlimit || before.dqb_curspace) {
		*op = "project number in use";
		return EBUSY;
	}
	*op = "quotactl_fd(Q_SETQUOTA)";
	if (quota(fd, Q_SETQUOTA, &q) < 0)
		return errno;
	drop_resource_right();
	bool past = fd_write_all(fd, block, sizeof block) &&
		    fd_write_all(fd, block, sizeof block) && fsync(fd) == 0;
	int err = errno;
	q.dqb_bhardlimit = 0;
	(void)quota(fd, Q_SETQUOTA, &q);
	*op = "write past the limit";
	return past ? EIO : err == EDQUOT || err == ENOSPC ? 0 : err;
}

static int try_project(const char *dir, const char **op, const char **fs)
{
	struct fsxattr x;
	*fs = "?";
	_cleanup_fd_ int fd = nameless(dir, op);
	if (fd < 0)
		return errno;
	*fs = fs_name(fd);
	if ((*op = "FS_IOC_FSGETXATTR", ioctl(fd, FS_IOC_FSGETXATTR, &x)) < 0)
		return errno;
	x.fsx_projid = PROJECT;
	if ((*op = "FS_IOC_FSSETXATTR", ioctl(fd, FS_IOC_FSSETXATTR, &x)) < 0)
		return errno;
	return enforce(fd, op);
}

void try_project_quota(struct fact_result *r)
{
	_cleanup_free_ char *store = store_dir();
	const char *op, *fs;
	int err = try_project(store, &op, &fs);
	if (!err) {
		fact_works(r,
			"in %.200s (%s), a file of project %u was stopped at its limit of %d KiB; "
			"the limit was lifted again",
			store, fs, PROJECT, LIMIT_KIB);
		snprintf(r->value, sizeof r->value, "%s", fs);
	} else if (err == EIO && strcmp(op, "write past the limit") == 0) {
		fact_set(r, FACT_BROKEN, "a limit is taken, but not kept to",
			"in %.200s (%s), a file of project %u grew past %d KiB", store, fs, PROJECT,
			LIMIT_KIB);
	} else {
		fact_refused(
			r, err, op, "in %.200s (%s), for a file of its own project", store, fs);
		/* ESRCH: the file system keeps no account; the mount option prjquota is missing. */
		if (err == ESRCH || err == ENOTTY || err == EOPNOTSUPP || err == ENOSYS)
			r->state = FACT_ABSENT;
		if (strncmp(op, "open", 4) == 0)
			snprintf(r->reason, sizeof r->reason, "the store's %.80s: %s", store,
				strerror(err));
		else if (r->state == FACT_ABSENT)
			snprintf(r->reason, sizeof r->reason, "%s has no project quota here", fs);
	}
}
