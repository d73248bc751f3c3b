/* The proxy's life and its TCP side: see proxy.h.  Sockets belong to the network namespace
 * they were made in: the listening ones come from the place, those made here after
 * setns(2) are the container's.  A container sees its own address as the client, as
 * with rootless podman; connecting to 127.0.0.1 instead would let the world pass for a
 * local client (CVE-2021-20199). */
#include "net/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "kernel/sys.h"
#include "net/proxy-int.h"

enum { BACKLOG = 128, ROUNDS = 8, EVENTS = 64, SPARE_FDS = 32, TICK_MS = 10000, FIRST = 3 };

void watched_set(struct proxy_loop *l, struct watched *w, int fd, uint32_t events)
{
	if (w->events == events)
		return;
	struct epoll_event e = {.events = events, .data.ptr = w};
	/* Without interest it is taken out: a hang-up would be reported for ever. */
	epoll_ctl(l->epoll_fd,
		!events     ? EPOLL_CTL_DEL
		: w->events ? EPOLL_CTL_MOD
			    : EPOLL_CTL_ADD,
		fd, &e);
	w->events = events;
}

/* TCP. */

struct conn;
struct side {
	struct watched w;
	struct conn *conn;
	int fd;
};
struct flow { /* from side i to the other one */
	uint8_t data[16384];
	size_t head, len;
	bool eof, shut;
};
struct conn {
	struct side side[2]; /* 0: the client, 1: the container */
	struct flow flow[2];
	bool connecting, dead;
	struct conn *next_dead;
};

static void listeners_set(struct proxy_loop *l, bool on)
{
	for (size_t i = 0; i < l->n_listeners; i++)
		if (!l->listeners[i].udp)
			watched_set(l, &l->listeners[i].w, l->listeners[i].fd, on ? EPOLLIN : 0);
}

