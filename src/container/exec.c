/* Another process in a running container: see exec.h.
 *
 * Entering a pid namespace takes effect for children only (setns(2)), so there are two
 * processes: one that enters all namespaces and one, made by it with CLONE_PARENT, that is
 * our child and becomes the workload.  setns(2) on a pidfd enters all at once (Linux 5.8);
 * before that, and in gVisor, one file after the other.
 */
#include "container/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "container/cgroup.h"
#include "container/child.h"
#include "container/process.h"
#include "container/wire.h"
#include "kernel/sys.h"

static const struct {
	const char *file;
	int flag;
} spaces[] = {{"user", CLONE_NEWUSER}, {"cgroup", CLONE_NEWCGROUP}, {"ipc", CLONE_NEWIPC},
	{"uts", CLONE_NEWUTS}, {"net", CLONE_NEWNET}, {"pid", CLONE_NEWPID}, {"mnt", CLONE_NEWNS}};

/* Which of the target's namespaces are not ours: entering our own user namespace fails. */
static int differing(pid_t target)
{
	int flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		char theirs[48], ours[32];
		struct stat a, b;
		snprintf(theirs, sizeof theirs, "/proc/%d/ns/%s", (int)target, spaces[i].file);
		snprintf(ours, sizeof ours, "/proc/self/ns/%s", spaces[i].file);
		if (stat(theirs, &a) == 0 && stat(ours, &b) == 0 && a.st_ino != b.st_ino)
			flags |= spaces[i].flag;
	}
	return flags;
}

static nd_err *enter_by_files(pid_t target, int flags)
{
	int fds[ARRAY_SIZE(spaces)];
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		char path[48];
		snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)target, spaces[i].file);
		fds[i] = flags & spaces[i].flag ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		if (flags & spaces[i].flag && fds[i] < 0)
			return err_sys(errno, "open", "%s", path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		if (fds[i] >= 0 && setns(fds[i], spaces[i].flag) < 0)
			return err_sys(
				errno, "setns", "the container's %s namespace", spaces[i].file);
		fd_close(fds[i]);
	}
	return NULL;
}

static nd_err *enter(pid_t target, int pid_fd)
{
	int flags = differing(target);
	if (!flags)
		return NULL;
	if (pid_fd >= 0 && setns(pid_fd, flags) == 0)
		return NULL;
	if (pid_fd >= 0 && errno != EINVAL && errno != ENOSYS)
		return err_sys(errno, "setns", "the namespaces of process %d", (int)target);
	return enter_by_files(target, flags);
}

static _Noreturn void workload(const struct container_spec *s, int sock, bool in_userns)
{
	sigset_t none;
	sigemptyset(&none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	struct process_stage p = {.s = s,
		.sock = sock,
		.pty_fd = -1,
		.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.in_userns = in_userns};
	nd_err *e = NULL;
	if (setsid() < 0)
		e = err_sys(errno, "setsid", "a session of its own");
	if (!e && s->tty) {
		struct child c = {.s = s,
			.sock = sock,
			.root_fd = p.root_fd,
			.dev_fd = -1,
			.proc_fd = p.proc_fd};
		e = console_make(&c, &p.pty_fd);
	}
	if (!e)
		e = process_limits(&p);
	if (!e)
		e = process_exec(&p);
	wire_err(sock, e);
	_exit(125);
}

/* The process in between: enters, clones, says who it was. */
static nd_err *between(pid_t target, int pid_fd, const struct cgroup *group,
	const struct container_spec *s, int sock)
{
	bool userns = differing(target) & CLONE_NEWUSER;
	if (!cgroup_join_child(group, false))
		return err_sys(errno, "write", "the cgroup's tasks");
	TRY(enter(target, pid_fd));
	if (userns) {
		(void)!setgroups(0, NULL);
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			return err_sys(errno, "setresuid", "to root of the user namespace");
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	}
	int child_fd = -1;
	struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&child_fd};
	pid_t pid = sys_clone3(&args);
	if (pid < 0 && (errno == ENOSYS || errno == EINVAL))
		pid = (pid_t)syscall(SYS_clone,
			(unsigned long)(CLONE_PARENT | SIGCHLD | CLONE_PIDFD), 0, &child_fd, 0, 0);
	if (pid < 0)
		return err_sys(errno, "clone3", "a process in the container");
	if (pid == 0)
		workload(s, sock, userns);
	return wire_send_fd(sock, WIRE_PIDFD, child_fd);
}

/* The pid that a pidfd stands for, in our pid namespace (proc_pid_fdinfo). */
static pid_t pid_of_pidfd(int fd)
{
	char path[48];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[128];
	int pid = -1;
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	return pid;
}

nd_err *container_exec(pid_t target, int pid_fd, const char *cgroup, const struct container_spec *s,
	struct container *ret)
{
	_cleanup_cgroup_ struct cgroup group = CGROUP_NONE;
	int sp[2];
	struct plan plan = {0};
	*ret = (struct container){.pid = -1, .pid_fd = -1, .pty_fd = -1};
	TRY(cgroup_load(cgroup, &group));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0)
		return err_sys(errno, "socketpair", "to the child");
	pid_t pid = fork();
	if (pid == 0) {
		close(sp[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		nd_err *e = between(target, pid_fd, &group, s, sp[1]);
		if (e)
			wire_err(sp[1], e);
		_exit(e ? 125 : 0);
	}
	int err = errno;
	fd_close(sp[1]);
	nd_err *e = pid < 0 ? err_sys(err, "fork", "a process for the container") : NULL;
	if (!e) {
		e = wire_read_all(sp[0], NULL, &plan, &ret->pid_fd, &ret->pty_fd);
		wait_status(pid);
	}
	fd_close(sp[0]);
	plan_done(&plan);
	if (ret->pid_fd >= 0)
		ret->pid = pid_of_pidfd(ret->pid_fd);
	if (!e && ret->pid <= 0)
		e = err_new(ND_ABSENT, "exec-lost", "the process ended before it could be held");
	if (e && ret->pid > 0)
		wait_status(ret->pid);
	if (e)
		container_done(ret);
	return e;
}
