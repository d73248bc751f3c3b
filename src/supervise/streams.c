/* The workload's stdin, stdout, stderr, or its terminal: who reads, who writes, and
 * what a slow reader means.  The log never makes the workload wait; our own stdout and the
 * attached clients do, as a pipe would: while one of them is full, nothing more is read. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervise/run.h"

enum { CHUNK = 16384 };

static void stream_ready(void *arg, short revents);

/* Output is needed by nobody but the log and our own stdout. */
static bool wants_passthrough(const struct run *r)
{
	const struct run_request *q = r->req;
	if (!r->foreground)
		return false;
	if (q->log.driver == LOG_PASSTHROUGH)
		return true;
	return q->log.driver == LOG_DEFAULT && q->rm && q->ready.kind == READY_NONE &&
	       !q->deadline_ms && q->restart.policy == RESTART_NO;
}

static nd_err *pipe_make(int *ret_ours, int *ret_theirs, bool we_read)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for the workload");
	*ret_ours = p[we_read ? 0 : 1];
	*ret_theirs = p[we_read ? 1 : 0];
	fd_set_nonblock(*ret_ours);
	return NULL;
}

nd_err *streams_open(struct run *r)
{
	struct run_request *q = r->req;
	int *stdio = q->spec.stdio;
	stdio[0] = stdio[1] = stdio[2] = -1;
	r->out = (struct stream){.run = r, .which = LOG_STDOUT, .fd = -1, .copy_fd = -1};
	r->err = (struct stream){.run = r, .which = LOG_STDERR, .fd = -1, .copy_fd = -1};
	r->stdin_fd = -1;
	r->passthrough = wants_passthrough(r) && !q->spec.tty;
	if (q->log.driver != LOG_NONE && !r->passthrough && !r->logging &&
		!(r->foreground && q->rm && q->log.driver == LOG_DEFAULT)) {
		TRY(log_open(&r->log, r->dir.fd, &q->log));
		r->logging = true;
	}
	if (q->spec.tty)
		return NULL;
	if (r->foreground && q->interactive)
		stdio[0] = 0;
	else if (q->interactive)
		TRY(pipe_make(&r->stdin_fd, &stdio[0], false));
	if (r->passthrough) {
		stdio[1] = 1;
		stdio[2] = 2;
		return NULL;
	}
	TRY(pipe_make(&r->out.fd, &stdio[1], true));
	TRY(pipe_make(&r->err.fd, &stdio[2], true));
	if (r->foreground) {
		r->out.copy_fd = 1;
		r->err.copy_fd = 2;
	}
	return NULL;
}

void streams_started(struct run *r)
{
	int *stdio = r->req->spec.stdio;
	for (int i = 0; i < 3; i++) {
		if (stdio[i] > 2)
			fd_close(stdio[i]);
		stdio[i] = -1;
	}
	if (r->c.pty_fd >= 0) {
		fd_set_nonblock(r->c.pty_fd);
		r->out.fd = r->c.pty_fd;
		/* A descriptor of its own, because the loop knows its sources by number. */
		r->stdin_fd = fcntl(r->c.pty_fd, F_DUPFD_CLOEXEC, 3);
	}
	if (r->out.fd >= 0)
		loop_add(&r->loop, r->out.fd, POLLIN, stream_ready, &r->out);
	if (r->err.fd >= 0)
		loop_add(&r->loop, r->err.fd, POLLIN, stream_ready, &r->err);
}

/* The first bytes fill `head`, all further ones pass through `tail`. */
static void keep_for_report(struct run *r, const char *data, size_t len)
{
	size_t first = HEAD_BYTES - r->head_len < len ? HEAD_BYTES - r->head_len : len;
	memcpy(r->head + r->head_len, data, first);
	r->head_len += first;
	data += first;
	len -= first;
	if (len >= TAIL_BYTES) {
		data += len - TAIL_BYTES;
		len = TAIL_BYTES;
		r->tail_skipped = true;
	}
	if (r->tail_len + len > TAIL_BYTES)
		r->tail_skipped = true;
	size_t over = r->tail_len + len > TAIL_BYTES ? r->tail_len + len - TAIL_BYTES : 0;
	memmove(r->tail, r->tail + over, r->tail_len - over);
	memcpy(r->tail + r->tail_len - over, data, len);
	r->tail_len += len - over;
}

static void copy_ready(void *arg, short revents);

/* Gives our own stdout what it takes without making us wait.  A pipe that poll calls
 * writable has room for PIPE_BUF bytes (pipe(7)).  False: nobody reads any more. */
static bool copy_out(struct stream *s)
{
	while (s->queue.len) {
		struct pollfd p = {s->copy_fd, POLLOUT, 0};
		if (poll(&p, 1, 0) == 0)
			break;
		size_t n = s->queue.len < 4096 ? s->queue.len : 4096;
		ssize_t done = write(s->copy_fd, s->queue.data, n);
		if (done < 0 && (errno == EINTR || errno == EAGAIN))
			break;
		if (done < 0) {
			s->queue.len = 0;
			return errno != EPIPE;
		}
		memmove(s->queue.data, s->queue.data + done, s->queue.len - (size_t)done);
		s->queue.len -= (size_t)done;
	}
	return true;
}

