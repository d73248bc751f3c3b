/* seccomp: a filter, and the three ways to have a call decided by another process.
 * The call used is getppid(2), which nothing else here needs.  RET_TRACE is of Linux 4.8 in
 * its present form, user notification of 5.0, ADDFD of 5.9; gVisor has only the first. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { MARK = 4242, NOTIFY_MS = 400 };

/* Installs a filter that gives `action` for getppid; the result of seccomp(2). */
static int filter_getppid(uint32_t action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(code), code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
}

void try_seccomp_filter(struct fact_result *r)
{
	if (filter_getppid(SECCOMP_RET_ERRNO | 77, 0) < 0) {
		fact_refused(r, errno, "seccomp", "a filter of four instructions");
		return;
	}
	errno = 0;
	if (syscall(SYS_getppid) != -1 || errno != 77)
		fact_set(r, FACT_BROKEN, "the filter has no effect",
			"getppid was to fail with errno 77; errno is %d", errno);
	else
		fact_works(r, "a filter that fails getppid with errno 77 did so");
}

/* The traced child: waits to be seized, installs the filter, makes the call. */
__attribute__((noreturn)) static void traced(int go_fd)
{
	char byte;
	if (read(go_fd, &byte, 1) != 1)
		_exit(1);
	if (filter_getppid(SECCOMP_RET_TRACE, 0) < 0)
		_exit(errno == EINVAL ? 3 : 2);
	_exit(syscall(SYS_getppid) == MARK ? 0 : 4);
}

/* Skips the call that the child is stopped at and has it return MARK. */
static bool answer_call(pid_t pid)
{
#ifdef __x86_64__
	struct user_regs_struct regs;
	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0)
		return false;
	regs.orig_rax = ~0ull;
	regs.rax = MARK;
	return ptrace(PTRACE_SETREGS, pid, 0, &regs) == 0;
#else
#	error "say here how this machine's calls are skipped and answered"
#endif
}

void try_seccomp_trace(struct fact_result *r)
{
	int go[2], status = 0;
	bool seen = false, answered = false;
	if (pipe2(go, O_CLOEXEC) < 0)
		return;
	pid_t pid = trial_fork();
	if (pid == 0)
		traced(go[0]);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL) < 0) {
		fact_refused(
			r, errno, "ptrace(PTRACE_SEIZE)", "a child, to be asked about its calls");
		return;
	}
	fd_write_all(go[1], "x", 1);
	for (;;) {
		if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
			break;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
			seen = true;
			answered = answer_call(pid);
		}
		if (ptrace(PTRACE_CONT, pid, 0, 0) < 0)
			break;
	}
	int exit = status_of_wait(status);
	if (exit == 0 && seen)
		fact_works(r,
			"a traced child was stopped at getppid by SECCOMP_RET_TRACE; the "
			"call was skipped and answered with %d",
			MARK);
	else if (exit == 2 || exit == 3)
		fact_refused(
			r, exit == 3 ? EINVAL : EPERM, "seccomp", "a SECCOMP_RET_TRACE filter");
	else
		fact_set(r, FACT_BROKEN, "the call is not handed to the tracer",
			"event %s, registers %s, the child ended with status %d",
			seen ? "seen" : "not seen", answered ? "written" : "not written", exit);
}

static bool send_fd(int sock, int fd)
{
	char byte = 'x';
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = {0};
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	if (fd >= 0) {
		m.msg_control = c.room;
		m.msg_controllen = sizeof c.room;
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		*h = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof fd)};
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) == 1;
}

static int receive_fd(int sock)
{
	char byte;
	int fd = -1;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c;
	struct iovec v = {&byte, 1};
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof c};
	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	if (h && h->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(h), sizeof fd);
	return fd;
}

/* The supervised child: its listener goes to the parent; the answer to its call is MARK, or
 * with `addfd` the number of a descriptor put into it, which holds "nidus". */
__attribute__((noreturn)) static void supervised(int sock, bool addfd)
{
	char text[8] = "";
	int listener = filter_getppid(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	int err = listener < 0 ? errno : 0;
	if (err || !send_fd(sock, listener))
		_exit(100 + err % 100);
	fd_close(listener);
	long answer = syscall(SYS_getppid);
	if (!addfd)
		_exit(answer == MARK ? 0 : 1);
	bool reads = answer > 2 && pread((int)answer, text, sizeof text - 1, 0) == 5;
	_exit(reads && strcmp(text, "nidus") == 0 ? 0 : 1);
}

/* Answers the one call; the step that failed, or NULL. */
static const char *supervise(int listener, bool addfd)
{
	struct seccomp_notif call = {0};
	struct pollfd p = {listener, POLLIN, 0};
	int64_t value = MARK;
	if (poll(&p, 1, NOTIFY_MS) != 1)
		return errno = ETIMEDOUT, "poll";
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return "SECCOMP_IOCTL_NOTIF_RECV";
	if (addfd) {
		_cleanup_fd_ int file = memfd_create("nidus-probe", MFD_CLOEXEC);
		struct seccomp_notif_addfd add = {.id = call.id, .srcfd = (unsigned)file};
		if (file < 0 || !fd_write_all(file, "nidus", 5))
			return "memfd_create";
		value = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
		if (value < 0)
			return "SECCOMP_IOCTL_NOTIF_ADDFD";
	}
	struct seccomp_notif_resp answer = {.id = call.id, .val = value};
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 ? "SECCOMP_IOCTL_NOTIF_SEND"
								      : NULL;
}

static void notify(struct fact_result *r, bool addfd)
{
	int s[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0) {
		fact_refused(r, errno, "socketpair", "to hand the listener over");
		return;
	}
	pid_t pid = trial_fork();
	if (pid == 0)
		supervised(s[1], addfd);
	fd_close(s[1]);
	_cleanup_fd_ int sock = s[0];
	_cleanup_fd_ int listener = receive_fd(sock);
	if (listener < 0) {
		int status = pid > 0 ? wait_status(pid) : 100;
		fact_refused(r, status >= 100 ? status - 100 : EIO, "seccomp",
			"SECCOMP_FILTER_FLAG_NEW_LISTENER in a child");
		return;
	}
	const char *failed = supervise(listener, addfd);
	if (failed) {
		fact_refused(r, errno, failed, "for getppid of a child");
		return;
	}
	int status = wait_status(pid);
	if (status != 0)
		fact_set(r, FACT_BROKEN, "the answer does not arrive",
			"the child saw another result than the one given");
	else if (addfd)
		fact_works(r,
			"getppid of a child was answered with a descriptor put into it, which "
			"it read");
	else
		fact_works(r, "getppid of a child was answered with %d by its parent", MARK);
}

void try_seccomp_notify(struct fact_result *r)
{
	notify(r, false);
}

void try_seccomp_addfd(struct fact_result *r)
{
	notify(r, true);
}
