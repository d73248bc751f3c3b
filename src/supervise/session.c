/* `nidus exec`: see session.h. */
#include "supervise/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/spawn.h"
#include "container/exec.h"
#include "supervise/control.h"
#include "supervise/tty.h"

nd_err *session_start(struct run_info *i, struct container_spec *s, struct container *ret)
{
	pid_t pid;
	_cleanup_fd_ int pid_fd = runinfo_pidfd(i, &pid);
	if (i->status != RUN_RUNNING || pid <= 0)
		return err_new(ND_ABSENT, "not-running", "run %.12s (%s) does not run: it is %s",
			i->dir.id, i->name, run_status_name(i->status));
	return container_exec(pid, pid_fd, i->cgroup, s, ret);
}

struct session {
	struct loop loop;
	struct container *c;
	int signal_fd, input_fd; /* a second descriptor of the pty, for writing */
	struct buf input;
	int status;
};

static void child_check(struct session *n)
{
	int wstatus;
	if (waitpid(n->c->pid, &wstatus, WNOHANG) != n->c->pid)
		return;
	n->status = status_of_wait(wstatus);
	n->loop.stop = true;
}

static void resize(struct session *n)
{
	struct winsize w;
	if (n->c->pty_fd >= 0 && (ioctl(0, TIOCGWINSZ, &w) == 0 || ioctl(1, TIOCGWINSZ, &w) == 0))
		ioctl(n->c->pty_fd, TIOCSWINSZ, &w);
}

static void signal_ready(void *arg, short revents)
{
	struct session *n = arg;
	struct signalfd_siginfo info;
	while (read(n->signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			child_check(n);
		else if (info.ssi_signo == SIGWINCH)
			resize(n);
		else if (info.ssi_signo != SIGPIPE)
			signal_send(n->c->pid, n->c->pid_fd, (int)info.ssi_signo);
	}
}

/* Blocking output is right: what the terminal does not take, the process waits for. */
static bool output(struct session *n)
{
	char chunk[16384];
	ssize_t len = read(n->c->pty_fd, chunk, sizeof chunk);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (len <= 0) {
		loop_remove(&n->loop, n->c->pty_fd);
		return false;
	}
	return fd_write_all(1, chunk, (size_t)len);
}

static void pty_ready(void *arg, short revents)
{
	output(arg);
}

static void input_flush(void *arg, short revents)
{
	struct session *n = arg;
	ssize_t done = write(n->input_fd, n->input.data, n->input.len);
	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (done < 0)
		done = (ssize_t)n->input.len;
	memmove(n->input.data, n->input.data + done, n->input.len - (size_t)done);
	n->input.len -= (size_t)done;
	if (!n->input.len) {
		loop_remove(&n->loop, n->input_fd);
		loop_events(&n->loop, 0, POLLIN);
	}
}

static void input_ready(void *arg, short revents)
{
	struct session *n = arg;
	char chunk[4096];
	ssize_t len = read(0, chunk, sizeof chunk);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		loop_remove(&n->loop, 0);
		/* A terminal has no end of file but the character for it. */
		chunk[0] = '\004';
		len = 1;
	}
	buf_add(&n->input, chunk, (size_t)len);
	loop_events(&n->loop, 0, 0);
	loop_add(&n->loop, n->input_fd, POLLOUT, input_flush, n);
}

static nd_err *watch(struct session *n, bool input, sigset_t *ret_before)
{
	static const int wanted[] = {
		SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGPIPE};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(&set, wanted[i]);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &set, ret_before);
	n->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (n->signal_fd < 0)
		return err_sys(errno, "signalfd", "for the process's signals");
	loop_add(&n->loop, n->signal_fd, POLLIN, signal_ready, n);
	if (n->c->pty_fd < 0)
		return NULL;
	fd_set_nonblock(n->c->pty_fd);
	n->input_fd = fcntl(n->c->pty_fd, F_DUPFD_CLOEXEC, 3);
	loop_add(&n->loop, n->c->pty_fd, POLLIN, pty_ready, n);
	if (input)
		loop_add(&n->loop, 0, POLLIN, input_ready, n);
	resize(n);
	return NULL;
}

nd_err *session_attend(struct container *c, bool input, int *ret_status)
{
	struct session n = {.c = c, .signal_fd = -1, .input_fd = -1};
	_cleanup_tty_ struct tty_raw raw = {.fd = -1};
	sigset_t before;
	if (c->pty_fd >= 0 && input)
		tty_raw_begin(0, &raw);
	nd_err *e = watch(&n, input, &before);
	/* It may have ended before SIGCHLD was watched for. */
	child_check(&n);
	if (!e)
		e = loop_run(&n.loop);
	while (c->pty_fd >= 0 && output(&n))
		;
	loop_done(&n.loop);
	buf_done(&n.input);
	fd_done(&n.signal_fd);
	fd_done(&n.input_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	container_done(c);
	*ret_status = n.status;
	return e;
}

/* The keeper of a detached process: says how the start went, then waits for its end. */
static _Noreturn void keeper(struct run_info *i, struct container_spec *s, int tell_fd)
{
	struct container c;
	struct buf packed = {0};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int k = 0; k < 3 && null_fd >= 0; k++)
		dup2(null_fd, k);
	nd_err *e = session_start(i, s, &c);
	run_dir_done(&i->dir);
	if (e)
		err_pack(e, &packed);
	if (packed.len && write(tell_fd, packed.data, packed.len) < 0)
		_exit(1);
	close(tell_fd);
	if (!e)
		wait_status(c.pid);
	_exit(0);
}

nd_err *session_detach(struct run_info *i, struct container_spec *s)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "to the keeper");
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		pid = fork();
		if (pid == 0)
			keeper(i, s, p[1]);
		_exit(pid < 0 ? errno : 0);
	}
	int err = errno;
	fd_close(p[1]);
	if (pid > 0)
		err = wait_status(pid);
	_cleanup_buf_ struct buf said = {0};
	nd_err *e = err ? err_sys(err, "fork", "the keeper") : NULL;
	if (!e)
		e = fd_read_text(p[0], "the keeper's answer", 65536, &said);
	fd_close(p[0]);
	if (!e && said.len)
		e = err_unpack(said.data, said.len);
	return e;
}