/* `reset`: the client sees a connection refused or reset, not an orderly end. */
static void conn_end(struct proxy_loop *l, struct conn *c, bool reset)
{
	if (c->dead)
		return;
	struct linger now = {.l_onoff = 1};
	for (int i = 0; i < 2; i++) {
		watched_set(l, &c->side[i].w, c->side[i].fd, 0);
		if (reset && c->side[i].fd >= 0)
			setsockopt(c->side[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		fd_done(&c->side[i].fd);
	}
	c->dead = true; /* events of this round may still point here */
	c->next_dead = l->dead;
	l->dead = c;
	if (l->n_conns-- == l->max_conns)
		listeners_set(l, true);
}

/* False when the connection broke. */
static bool flow_move(struct conn *c, int from)
{
	struct flow *f = &c->flow[from];
	int in = c->side[from].fd, out = c->side[1 - from].fd;
	for (int i = 0; i < ROUNDS; i++) {
		if (!f->eof && f->len == 0) {
			ssize_t n = read(in, f->data, sizeof f->data);
			if (n < 0)
				return errno == EAGAIN || errno == EINTR;
			f->eof = n == 0;
			f->head = 0;
			f->len = (size_t)n;
		}
		if (f->len) {
			ssize_t n = send(out, f->data + f->head, f->len, MSG_NOSIGNAL);
			if (n < 0)
				return errno == EAGAIN || errno == EINTR;
			f->head += (size_t)n;
			f->len -= (size_t)n;
		}
		if (f->eof && f->len == 0) {
			if (!f->shut && shutdown(out, SHUT_WR) < 0)
				return false;
			f->shut = true;
			return true;
		}
	}
	return true;
}

static void conn_step(struct proxy_loop *l, struct conn *c)
{
	if (c->connecting) {
		int err = 0;
		socklen_t len = sizeof err;
		struct sockaddr_in peer;
		socklen_t peer_len = sizeof peer;
		getsockopt(c->side[1].fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err) {
			conn_end(l, c, true);
			return;
		}
		if (getpeername(c->side[1].fd, (struct sockaddr *)&peer, &peer_len) < 0)
			return; /* the client's event; not connected yet */
		c->connecting = false;
	}
	if (!flow_move(c, 0) || !flow_move(c, 1)) {
		conn_end(l, c, true);
		return;
	}
	if (c->flow[0].shut && c->flow[1].shut) {
		conn_end(l, c, false);
		return;
	}
	for (int i = 0; i < 2; i++) {
		const struct flow *f = &c->flow[i], *back = &c->flow[1 - i];
		watched_set(l, &c->side[i].w, c->side[i].fd,
			(uint32_t)((!f->eof && !f->len ? EPOLLIN : 0) |
				   (back->len ? EPOLLOUT : 0)));
	}
}

static void side_ready(struct proxy_loop *l, struct watched *w, uint32_t events)
{
	struct side *s = (struct side *)w;
	if (!s->conn->dead)
		conn_step(l, s->conn);
}

static void tcp_accept(struct proxy_loop *l, struct watched *w, uint32_t events)
{
	struct listener *from = (struct listener *)w;
	int client = accept4(from->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0)
		return;
	struct sockaddr_in to = l->to;
	to.sin_port = htons(from->port);
	struct conn *c = mem_alloc(sizeof *c);
	int inner = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	for (int i = 0; i < 2; i++)
		c->side[i] = (struct side){{side_ready, 0}, c, i ? inner : client};
	if (++l->n_conns == l->max_conns)
		listeners_set(l, false);
	if (inner < 0 ||
		(connect(inner, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
		conn_end(l, c, true);
		return;
	}
	c->connecting = true;
	watched_set(l, &c->side[1].w, inner, EPOLLOUT);
}

/* Life. */

static void over(struct proxy_loop *l, struct watched *w, uint32_t events)
{
	l->ended = true;
}

static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All that is needed from FIRST on, and nothing else open. */
static bool gather_fds(struct proxy *p, int *ok_fd)
{
	size_t n = p->n_ports + 5, at = 0;
	int **slots = mem_grow(NULL, n, sizeof *slots);
	slots[at++] = &p->container_fd;
	slots[at++] = &p->helper_fd;
	slots[at++] = &p->net_fd;
	slots[at++] = &p->user_fd;
	slots[at++] = ok_fd;
	for (size_t i = 0; i < p->n_ports; i++)
		slots[at++] = &p->ports[i].fd;
	bool good = true;
	for (size_t i = 0; i < n; i++) /* out of the way first */
		if (*slots[i] >= 0)
			good = (*slots[i] = fcntl(*slots[i], F_DUPFD_CLOEXEC, (int)(FIRST + n))) >=
				       0 &&
			       good;
	for (size_t i = 0; i < n; i++)
		if (*slots[i] >= 0) {
			good = dup2(*slots[i], (int)(FIRST + i)) >= 0 && good;
			*slots[i] = (int)(FIRST + i);
		}
	free(slots);
	sys_close_range(0, FIRST - 1, 0);
	sys_close_range((unsigned)(FIRST + n), ~0u, 0);
	return good;
}

static void limits(struct proxy_loop *l, size_t used)
{
	struct rlimit r = {0};
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &r);
	getrlimit(RLIMIT_NOFILE, &r);
	size_t free_fds = r.rlim_cur > used + SPARE_FDS ? r.rlim_cur - used - SPARE_FDS : 4;
	l->max_sessions = free_fds / 4 < SESSIONS_MAX ? free_fds / 4 : SESSIONS_MAX;
	l->max_conns = (free_fds - l->max_sessions) / 2;
}

static void serve(struct proxy_loop *l)
{
	struct epoll_event e[EVENTS];
	while (!l->ended) {
		int n = epoll_wait(l->epoll_fd, e, EVENTS, l->sessions ? TICK_MS : -1);
		for (int i = 0; i < n; i++) {
			struct watched *w = e[i].data.ptr;
			w->ready(l, w, e[i].events);
		}
		while (l->dead) {
			struct conn *c = l->dead;
			l->dead = c->next_dead;
			free(c);
		}
		udp_sweep(l);
	}
}

void proxy_child(const struct proxy *given, int ok_fd)
{
	struct proxy p = *given;
	struct watched ends[2] = {{over, 0}, {over, 0}};
	setsid(); /* a Ctrl-C meant for the workload is not for us */
	reset_signals();
	prctl(PR_SET_NAME, "nidus-net", 0, 0, 0);
	bool good = gather_fds(&p, &ok_fd);
	struct proxy_loop l = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.n_listeners = p.n_ports,
		.to = {.sin_family = AF_INET, .sin_addr = p.to}};
	limits(&l, p.n_ports + 8);
	good = good && l.epoll_fd >= 0;
	if (good && p.n_ports)
		good = (p.user_fd < 0 || setns(p.user_fd, CLONE_NEWUSER) == 0) &&
		       setns(p.net_fd, CLONE_NEWNET) == 0;
	l.listeners = mem_grow(NULL, p.n_ports + 1, sizeof *l.listeners);
	for (size_t i = 0; good && i < p.n_ports; i++) {
		const struct proxy_port *o = &p.ports[i];
		l.listeners[i] = (struct listener){
			{o->udp ? udp_arrived : tcp_accept, 0}, o->fd, o->port, o->udp};
		fd_set_nonblock(o->fd);
		good = o->udp || listen(o->fd, BACKLOG) == 0;
		watched_set(&l, &l.listeners[i].w, o->fd, EPOLLIN);
	}
	int err = good ? 0 : errno;
	watched_set(&l, &ends[0], p.container_fd, EPOLLIN);
	watched_set(&l, &ends[1], p.helper_fd, EPOLLIN);
	if (write(ok_fd, &err, sizeof err) == (ssize_t)sizeof err && good) {
		fd_close(ok_fd);
		serve(&l);
	}
	sys_pidfd_send_signal(p.helper_fd, SIGKILL);
	_exit(0);
}
