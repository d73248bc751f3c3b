/* The default profile: what podman 4.3 allows (containers-common 0.50, as Debian 12 has
 * it), as tables of system calls.  Whatever is not named fails with ENOSYS, so that
 * newer calls look absent rather than forbidden; some old or harmful ones with EPERM.
 * The tables are compiled at each use: that costs less than reading a cache would. */
#include "container/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/socket.h>

#include "container/seccomp-compile.h"

#define R(name) SYSCALL_ROW_##name

static const uint16_t refused[] = {R(bdflush), R(io_pgetevents), R(kexec_file_load), R(kexec_load),
	R(migrate_pages), R(move_pages), R(nfsservctl), R(nice), R(oldfstat), R(oldlstat),
	R(oldolduname), R(oldstat), R(olduname), R(sgetmask), R(ssetmask), R(swapoff), R(swapon),
	R(sysfs), R(uselib), R(userfaultfd), R(ustat), R(vm86), R(vm86old), R(vmsplice)};

static const uint16_t allowed[] = {R(_llseek), R(_newselect), R(accept), R(accept4), R(access),
	R(adjtimex), R(alarm), R(bind), R(brk), R(capget), R(capset), R(chdir), R(chmod), R(chown),
	R(chown32), R(clock_adjtime), R(clock_adjtime64), R(clock_getres), R(clock_getres_time64),
	R(clock_gettime), R(clock_gettime64), R(clock_nanosleep), R(clock_nanosleep_time64),
	R(clone), R(clone3), R(close), R(close_range), R(connect), R(copy_file_range), R(creat),
	R(dup), R(dup2), R(dup3), R(epoll_create), R(epoll_create1), R(epoll_ctl), R(epoll_ctl_old),
	R(epoll_pwait), R(epoll_pwait2), R(epoll_wait), R(epoll_wait_old), R(eventfd), R(eventfd2),
	R(execve), R(execveat), R(exit), R(exit_group), R(faccessat), R(faccessat2), R(fadvise64),
	R(fadvise64_64), R(fallocate), R(fanotify_mark), R(fchdir), R(fchmod), R(fchmodat),
	R(fchown), R(fchown32), R(fchownat), R(fcntl), R(fcntl64), R(fdatasync), R(fgetxattr),
	R(flistxattr), R(flock), R(fork), R(fremovexattr), R(fsconfig), R(fsetxattr), R(fsmount),
	R(fsopen), R(fspick), R(fstat), R(fstat64), R(fstatat64), R(fstatfs), R(fstatfs64),
	R(fsync), R(ftruncate), R(ftruncate64), R(futex), R(futex_time64), R(futimesat),
	R(get_mempolicy), R(get_robust_list), R(get_thread_area), R(getcpu), R(getcwd), R(getdents),
	R(getdents64), R(getegid), R(getegid32), R(geteuid), R(geteuid32), R(getgid), R(getgid32),
	R(getgroups), R(getgroups32), R(getitimer), R(getpeername), R(getpgid), R(getpgrp),
	R(getpid), R(getppid), R(getpriority), R(getrandom), R(getresgid), R(getresgid32),
	R(getresuid), R(getresuid32), R(getrlimit), R(getrusage), R(getsid), R(getsockname),
	R(getsockopt), R(gettid), R(gettimeofday), R(getuid), R(getuid32), R(getxattr),
	R(inotify_add_watch), R(inotify_init), R(inotify_init1), R(inotify_rm_watch), R(io_cancel),
	R(io_destroy), R(io_getevents), R(io_setup), R(io_submit), R(ioctl), R(ioprio_get),
	R(ioprio_set), R(ipc), R(keyctl), R(kill), R(landlock_add_rule), R(landlock_create_ruleset),
	R(landlock_restrict_self), R(lchown), R(lchown32), R(lgetxattr), R(link), R(linkat),
	R(listen), R(listxattr), R(llistxattr), R(lremovexattr), R(lseek), R(lsetxattr), R(lstat),
	R(lstat64), R(madvise), R(mbind), R(membarrier), R(memfd_create), R(memfd_secret),
	R(mincore), R(mkdir), R(mkdirat), R(mknod), R(mknodat), R(mlock), R(mlock2), R(mlockall),
	R(mmap), R(mmap2), R(mount), R(mount_setattr), R(move_mount), R(mprotect), R(mq_getsetattr),
	R(mq_notify), R(mq_open), R(mq_timedreceive), R(mq_timedreceive_time64), R(mq_timedsend),
	R(mq_timedsend_time64), R(mq_unlink), R(mremap), R(msgctl), R(msgget), R(msgrcv), R(msgsnd),
	R(msync), R(munlock), R(munlockall), R(munmap), R(name_to_handle_at), R(nanosleep),
	R(newfstatat), R(open), R(open_tree), R(openat), R(openat2), R(pause), R(pidfd_getfd),
	R(pidfd_open), R(pidfd_send_signal), R(pipe), R(pipe2), R(pivot_root), R(pkey_alloc),
	R(pkey_free), R(pkey_mprotect), R(poll), R(ppoll), R(ppoll_time64), R(prctl), R(pread64),
	R(preadv), R(preadv2), R(prlimit64), R(process_mrelease), R(process_vm_readv),
	R(process_vm_writev), R(pselect6), R(pselect6_time64), R(ptrace), R(pwrite64), R(pwritev),
	R(pwritev2), R(read), R(readahead), R(readdir), R(readlink), R(readlinkat), R(readv),
	R(reboot), R(recv), R(recvfrom), R(recvmmsg), R(recvmmsg_time64), R(recvmsg),
	R(remap_file_pages), R(removexattr), R(rename), R(renameat), R(renameat2),
	R(restart_syscall), R(rmdir), R(rseq), R(rt_sigaction), R(rt_sigpending), R(rt_sigprocmask),
	R(rt_sigqueueinfo), R(rt_sigreturn), R(rt_sigsuspend), R(rt_sigtimedwait),
	R(rt_sigtimedwait_time64), R(rt_tgsigqueueinfo), R(sched_get_priority_max),
	R(sched_get_priority_min), R(sched_getaffinity), R(sched_getattr), R(sched_getparam),
	R(sched_getscheduler), R(sched_rr_get_interval), R(sched_rr_get_interval_time64),
	R(sched_setaffinity), R(sched_setattr), R(sched_setparam), R(sched_setscheduler),
	R(sched_yield), R(seccomp), R(select), R(semctl), R(semget), R(semop), R(semtimedop),
	R(semtimedop_time64), R(send), R(sendfile), R(sendfile64), R(sendmmsg), R(sendmsg),
	R(sendto), R(set_mempolicy), R(set_robust_list), R(set_thread_area), R(set_tid_address),
	R(setfsgid), R(setfsgid32), R(setfsuid), R(setfsuid32), R(setgid), R(setgid32),
	R(setgroups), R(setgroups32), R(setitimer), R(setns), R(setpgid), R(setpriority),
	R(setregid), R(setregid32), R(setresgid), R(setresgid32), R(setresuid), R(setresuid32),
	R(setreuid), R(setreuid32), R(setrlimit), R(setsid), R(setsockopt), R(setuid), R(setuid32),
	R(setxattr), R(shmat), R(shmctl), R(shmdt), R(shmget), R(shutdown), R(sigaction),
	R(sigaltstack), R(signal), R(signalfd), R(signalfd4), R(sigpending), R(sigprocmask),
	R(sigreturn), R(sigsuspend), R(socketcall), R(socketpair), R(splice), R(stat), R(stat64),
	R(statfs), R(statfs64), R(statx), R(symlink), R(symlinkat), R(sync), R(sync_file_range),
	R(syncfs), R(sysinfo), R(syslog), R(tee), R(tgkill), R(time), R(timer_create),
	R(timer_delete), R(timer_getoverrun), R(timer_gettime), R(timer_gettime64),
	R(timer_settime), R(timer_settime64), R(timerfd_create), R(timerfd_gettime),
	R(timerfd_gettime64), R(timerfd_settime), R(timerfd_settime64), R(times), R(tkill),
	R(truncate), R(truncate64), R(ugetrlimit), R(umask), R(umount), R(umount2), R(uname),
	R(unlink), R(unlinkat), R(unshare), R(utime), R(utimensat), R(utimensat_time64), R(utimes),
	R(vfork), R(wait4), R(waitid), R(waitpid), R(write), R(writev)};

