/* nidus-init: PID 1 of a container started with --init.  Starts one command, hands every signal
 * on to it, reaps what is orphaned to it, and exits with the command's status.  Rests on two
 * facts of pid_namespaces(7) and signal(7): when PID 1 exits the kernel kills the rest, and a
 * signal that PID 1 has blocked stays pending even though its default action would be ignored.
 * Uses base/ and kernel/ only, and says its errors itself, because nobody stands above it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "kernel/sys.h"

enum { STATUS_FAILED = 125, STATUS_NOEXEC = 126, STATUS_NOCMD = 127 };

static void say(const char *what, const char *object)
{
	const char *parts[] = {"nidus-init: ", object, ": ", what, "\n"};
	char line[512];
	size_t used = 0;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t n = strlen(parts[i]), room = sizeof line - used;
		memcpy(line + used, parts[i], n < room ? n : room);
		used += n < room ? n : room;
	}
	(void)!write(STDERR_FILENO, line, used);
}

/* All but those that the process brings on itself: blocking a fault would only hide it. */
static void forwarded_signals(sigset_t *set)
{
	static const int own[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGTTIN, SIGTTOU};
	sigfillset(set);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(set, own[i]);
}

/* In the child.  A group of its own, in the foreground if there is a terminal, so that keys
 * reach the command and its children as they would without us. */
static void exec_command(char **argv, const sigset_t *mask)
{
	setpgid(0, 0);
	/* From the background tcsetpgrp(3) sends SIGTTOU, which is ignored until here. */
	if (tcgetpgrp(STDIN_FILENO) >= 0)
		tcsetpgrp(STDIN_FILENO, getpid());
	signal(SIGTTIN, SIG_DFL);
	signal(SIGTTOU, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	int error = errno;
	say(strerror(error), argv[0]);
	_exit(error == ENOENT || error == ENOTDIR ? STATUS_NOCMD : STATUS_NOEXEC);
}

/* Whoever reads from the command waits for it alone: we keep none of its descriptors. */
static void let_go_of_descriptors(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (null_fd >= 0)
			dup2(null_fd, fd);
		else
			close(fd);
	if (sys_close_range(3, ~0u, 0) != 0 && null_fd > STDERR_FILENO)
		close(null_fd);
}

/* True when the command itself has ended. */
static bool reap(pid_t command, int *ret_status)
{
	int wstatus;
	bool ended = false;
	for (pid_t pid; (pid = waitpid(-1, &wstatus, WNOHANG)) > 0;)
		if (pid == command) {
			*ret_status = status_of_wait(wstatus);
			ended = true;
		}
	return ended;
}

static int look_after(pid_t command, bool whole_group, const sigset_t *signals)
{
	int status = STATUS_FAILED;
	for (;;) {
		int sig = sigwaitinfo(signals, NULL);
		if (sig == SIGCHLD) {
			if (reap(command, &status))
				return status;
		} else if (sig > 0) {
			kill(whole_group ? -command : command, sig);
		} else if (errno != EINTR) {
			return STATUS_FAILED;
		}
	}
}

int main(int argc, char **argv)
{
	int first = 1;
	bool whole_group = false;
	if (first < argc && strcmp(argv[first], "-g") == 0) {
		whole_group = true;
		first++;
	}
	if (first < argc && strcmp(argv[first], "--") == 0)
		first++;
	else if (first < argc && argv[first][0] == '-') {
		say("unknown option; usage: nidus-init [-g] [--] COMMAND [ARGUMENT...]",
			argv[first]);
		return STATUS_FAILED;
	}
	if (first >= argc) {
		say("a command is needed; usage: nidus-init [-g] [--] COMMAND [ARGUMENT...]",
			"no command");
		return STATUS_FAILED;
	}

	/* Where we are not PID 1, orphans come to us all the same. */
	if (getpid() != 1)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sigset_t signals, before;
	forwarded_signals(&signals);
	/* An ignored SIGCHLD would be inherited through execve(2) and reap behind our back. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	sigprocmask(SIG_BLOCK, &signals, &before);

	pid_t command = fork();
	if (command < 0) {
		say(strerror(errno), "fork");
		return STATUS_FAILED;
	}
	if (command == 0)
		exec_command(argv + first, &before);
	/* On both sides, so that a signal to the group is never too early. */
	setpgid(command, command);
	let_go_of_descriptors();
	return look_after(command, whole_group, &signals);
}
