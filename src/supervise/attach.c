/* The monitor's side of attached processes: see channel.h.  A client that does not
 * read makes the workload wait, as a terminal would; one that went away is forgotten. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervise/channel.h"
#include "supervise/run.h"
#include "supervise/sockdir.h"

static void client_ready(void *arg, short revents);

static bool anyone_blocked(const struct run *r)
{
	for (size_t i = 0; i < r->n_clients; i++)
		if (r->clients[i]->n_queue)
			return true;
	return false;
}

static void client_drop(struct client *c)
{
	struct run *r = c->run;
	bool front = c->front;
	loop_remove(&r->loop, c->fd);
	fd_close(c->fd);
	for (size_t i = 0; i < c->n_queue; i++)
		buf_done(&c->queue[i]);
	free(c->queue);
	for (size_t i = 0; i < r->n_clients; i++)
		if (r->clients[i] == c) {
			r->clients[i] = r->clients[--r->n_clients];
			break;
		}
	free(c);
	streams_pause(r, anyone_blocked(r));
	/* Whoever asked for it and was to be told that it is ready is gone: nobody would
	 * know of the run, or stop it. */
	if (front && !r->reached_ready && r->req->ready.kind != READY_NONE)
		run_end(r, "abandoned", 0);
}

/* 1 sent, 0 must wait, -1 gone. */
static int packet_send(int fd, const struct buf *b)
{
	if (send(fd, b->data, b->len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 1;
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -1;
}

static void client_watch(struct client *c)
{
	loop_events(&c->run->loop, c->fd, (short)(POLLIN | (c->n_queue ? POLLOUT : 0)));
}

static void client_tell(struct client *c, char type, const void *data, size_t len)
{
	struct buf b = {0};
	buf_add(&b, &type, 1);
	buf_add(&b, data, len);
	int sent = c->n_queue ? 0 : packet_send(c->fd, &b);
	if (sent) {
		buf_done(&b);
		/* Its source tells us of the hang-up: dropping here would pull it away from
		 * under the caller's walk. */
		return;
	}
	c->queue = mem_grow(c->queue, c->n_queue + 1, sizeof *c->queue);
	c->queue[c->n_queue++] = b;
	client_watch(c);
	streams_pause(c->run, true);
}

static void client_flush(struct client *c)
{
	size_t sent = 0;
	while (sent < c->n_queue && packet_send(c->fd, &c->queue[sent]) == 1)
		buf_done(&c->queue[sent++]);
	memmove(c->queue, c->queue + sent, (c->n_queue - sent) * sizeof *c->queue);
	c->n_queue -= sent;
	client_watch(c);
	if (!c->n_queue)
		streams_pause(c->run, anyone_blocked(c->run));
}

static void resize(struct run *r, const char *text)
{
	struct winsize size = {0};
	if (r->c.pty_fd >= 0 && sscanf(text, "%hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(r->c.pty_fd, TIOCSWINSZ, &size);
}

static void client_message(struct client *c, char *text, size_t len)
{
	struct run *r = c->run;
	int number;
	switch (text[0]) {
	case CH_INPUT:
		streams_input(r, text + 1, len - 1);
		break;
	case CH_INPUT_END:
		streams_input_end(r);
		break;
	case CH_SIZE:
		resize(r, text + 1);
		break;
	case CH_SIGNAL:
		if (sscanf(text + 1, "%d", &number) == 1)
			run_signal(r, number);
		break;
	default:
		break;
	}
}

static void client_ready(void *arg, short revents)
{
	struct client *c = arg;
	char packet[CH_DATA_MAX + 64];
	if (revents & POLLOUT)
		client_flush(c);
	if (!(revents & ~POLLOUT))
		return;
	ssize_t n = recv(c->fd, packet, sizeof packet - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_drop(c);
		return;
	}
	packet[n] = '\0';
	client_message(c, packet, (size_t)n);
}

void attach_add(struct run *r, int fd, bool front)
{
	if (r->n_clients == CLIENTS_MAX) {
		fd_close(fd);
		return;
	}
	struct client *c = mem_alloc(sizeof *c);
	*c = (struct client){.run = r, .fd = fd, .front = front};
	r->clients[r->n_clients++] = c;
	loop_add(&r->loop, fd, POLLIN, client_ready, c);
}

static void listen_ready(void *arg, short revents)
{
	struct run *r = arg;
	int fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		attach_add(r, fd, false);
	} else if (errno == EMFILE || errno == ENFILE) {
		/* It would stay readable and turn the loop; nobody can attach then. */
		loop_remove(&r->loop, r->listen_fd);
		fd_done(&r->listen_fd);
	}
}

nd_err *attach_open(struct run *r)
{
	TRY(sock_bind(r->dir.fd, "attach", SOCK_SEQPACKET, &r->listen_fd));
	if (listen(r->listen_fd, 8) < 0)
		return err_sys(errno, "listen", "the attach socket");
	loop_add(&r->loop, r->listen_fd, POLLIN, listen_ready, r);
	return NULL;
}

void attach_tell(struct run *r, char type, const void *data, size_t len, bool front_only)
{
	if (len > CH_PACKET_MAX - 1)
		len = 0;
	for (size_t i = 0; i < r->n_clients; i++)
		if (!front_only || r->clients[i]->front)
			client_tell(r->clients[i], type, data, len);
}

void attach_output(struct run *r, enum log_stream which, const char *data, size_t len)
{
	for (size_t i = 0; i < r->n_clients; i++)
		/* A front of a detached run without a terminal waits for its readiness only. */
		if (!r->clients[i]->front || !r->req->detach)
			client_tell(r->clients[i], which == LOG_STDERR ? CH_STDERR : CH_STDOUT,
				data, len);
}

void attach_pause_input(struct run *r, bool pause)
{
	for (size_t i = 0; i < r->n_clients; i++) {
		struct client *c = r->clients[i];
		if (pause)
			loop_events(&r->loop, c->fd, c->n_queue ? POLLOUT : 0);
		else
			client_watch(c);
	}
}

void attach_close(struct run *r)
{
	/* What is queued was written by the workload and is owed; but a stopped reader does not
	 * keep the run from ending. */
	for (int i = 0; i < 50 && anyone_blocked(r); i++) {
		for (size_t k = 0; k < r->n_clients; k++)
			client_flush(r->clients[k]);
		if (anyone_blocked(r))
			poll(NULL, 0, 20);
	}
	while (r->n_clients) {
		r->clients[0]->front = false;
		client_drop(r->clients[0]);
	}
	if (r->listen_fd >= 0) {
		loop_remove(&r->loop, r->listen_fd);
		fd_done(&r->listen_fd);
	}
}