/* Harmless on the machines that have them. */
static const uint16_t allowed_x86[] = {R(arch_prctl), R(modify_ldt)};

/* Allowed with the capability, EPERM without. */
static const struct {
	uint8_t cap;
	uint16_t row;
} with_cap[] = {
	{CAP_DAC_READ_SEARCH, R(open_by_handle_at)},
	{CAP_SYS_ADMIN, R(bpf)},
	{CAP_SYS_ADMIN, R(fanotify_init)},
	{CAP_SYS_ADMIN, R(lookup_dcookie)},
	{CAP_SYS_ADMIN, R(perf_event_open)},
	{CAP_SYS_ADMIN, R(quotactl)},
	{CAP_SYS_ADMIN, R(setdomainname)},
	{CAP_SYS_ADMIN, R(sethostname)},
	{CAP_SYS_CHROOT, R(chroot)},
	{CAP_SYS_MODULE, R(delete_module)},
	{CAP_SYS_MODULE, R(finit_module)},
	{CAP_SYS_MODULE, R(init_module)},
	{CAP_SYS_MODULE, R(query_module)},
	{CAP_SYS_PACCT, R(acct)},
	{CAP_SYS_PTRACE, R(kcmp)},
	{CAP_SYS_PTRACE, R(process_madvise)},
	{CAP_SYS_RAWIO, R(ioperm)},
	{CAP_SYS_RAWIO, R(iopl)},
	{CAP_SYS_TIME, R(clock_settime)},
	{CAP_SYS_TIME, R(clock_settime64)},
	{CAP_SYS_TIME, R(settimeofday)},
	{CAP_SYS_TIME, R(stime)},
	{CAP_SYS_TTY_CONFIG, R(vhangup)},
};

