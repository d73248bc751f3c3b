/* Readiness: what --ready names is asked or awaited until it is there, the workload is
 * dead, or the time is over.  A service that says so itself (fd, notify, log) costs
 * nothing while waiting; the others are asked with growing pauses, from 10 ms on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervise/channel.h"
#include "supervise/run.h"
#include "supervise/sockdir.h"

enum {
	DELAY_FIRST_MS = 10,
	DELAY_MAX_MS = 250,
	DELAY_CMD_MAX_MS = 500, /* two processes each time, and the command itself */
	NET_LIMIT_MS = 2000,
	CMD_LIMIT_MS = 10000,
	TIMEOUT_MS = 60000,
	LINE_BYTES = 4096,
};
#define NOTIFY_PATH "/run/nidus.notify"

static void is_ready(struct run *r)
{
	if (!r->ready.waiting)
		return;
	ready_stop(r, true);
	r->reached_ready = true;
	run_event(r, "ready", "%s", r->req->ready.text ? r->req->ready.text : "started");
	if (r->req->ready.kind != READY_NONE)
		link_set(r->dir.fd, "ready", "1");
	attach_tell(r, CH_READY, NULL, 0, true);
}

static void timed_out(void *arg)
{
	struct run *r = arg;
	if (!r->error)
		r->error = report_not_ready(r);
	run_end(r, "ready-timeout", 124);
}

static void answer_keep(struct run *r, const char *text)
{
	free(r->ready.last_answer);
	r->ready.last_answer = *text ? str_dup(text) : NULL;
}

static void ask(void *arg);

static void ask_later(struct run *r)
{
	loop_after(&r->loop, &r->ready.again, r->ready.delay_ms);
	r->ready.delay_ms = r->ready.delay_ms * 3 / 2;
	int64_t most = r->req->ready.kind == READY_CMD ? DELAY_CMD_MAX_MS : DELAY_MAX_MS;
	if (r->ready.delay_ms > most)
		r->ready.delay_ms = most;
}

static void answered(struct run *r, int status, const char *output)
{
	if (!r->ready.waiting)
		return;
	if (status == 0) {
		is_ready(r);
		return;
	}
	if (r->req->ready.kind == READY_CMD) {
		_cleanup_free_ char *text = str_fmt("%s exited with %d%s%s",
			r->req->ready.argv.v[0], status, *output ? ": " : "", output);
		answer_keep(r, text);
	} else {
		answer_keep(r, output);
	}
	ask_later(r);
}

static void ask(void *arg)
{
	struct run *r = arg;
	const struct ready_spec *s = &r->req->ready;
	nd_err *e = s->kind == READY_CMD ? probe_exec(&r->ready.probe, &s->argv, CMD_LIMIT_MS)
					 : probe_net(&r->ready.probe, s, NET_LIMIT_MS);
	if (e) {
		/* No process or descriptor to be had just now, or the command is not there
		 * yet: ask again, the time limit stands. */
		_cleanup_free_ char *line = err_line(e);
		answer_keep(r, line);
		err_free(e);
		ask_later(r);
	}
}

static void fd_ready(void *arg, short revents)
{
	struct run *r = arg;
	char text[256];
	ssize_t n = read(r->ready.fd, text, sizeof text);
	if (n > 0 && memchr(text, '\n', (size_t)n)) {
		is_ready(r);
	} else if (n == 0) {
		answer_keep(r, "the descriptor was closed without a newline written to it");
		loop_remove(&r->loop, r->ready.fd);
		fd_done(&r->ready.fd);
	}
}

static void notify_ready(void *arg, short revents)
{
	struct run *r = arg;
	char text[4096];
	ssize_t n = recv(r->ready.fd, text, sizeof text - 1, MSG_DONTWAIT);
	if (n <= 0)
		return;
	text[n] = '\0';
	bool ready = false;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		const char *status = str_after(line, "STATUS=");
		if (str_eq(line, "READY=1"))
			ready = true;
		if (status)
			answer_keep(r, status);
	}
	if (ready)
		is_ready(r); /* nothing, where it was before */
}

/* The place of the workload's end among its descriptors; those below it that nobody asked for
 * read and write /dev/null. */
static nd_err *keep_fd_set(struct container_spec *s, int number, int fd)
{
	size_t n = (size_t)number - 2;
	if (s->n_keep_fds >= n)
		return err_invalid(
			"--ready: fd:%d: that descriptor is handed to the workload already",
			number);
	s->keep_fds = mem_grow(s->keep_fds, n, sizeof *s->keep_fds);
	while (s->n_keep_fds < n - 1) {
		int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null_fd < 0)
			return err_sys(errno, "open", "/dev/null");
		s->keep_fds[s->n_keep_fds++] = null_fd;
	}
	s->keep_fds[s->n_keep_fds++] = fd;
	return NULL;
}

