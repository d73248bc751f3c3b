/* Running another program: see spawn.h. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

extern char **environ;

int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t now_real_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void time_text(int64_t real_ms, char *text)
{
	struct tm tm;
	time_t sec = (time_t)(real_ms / 1000);
	gmtime_r(&sec, &tm);
	size_t n = strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, 8, ".%03dZ", (int)(real_ms % 1000));
}

int status_of_wait(int wstatus)
{
	return WIFSIGNALED(wstatus) ? 128 + WTERMSIG(wstatus) : WEXITSTATUS(wstatus);
}

int wait_status(pid_t pid)
{
	int wstatus;
	while (waitpid(pid, &wstatus, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status_of_wait(wstatus);
}

char *program_find(const char *name)
{
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? str_dup(name) : NULL;
	const char *path = getenv("PATH");
	_cleanup_free_ char *all =
		str_fmt("%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			path ? path : "");
	_cleanup_strv_ struct strv dirs = {0};
	strv_split(&dirs, all, ':');
	for (size_t i = 0; i < dirs.n; i++) {
		if (*dirs.v[i] != '/')
			continue;
		char *full = str_fmt("%s/%s", dirs.v[i], name);
		if (access(full, X_OK) == 0)
			return full;
		free(full);
	}
	return NULL;
}

static void child(const struct spawn *s, const char *program, int in, int out)
{
	sigset_t none;
	sigemptyset(&none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	if (s->keep_fd > 2)
		fd_set_cloexec(s->keep_fd, false);
	execve(program, (char *const *)s->argv, s->env ? (char *const *)s->env : environ);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Feeds and drains until the output ends or the deadline passes. */
static bool pump(const struct spawn *s, int in_fd, int out_fd, struct buf *output, int64_t until)
{
	size_t fed = 0, len = s->input ? strlen(s->input) : 0;
	size_t max = s->output_max ? s->output_max : 65536;
	_cleanup_fd_ int feed = in_fd;
	for (;;) {
		if (feed >= 0 && fed == len) {
			fd_close(feed);
			feed = -1;
		}
		struct pollfd p[2] = {{out_fd, POLLIN, 0}, {feed, POLLOUT, 0}};
		int64_t left = until - now_ms();
		if (left <= 0)
			return false;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return false;
		if (p[1].revents) {
			ssize_t n = write(feed, s->input + fed, len - fed);
			fed = n > 0 ? fed + (size_t)n : n < 0 && errno == EAGAIN ? fed : len;
		}
		if (p[0].revents) {
			char chunk[4096];
			ssize_t n = read(out_fd, chunk, sizeof chunk);
			if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
				return true;
			if (n > 0 && output->len < max)
				buf_add(output, chunk, (size_t)n);
		}
	}
}

nd_err *spawn_status(const struct spawn *s, struct buf *ret_output, int *ret_status)
{
	_cleanup_free_ char *program = program_find(s->argv[0]);
	if (!program)
		return err_remedy(
			err_new(ND_ABSENT, "no-program", "there is no program '%s'", s->argv[0]),
			"Install it; PATH and the sbin directories were searched.");
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for %s", program);
	if (s->input ? pipe2(in, O_CLOEXEC) < 0
		     : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) {
		int err = errno;
		fd_close(out[0]);
		fd_close(out[1]);
		return err_sys(err, "pipe2", "for %s", program);
	}
	pid_t pid = fork();
	if (pid == 0)
		child(s, program, in[0], out[1]);
	int err = errno;
	fd_close(in[0]);
	fd_close(out[1]);
	if (pid < 0) {
		fd_close(in[1]);
		fd_close(out[0]);
		return err_sys(err, "fork", "for %s", program);
	}
	if (in[1] >= 0)
		fd_set_nonblock(in[1]);
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	struct buf output = {0};
	int64_t limit = s->deadline_ms ? s->deadline_ms : 10000;
	bool ended = pump(s, in[1], out[0], &output, now_ms() + limit);
	signal(SIGPIPE, old);
	fd_close(out[0]);
	if (!ended)
		kill(pid, SIGKILL);
	int status = wait_status(pid);
	nd_err *e = NULL;
	if (!ended)
		e = err_detail(err_new(ND_TIMEOUT, "program-timeout",
				       "%s did not end within %lld ms", program, (long long)limit),
			"its output: %s", output.data ? output.data : "(none)");
	if (ret_output) {
		buf_done(ret_output);
		*ret_output = output;
	} else {
		buf_done(&output);
	}
	*ret_status = status;
	return e;
}

nd_err *spawn_run(const struct spawn *s, struct buf *ret_output)
{
	_cleanup_buf_ struct buf output = {0};
	int status = 0;
	TRY(spawn_status(s, &output, &status));
	nd_err *e = NULL;
	if (status != 0) {
		if (output.data)
			str_rtrim(output.data);
		e = err_detail(err_new(ND_INVALID, "program-failed", "%s exited with status %d",
				       s->argv[0], status),
			"%s", output.data ? output.data : "it printed nothing");
	}
	if (ret_output) {
		buf_done(ret_output);
		*ret_output = output;
		output = (struct buf){0};
	}
	return e;
}