/* personality(2): PER_LINUX, PER_LINUX32, the two with UNAME26, and asking. */
static const uint32_t personalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

enum { ALLOW = SECCOMP_RET_ALLOW, EPERM_RET = SECCOMP_RET_ERRNO | EPERM };

/* Without CAP_AUDIT_WRITE all but audit sockets; those look like an unknown protocol. */
static void add_socket(struct sc_program *p, uint64_t caps)
{
	if (caps >> CAP_AUDIT_WRITE & 1) {
		sc_add(p, R(socket), ALLOW, NULL, 0);
		return;
	}
	const struct sc_cond audit[] = {{.arg = 0, .op = SC_EQ, .value = AF_NETLINK},
		{.arg = 2, .op = SC_EQ, .value = NETLINK_AUDIT}};
	const struct sc_cond other_protocol = {.arg = 2, .op = SC_NE, .value = NETLINK_AUDIT};
	const struct sc_cond other_family = {.arg = 0, .op = SC_NE, .value = AF_NETLINK};
	sc_add(p, R(socket), SECCOMP_RET_ERRNO | EINVAL, audit, 2);
	sc_add(p, R(socket), ALLOW, &other_protocol, 1);
	sc_add(p, R(socket), ALLOW, &other_family, 1);
}

static void add_all(struct sc_program *p, uint64_t caps)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		sc_add(p, refused[i], EPERM_RET, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		sc_add(p, allowed[i], ALLOW, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(allowed_x86); i++)
		sc_add(p, allowed_x86[i], ALLOW, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(with_cap); i++)
		sc_add(p, with_cap[i].row, caps >> with_cap[i].cap & 1 ? ALLOW : EPERM_RET, NULL,
			0);
	for (size_t i = 0; i < ARRAY_SIZE(personalities); i++) {
		const struct sc_cond is = {.op = SC_EQ, .value = personalities[i]};
		sc_add(p, R(personality), ALLOW, &is, 1);
	}
	add_socket(p, caps);
}

nd_err *seccomp_default(uint64_t caps, struct seccomp_filter **ret)
{
	struct sc_program p;
	sc_init(&p, SECCOMP_RET_ERRNO | ENOSYS);
	sc_add_native(&p);
	add_all(&p, caps);
	struct seccomp_filter *f = mem_alloc(sizeof *f);
	f->flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	nd_err *e = sc_compile(&p, &f->insns, &f->n);
	sc_done(&p);
	if (e) {
		seccomp_filter_free(f);
		return e;
	}
	*ret = f;
	return NULL;
}
