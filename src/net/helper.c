/* Helpers of the user-mode network: see helper.h.  PR_SET_PDEATHSIG would not do: the
 * kernel forgets it when a helper's credentials grow by joining a user namespace
 * (commit_creds), and they all do.  So a watcher process polls two pidfds (Linux 5.3),
 * the container's and the helper's, and ends with whichever ends first; it carries the
 * published ports meanwhile (proxy.h). */
#include "net/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"

extern char **environ;

enum { SAID_MAX = 8192, FIRST_KEPT = 3, PARKED = 64 };

/* What a helper may say: a file of fixed size, so that a talkative one fills no memory
 * and one that goes on after we stopped reading is not killed by SIGPIPE. */
static int said_make(void)
{
	int fd = memfd_create("helper", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && (ftruncate(fd, SAID_MAX) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) < 0)) {
		fd_close(fd);
		return -1;
	}
	return fd;
}

/* passt complains about each line it cannot send to syslog. */
static char *said_read(int fd)
{
	char text[SAID_MAX + 1];
	ssize_t n = pread(fd, text, SAID_MAX, 0);
	text[n > 0 ? n : 0] = '\0';
	struct buf b = {0};
	char *rest = text;
	for (char *line; (line = strtok_r(rest, "\n", &rest));)
		if (*line && !strstr(line, "to syslog"))
			buf_fmt(&b, "%s%s", b.len ? "; " : "", line);
	return buf_steal(&b);
}

static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts the kept descriptors at 3, 4, ...; parks them above first, since one may stand
 * where another has to go. */
static bool place_fds(const struct helper_start *s)
{
	int parked[8];
	if (s->n_keep > ARRAY_SIZE(parked))
		return false;
	for (size_t i = 0; i < s->n_keep; i++)
		if ((parked[i] = fcntl(s->keep[i], F_DUPFD_CLOEXEC, PARKED)) < 0)
			return false;
	for (size_t i = 0; i < s->n_keep; i++)
		if (dup2(parked[i], FIRST_KEPT + (int)i) < 0)
			return false;
	return true;
}

static void child(const struct helper_start *s, int ready, int said)
{
	setsid(); /* a Ctrl-C meant for the workload must not end its network */
	reset_signals();
	/* Above what place_fds() fills, in case nidus was started without stdio. */
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	null = fcntl(null, F_DUPFD_CLOEXEC, PARKED);
	ready = fcntl(ready, F_DUPFD_CLOEXEC, PARKED);
	said = fcntl(said, F_DUPFD_CLOEXEC, PARKED);
	if (place_fds(s) && dup2(null, 0) == 0 && dup2(ready, 1) == 1 && dup2(said, 2) == 2)
		execve(s->argv[0], (char *const *)s->argv, environ);
	dprintf(said, "execve: %s", strerror(errno));
	_exit(127);
}

/* The proxy doubles as the watcher. */
static nd_err *watcher_start(const struct helper_start *s, struct helper *h)
{
	struct proxy p = s->proxy;
	int ok[2], err = 0;
	if (pipe2(ok, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for the port proxy");
	p.helper_fd = h->pid_fd;
	h->watcher = fork();
	if (h->watcher == 0)
		proxy_child(&p, ok[1]);
	int fork_err = errno;
	fd_close(ok[1]);
	ssize_t n = h->watcher < 0 ? 0 : fd_read_full(ok[0], &err, sizeof err);
	fd_close(ok[0]);
	if (h->watcher < 0) {
		h->watcher = 0;
		return err_sys(fork_err, "fork", "for the port proxy");
	}
	if (n != (ssize_t)sizeof err)
		return err_new(ND_BUG, "proxy-died", "the port proxy did not start");
	return err ? err_sys(err, "setns", "into the container, for its published ports") : NULL;
}

/* True when the helper wrote; false at its end or at the deadline (*ret_late). */
static bool await(int fd, int64_t deadline_ms, bool *ret_late)
{
	int64_t until = now_ms() + deadline_ms;
	for (;;) {
		int64_t left = until - now_ms();
		struct pollfd p = {fd, POLLIN, 0};
		char c[64];
		*ret_late = left <= 0;
		if (*ret_late)
			return false;
		int n = poll(&p, 1, (int)left);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			return read(fd, c, sizeof c) > 0;
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

nd_err *helper_run(const struct helper_start *s, struct helper *ret)
{
	const char *name = base_name(s->argv[0]);
	_cleanup_fd_ int said = said_make();
	if (said < 0)
		return err_sys(errno, "memfd_create", "for %s", name);
	int ready[2];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for %s", name);
	struct helper h = HELPER_NONE;
	h.pid = fork();
	if (h.pid == 0)
		child(s, ready[1], said);
	int err = errno;
	fd_close(ready[1]);
	if (h.pid < 0) {
		fd_close(ready[0]);
		return err_sys(err, "fork", "for %s", name);
	}
	h.pid_fd = sys_pidfd_open(h.pid, 0);
	if (h.pid_fd >= 0)
		fd_set_cloexec(h.pid_fd, true);
	nd_err *watch_err = watcher_start(s, &h);
	bool late = false, up = !watch_err && await(ready[0], s->deadline_ms, &late);
	fd_close(ready[0]);
	if (up) {
		*ret = h;
		return NULL;
	}
	helper_stop(&h);
	if (watch_err)
		return watch_err;
	_cleanup_free_ char *text = said_read(said);
	nd_err *e = late ? err_new(ND_TIMEOUT, "helper-timeout", "%s was not ready within %lld ms",
				   name, (long long)s->deadline_ms)
			 : err_new(ND_DENIED, "helper-died", "%s did not start", name);
	return err_detail(e, "%s said: %s", name, *text ? text : "nothing");
}

void helper_stop(struct helper *h)
{
	if (h->pid > 0) {
		if (h->pid_fd >= 0)
			sys_pidfd_send_signal(h->pid_fd, SIGKILL);
		else
			kill(h->pid, SIGKILL);
		/* Not ours (a monitor that was forked later): ECHILD, its parent reaps it. */
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	fd_done(&h->pid_fd);
	if (h->watcher > 0) /* it sees the helper's end */
		while (waitpid(h->watcher, NULL, 0) < 0 && errno == EINTR)
			;
	*h = HELPER_NONE;
}

uint64_t process_start_time(pid_t pid)
{
	char path[32], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read_line(AT_FDCWD, path, text, sizeof text) <= 0)
		return 0;
	/* The name, in parentheses, may hold anything: count from its end. */
	char *p = strrchr(text, ')');
	unsigned long long start = 0;
	if (!p || sscanf(p + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
			  "%*d %*d %*d %llu",
			  &start) != 1)
		return 0;
	return start;
}
