/* Typed wrappers for system calls that glibc 2.36 has no function for, and the
 * constants that its headers lack.  Each returns as the kernel does through glibc's
 * syscall(2): -1 and errno.  No policy, no fallbacks: a ladder decides those.
 */
#pragma once

#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MOVE_MOUNT_BENEATH
#	define MOVE_MOUNT_BENEATH 0x200
#endif
#ifndef CLONE_NEWTIME
#	define CLONE_NEWTIME 0x80
#endif

/* clone3(2), Linux 5.3.  Returns 0 in the child, whose memory is a copy: without
 * CLONE_VM it may use the allocator, as this program has one thread. */
static inline pid_t sys_clone3(struct clone_args *args)
{
	return (pid_t)syscall(SYS_clone3, args, sizeof *args);
}

/* openat2(2), Linux 5.6.  Absent in gVisor (ENOSYS). */
static inline int sys_openat2(
	int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
}

static inline int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int sys_pidfd_send_signal(int pid_fd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pid_fd, sig, NULL, 0);
}

static inline int sys_pidfd_getfd(int pid_fd, int target, unsigned flags)
{
	return (int)syscall(SYS_pidfd_getfd, pid_fd, target, flags);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

static inline int sys_seccomp(unsigned op, unsigned flags, void *args)
{
	return (int)syscall(SYS_seccomp, op, flags, args);
}

/* open_tree(2), fsopen(2), fsconfig(2), fsmount(2), move_mount(2), Linux 5.2, and
 * mount_setattr(2), Linux 5.12, have functions in glibc 2.36: <sys/mount.h>. */

/* This program's effective ids as they were at its start (getauxval(3)), without a call.
 * Not for children that have changed theirs. */
static inline uid_t start_euid(void)
{
	return (uid_t)getauxval(AT_EUID);
}

/* Real and effective user and group were root at the start. */
static inline bool started_as_root(void)
{
	return !getauxval(AT_UID) && !getauxval(AT_EUID) && !getauxval(AT_GID) &&
	       !getauxval(AT_EGID);
}

/* Opens beneath a directory descriptor so that no link leads out: openat2 with
 * RESOLVE_IN_ROOT; where that call is absent, a walk by components with O_NOFOLLOW
 * that resolves links itself.  -1 and errno. */
int open_in_root(int root_fd, const char *path, int flags, mode_t mode);
/* mkdir -p in a root: each component is made and opened in turn, so a link put in the way
 * by the other side cannot lead out.  Returns a descriptor of the last (O_PATH), or -1. */
int mkdir_in_root(int root_fd, const char *path, mode_t mode);
/* As mkdir_in_root for the parent, then an empty file (or what is there already). O_PATH or -1. */
int mkfile_in_root(int root_fd, const char *path, mode_t mode);
