/* Signals: see control.h. */
#include "supervise/control.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "kernel/sys.h"

static uint64_t mask_in(const char *text, const char *field)
{
	uint64_t mask = 0;
	const char *at = strstr(text, field);
	if (at)
		sscanf(at + strlen(field), "%" SCNx64, &mask);
	return mask;
}

bool signal_would_be_dropped(pid_t pid, int sig)
{
	char path[40], text[4096];
	switch (sig) {
	case SIGKILL:
	case SIGSTOP:
	case SIGCONT:
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		break;
	}
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : fd_read_full(fd, text, sizeof text - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (!strstr(text, "SigCgt:"))
		return false;
	/* A blocked signal waits, for signalfd(2) or sigwait(3). */
	uint64_t noticed =
		mask_in(text, "SigBlk:") | mask_in(text, "SigIgn:") | mask_in(text, "SigCgt:");
	return !(noticed >> (sig - 1) & 1);
}

bool signal_send(pid_t pid, int pid_fd, int sig)
{
	if (pid_fd >= 0)
		return sys_pidfd_send_signal(pid_fd, sig) == 0;
	return pid > 0 && kill(pid, sig) == 0;
}