static nd_err *notify_open(struct run *r)
{
	struct container_spec *s = &r->req->spec;
	if (r->ready.fd >= 0)
		return NULL; /* a restart */
	TRY(sock_bind(r->dir.fd, "notify", SOCK_DGRAM, &r->ready.fd));
	loop_add(&r->loop, r->ready.fd, POLLIN, notify_ready, r);
	/* The workload may have any uid; the folder around the socket keeps others out. */
	if (fchmodat(r->dir.fd, "notify", 0666, 0) < 0)
		return err_sys(errno, "chmod", "the notify socket");
	_cleanup_free_ char *path = str_fmt("%s/runs/%s/notify", r->state.path, r->dir.id);
	spec_add_mount(s, "bind", path, NOTIFY_PATH, "bind,nosuid,nodev,noexec");
	env_set(&s->env, "NOTIFY_SOCKET=" NOTIFY_PATH);
	return NULL;
}

nd_err *ready_open(struct run *r)
{
	struct container_spec *s = &r->req->spec;
	const struct ready_spec *spec = &r->req->ready;
	if (spec->kind == READY_NOTIFY)
		return notify_open(r);
	if (spec->kind != READY_FD)
		return NULL;
	fd_done(&r->ready.fd);
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for --ready fd:%d", spec->fd);
	r->ready.fd = p[0];
	r->ready.workload_fd = p[1];
	fd_set_nonblock(p[0]);
	size_t place = (size_t)spec->fd - 3;
	if (s->n_keep_fds == place + 1 && r->restarts) {
		s->keep_fds[place] = p[1];
		return NULL;
	}
	return keep_fd_set(s, spec->fd, p[1]);
}

void ready_started(struct run *r)
{
	const struct ready_spec *spec = &r->req->ready;
	fd_done(&r->ready.workload_fd);
	if (r->reached_ready)
		return;
	r->ready.waiting = true;
	r->ready.delay_ms = DELAY_FIRST_MS;
	r->ready.probe = (struct probe){.run = r, .output_fd = -1, .done = answered};
	r->ready.again = (struct loop_timer){.fire = ask, .arg = r};
	if (spec->kind == READY_NONE) {
		is_ready(r);
		return;
	}
	if (!r->ready.limit.at_ms) {
		r->ready.limit = (struct loop_timer){.fire = timed_out, .arg = r};
		loop_after(&r->loop, &r->ready.limit,
			r->req->ready_timeout_ms ? r->req->ready_timeout_ms : TIMEOUT_MS);
	}
	switch (spec->kind) {
	case READY_CMD:
	case READY_TCP:
	case READY_HTTP:
		ask_later(r);
		break;
	case READY_FD:
		loop_add(&r->loop, r->ready.fd, POLLIN, fd_ready, r);
		break;
	case READY_NOTIFY:
	case READY_LOG:
	case READY_NONE:
		break;
	}
}

void ready_output(struct run *r, struct stream *s, const char *data, size_t len)
{
	if (r->req->ready.kind != READY_LOG)
		return;
	while (len && r->ready.waiting) {
		const char *newline = memchr(data, '\n', len);
		size_t n = newline ? (size_t)(newline - data) : len;
		if (s->line.len + n < LINE_BYTES)
			buf_add(&s->line, data, n);
		/* A prompt has no newline, so the line so far counts too. */
		if (s->line.len && regexec(&r->req->ready.regex, s->line.data, 0, NULL, 0) == 0)
			is_ready(r);
		if (newline)
			s->line.len = 0;
		data += n + (newline != NULL);
		len -= n + (newline != NULL);
	}
}

void ready_stop(struct run *r, bool for_good)
{
	r->ready.waiting = false;
	if (for_good)
		loop_clear(&r->loop, &r->ready.limit);
	loop_clear(&r->loop, &r->ready.again);
	probe_kill(&r->ready.probe);
	fd_done(&r->ready.workload_fd);
	/* A notify socket is read to the end of the run: a full one would block its sender. */
	if (r->ready.fd >= 0 && r->req->ready.kind == READY_FD) {
		loop_remove(&r->loop, r->ready.fd);
		fd_done(&r->ready.fd);
	}
}

void ready_done_all(struct run *r)
{
	ready_stop(r, true);
	fd_done(&r->ready.fd);
	free(r->ready.last_answer);
	r->ready.last_answer = NULL;
}
