/* Holding and making processes: pidfds (Linux 5.3; pidfd_getfd 5.6), clone3 (5.3), and
 * opening beneath a root with openat2 (5.6).  gVisor has neither pidfd_open nor openat2. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { END_MS = 500 };

/* A child that sleeps until it is killed, and a pidfd of it.  -1: r says why. */
static int sleeper(struct fact_result *r, pid_t *ret_pid)
{
	pid_t pid = trial_fork();
	if (pid == 0)
		for (;;)
			pause();
	int fd = pid < 0 ? -1 : sys_pidfd_open(pid, 0);
	if (fd < 0)
		fact_refused(r, errno, pid < 0 ? "fork" : "pidfd_open", "a child");
	*ret_pid = pid;
	return fd;
}

static void judge_end(struct fact_result *r, int pid_fd, pid_t pid, const char *how)
{
	struct pollfd p = {pid_fd, POLLIN, 0};
	if (poll(&p, 1, END_MS) != 1)
		fact_set(r, FACT_BROKEN, "the end of the process is not told",
			"%s, yet its pidfd is not readable within %d ms", how, END_MS);
	else if (wait_status(pid) != 128 + SIGKILL)
		fact_set(r, FACT_BROKEN, "the signal did not do it", "%s", how);
	else
		fact_works(r, "%s; its pidfd became readable", how);
}

void try_pidfd_open(struct fact_result *r)
{
	pid_t pid;
	_cleanup_fd_ int fd = sleeper(r, &pid);
	if (fd < 0)
		return;
	struct pollfd p = {fd, POLLIN, 0};
	if (poll(&p, 1, 0) != 0) {
		fact_set(r, FACT_BROKEN, "it says ended of a process that lives", "poll at once");
		return;
	}
	kill(pid, SIGKILL);
	judge_end(r, fd, pid, "pidfd_open of a child, which was then killed");
}

void try_pidfd_send_signal(struct fact_result *r)
{
	pid_t pid;
	_cleanup_fd_ int fd = sleeper(r, &pid);
	if (fd < 0)
		return;
	if (sys_pidfd_send_signal(fd, SIGKILL) < 0)
		fact_refused(r, errno, "pidfd_send_signal", "SIGKILL to a child");
	else
		judge_end(r, fd, pid, "a child was killed through its pidfd");
}

void try_pidfd_getfd(struct fact_result *r)
{
	pid_t pid;
	int pipe_fds[2];
	char byte = 0;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	_cleanup_fd_ int fd = sleeper(r, &pid);
	if (fd < 0)
		return;
	fd_close(pipe_fds[1]); /* from here on only the child has the writing end */
	_cleanup_fd_ int got = sys_pidfd_getfd(fd, pipe_fds[1], 0);
	if (got < 0) {
		fact_refused(r, errno, "pidfd_getfd", "a pipe of a child");
		return;
	}
	if (!fd_write_all(got, "x", 1) || read(pipe_fds[0], &byte, 1) != 1 || byte != 'x')
		fact_set(r, FACT_BROKEN, "the descriptor is not the child's",
			"a byte written to it did not come out of the pipe");
	else
		fact_works(r, "the writing end of a pipe taken from a child; a byte came through");
}

/* The most that the place takes, as the value says. */
void try_clone3(struct fact_result *r)
{
	static const struct {
		uint64_t flags;
		const char *name;
	} kinds[] = {
		{CLONE_PIDFD | CLONE_CLEAR_SIGHAND, "pidfd, clear_sighand"},
		{CLONE_PIDFD, "pidfd"},
		{0, "plain"},
	};
	int pid_fd = -1, err = 0;
	pid_t pid = -1;
	size_t i = 0;
	for (; i < ARRAY_SIZE(kinds) && pid < 0; i++) {
		struct clone_args a = {.flags = kinds[i].flags,
			.pidfd = kinds[i].flags ? (uintptr_t)&pid_fd : 0,
			.exit_signal = SIGCHLD};
		pid = sys_clone3(&a);
		if (pid == 0)
			_exit(42);
		if (pid < 0 && !err)
			err = errno;
	}
	if (pid < 0) {
		fact_refused(r, err, "clone3", "with CLONE_PIDFD, and without flags");
		return;
	}
	const char *name = kinds[i - 1].name;
	_cleanup_fd_ int fd = pid_fd;
	int status = wait_status(pid);
	if (status != 42 || (kinds[i - 1].flags && fd < 0))
		fact_set(r, FACT_BROKEN, "the child is not as asked",
			"%s: pidfd %d, exit status %d instead of 42", name, fd, status);
	else
		fact_works(r, "a child made (%s) exited with 42 as told%s%s", name,
			err ? "; with more flags: " : "", err ? strerror(err) : "");
	snprintf(r->value, sizeof r->value, "%s", name);
}

/* Any directory that has one above it will do. */
static int open_some_directory(void)
{
	static const char *const dirs[] = {"/usr", "/dev", "/etc", "/tmp", "/proc", "/"};
	int fd = -1;
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && fd < 0; i++)
		fd = open(dirs[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

void try_openat2(struct fact_result *r)
{
	struct stat top, in;
	_cleanup_fd_ int root = open_some_directory(), out = -1, fd = -1;
	fd = sys_openat2(root, "/../..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_IN_ROOT);
	if (fd < 0) {
		fact_refused(r, errno, "openat2", "RESOLVE_IN_ROOT");
		return;
	}
	bool stayed = fstat(root, &top) == 0 && fstat(fd, &in) == 0 && top.st_dev == in.st_dev &&
		      top.st_ino == in.st_ino;
	out = sys_openat2(root, "..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_BENEATH);
	if (!stayed || out >= 0 || errno != EXDEV)
		fact_set(r, FACT_BROKEN, "it lets a path lead out",
			"RESOLVE_IN_ROOT of /../.. %s; RESOLVE_BENEATH of ..: %s",
			stayed ? "stayed" : "left its root", out >= 0 ? "opened" : strerror(errno));
	else
		fact_works(
			r, "RESOLVE_IN_ROOT stayed in its root, RESOLVE_BENEATH of .. gave EXDEV");
}