static void stream_close(struct stream *s)
{
	if (s->fd < 0)
		return;
	loop_remove(&s->run->loop, s->fd);
	if (s->fd != s->run->c.pty_fd)
		fd_close(s->fd);
	s->fd = -1;
}

static void copy(struct stream *s, const char *data, size_t len)
{
	buf_add(&s->queue, data, len);
	if (!copy_out(s)) {
		/* As for any pipe line: the workload is told by SIGPIPE. */
		s->copy_fd = -1;
		stream_close(s);
		return;
	}
	if (s->queue.len) {
		loop_events(&s->run->loop, s->fd, 0);
		loop_remove(&s->run->loop, s->copy_fd);
		loop_add(&s->run->loop, s->copy_fd, POLLOUT, copy_ready, s);
	}
}

static void copy_ready(void *arg, short revents)
{
	struct stream *s = arg;
	bool good = copy_out(s);
	if (good && s->queue.len)
		return;
	loop_remove(&s->run->loop, s->copy_fd);
	if (!good) {
		s->copy_fd = -1;
		stream_close(s);
	}
	loop_events(&s->run->loop, s->fd, POLLIN);
}

static void output(struct stream *s, const char *data, size_t len)
{
	struct run *r = s->run;
	keep_for_report(r, data, len);
	if (r->logging)
		log_write(&r->log, s->which, data, len);
	attach_output(r, s->which, data, len);
	if (r->ready.waiting)
		ready_output(r, s, data, len);
	if (s->copy_fd >= 0)
		copy(s, data, len);
}

/* One read; false when there is nothing more now or ever. */
static bool stream_read(struct stream *s)
{
	char chunk[CHUNK];
	ssize_t n = read(s->fd, chunk, sizeof chunk);
	if (n > 0) {
		output(s, chunk, (size_t)n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* EIO: the last process closed its side of the terminal. */
	stream_close(s);
	return false;
}

static void stream_ready(void *arg, short revents)
{
	stream_read(arg);
}

void streams_pause(struct run *r, bool pause)
{
	loop_events(&r->loop, r->out.fd, pause ? 0 : POLLIN);
	loop_events(&r->loop, r->err.fd, pause ? 0 : POLLIN);
}

static void stream_finish(struct stream *s)
{
	/* Whoever still holds the other end was killed or is none of ours: what is in the
	 * pipe now is all there will be. */
	for (int i = 0; i < 1024 && s->fd >= 0 && stream_read(s); i++)
		;
	/* What our stdout did not take yet is owed; a reader that went away ends it, and so
	 * does any signal to us. */
	while (s->queue.len && s->copy_fd >= 0) {
		struct pollfd p[2] = {{s->copy_fd, POLLOUT, 0}, {s->run->signal_fd, POLLIN, 0}};
		poll(p, 2, -1);
		if (p[1].revents || !copy_out(s))
			break;
	}
	stream_close(s);
	if (s->copy_fd >= 0)
		loop_remove(&s->run->loop, s->copy_fd);
	buf_done(&s->queue);
	buf_done(&s->line);
}

void streams_drain(struct run *r)
{
	stream_finish(&r->out);
	stream_finish(&r->err);
	loop_remove(&r->loop, r->stdin_fd);
	fd_done(&r->stdin_fd);
	buf_done(&r->input);
	r->input_ended = false;
	int *stdio = r->req->spec.stdio;
	for (int i = 0; i < 3; i++)
		if (stdio[i] > 2)
			fd_done(&stdio[i]);
}

static void input_flush(struct run *r)
{
	struct buf *b = &r->input;
	while (b->len) {
		ssize_t n = write(r->stdin_fd, b->data, b->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			b->len = 0;
			break;
		}
		memmove(b->data, b->data + n, b->len - (size_t)n);
		b->len -= (size_t)n;
	}
	loop_remove(&r->loop, r->stdin_fd);
	attach_pause_input(r, false);
	if (r->input_ended)
		fd_done(&r->stdin_fd);
}

static void input_ready(void *arg, short revents)
{
	input_flush(arg);
}

void streams_input(struct run *r, const char *data, size_t len)
{
	if (r->stdin_fd < 0 || !len)
		return;
	bool waiting = r->input.len > 0;
	buf_add(&r->input, data, len);
	if (waiting)
		return;
	input_flush(r);
	if (r->input.len) {
		loop_add(&r->loop, r->stdin_fd, POLLOUT, input_ready, r);
		attach_pause_input(r, true);
	}
}

void streams_input_end(struct run *r)
{
	/* A terminal has no end of file but the character for it. */
	if (r->c.pty_fd >= 0)
		streams_input(r, "\004", 1);
	else if (r->input.len)
		r->input_ended = true;
	else
		fd_done(&r->stdin_fd);
}
