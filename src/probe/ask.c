/* Runs trials.  Each gets a child that leads a process group of its own, and a
 * watchdog: when it answers, dies or is late, the whole group gets SIGKILL and is
 * reaped before the answer is handed out, so that nothing of a trial outlives it.
 * While trials run this process is a subreaper (prctl(2), Linux 3.4), which makes the
 * orphans of a trial our children; waitpid(-group) takes those and no others.  Works
 * without pidfds, which gVisor does not have. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "probe/fact.h"

enum {
	SLOTS = 6,         /* trials that run side by side: most of them sleep in the kernel */
	TIMEOUT_MS = 3000, /* where the row says nothing */
	TICK_MS = 25,      /* how often deaths are looked for that no pipe tells of */
	DYING_TICK_MS = 1, /* the same while a killed group goes down */
	DYING_MS = 2000,   /* after it a group that survives SIGKILL is left to the kernel */
};

enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_DYING };

struct slot {
	enum slot_state state;
	pid_t pid; /* leader of its group */
	int fd;    /* reading end of the answer */
	const struct fact *fact;
	struct fact_result *result;
	int64_t start_us, until_ms;
};

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The trial's process: quiet, without a core dump (a limit of 1 also stops a piped one,
 * core(5)), with default signals, and gone when its parent goes. */
__attribute__((noreturn)) static void child(const struct fact *f, int fd, pid_t parent)
{
	struct rlimit one = {1, 1};
	sigset_t none;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CORE, &one);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	struct fact_result r = {.state = FACT_UNKNOWN};
	f->try(&r);
	_exit(fd_write_all(fd, &r, sizeof r) ? 0 : 1);
}

static nd_err *start(struct slot *s, const struct fact *f, struct fact_result *result)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for the trial of %s", f->name);
	/* A standard descriptor of ours may be closed: keep the pipe off 0, 1 and 2. */
	if (fds[1] < 3) {
		int up = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
		fd_close(fds[1]);
		fds[1] = up;
	}
	pid_t self = getpid(), pid = fork();
	if (pid == 0)
		child(f, fds[1], self);
	int err = errno;
	fd_close(fds[1]);
	if (pid < 0) {
		fd_close(fds[0]);
		return err_sys(err, "fork", "for the trial of %s", f->name);
	}
	setpgid(pid, pid);
	fd_set_nonblock(fds[0]);
	*s = (struct slot){.state = SLOT_RUNNING,
		.pid = pid,
		.fd = fds[0],
		.fact = f,
		.result = result,
		.start_us = now_us(),
		.until_ms = now_ms() + (f->timeout_ms ? f->timeout_ms : TIMEOUT_MS)};
	return NULL;
}

/* The answer is decided; the group is killed while its leader still holds the number. */
static void finish(struct slot *s)
{
	s->result->elapsed_us = (unsigned)(now_us() - s->start_us);
	fd_close(s->fd);
	kill(-s->pid, SIGKILL);
	kill(s->pid, SIGKILL);
	s->state = SLOT_DYING;
	s->until_ms = now_ms() + DYING_MS;
}

static void died(struct slot *s, const siginfo_t *how)
{
	struct fact_result *r = s->result;
	*r = (struct fact_result){0};
	if (how->si_code == CLD_EXITED) {
		fact_set(r, FACT_UNKNOWN, "the trial ended without an answer",
			"its process exited with status %d", how->si_status);
		return;
	}
	const char *name = sigabbrev_np(how->si_status);
	fact_set(r, how->si_status == SIGSYS ? FACT_DENIED : FACT_BROKEN,
		how->si_status == SIGSYS ? "a seccomp filter kills who tries this"
					 : "the process that tried it was killed",
		"the trial's process died of SIG%s", name ? name : "?");
}

static void late(struct slot *s)
{
	*s->result = (struct fact_result){0};
	fact_set(s->result, FACT_BROKEN, "it hangs",
		"the trial did not answer within %u ms and was killed",
		s->fact->timeout_ms ? s->fact->timeout_ms : TIMEOUT_MS);
}

static void look(struct slot *s)
{
	struct fact_result r;
	ssize_t n = read(s->fd, &r, sizeof r); /* one write below PIPE_BUF arrives whole */
	if (n == (ssize_t)sizeof r) {
		*s->result = r;
		finish(s);
		return;
	}
	siginfo_t how = {0};
	if (waitid(P_PID, (id_t)s->pid, &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid) {
		/* It may have answered between the two looks. */
		n = read(s->fd, &r, sizeof r);
		if (n == (ssize_t)sizeof r)
			*s->result = r;
		else
			died(s, &how);
		finish(s);
	} else if (now_ms() >= s->until_ms) {
		late(s);
		finish(s);
	}
}

static void reap(struct slot *s)
{
	pid_t pid;
	do
		pid = waitpid(-s->pid, NULL, WNOHANG | __WALL);
	while (pid > 0 || (pid < 0 && errno == EINTR));
	if (pid < 0 || now_ms() >= s->until_ms)
		s->state = SLOT_FREE;
}

static void wait_some(struct slot *slots)
{
	struct pollfd p[SLOTS];
	nfds_t n = 0;
	int64_t tick = TICK_MS, now = now_ms();
	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].state == SLOT_RUNNING) {
			p[n++] = (struct pollfd){slots[i].fd, POLLIN, 0};
			int64_t left = slots[i].until_ms - now;
			tick = left < tick ? left : tick;
		} else if (slots[i].state == SLOT_DYING) {
			tick = tick < DYING_TICK_MS ? tick : DYING_TICK_MS;
		}
	}
	int ready = poll(p, n, tick < 0 ? 0 : (int)tick);
	/* An end of file without a record: the leader is about to be waitable. */
	for (nfds_t i = 0; ready > 0 && i < n; i++)
		if (p[i].revents == POLLHUP)
			usleep(200);
}

nd_err *fact_ask_many(const struct fact *const *list, size_t n, struct fact_result *results)
{
	struct slot slots[SLOTS] = {0};
	nd_err *e = NULL;
	int was_subreaper = 0;
	prctl(PR_GET_CHILD_SUBREAPER, &was_subreaper);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t next = 0;;) {
		size_t busy = 0;
		for (size_t i = 0; i < SLOTS; i++) {
			struct slot *s = &slots[i];
			if (s->state == SLOT_RUNNING)
				look(s);
			if (s->state == SLOT_DYING)
				reap(s);
			if (s->state == SLOT_FREE && next < n && !e) {
				e = start(s, list[next], &results[next]);
				next += !e;
			}
			busy += s->state != SLOT_FREE;
		}
		if (!busy)
			break;
		wait_some(slots);
	}
	prctl(PR_SET_CHILD_SUBREAPER, was_subreaper);
	return e;
}

nd_err *fact_ask(const struct fact *f, struct fact_result *ret)
{
	return fact_ask_many(&f, 1, ret);
}
