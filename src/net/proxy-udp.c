/* The proxy's UDP side: a client's datagrams go out of a socket of their own in the
 * container, so that answers find their way back.  Such a session ends when it was
 * quiet for a minute, or gives way to a newer one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/str.h"
#include "net/proxy-int.h"

enum { QUIET_MS = 60000, BATCH = 64, DATAGRAM = 65536 };

struct session {
	struct watched w;
	int fd; /* -1: over, freed by udp_sweep() */
	struct listener *from;
	struct sockaddr_in client;
	int64_t used_ms;
	struct session *next;
};

static void session_end(struct proxy_loop *l, struct session *s)
{
	if (s->fd < 0)
		return;
	watched_set(l, &s->w, s->fd, 0);
	fd_done(&s->fd);
	l->n_sessions--;
}

static void answered(struct proxy_loop *l, struct watched *w, uint32_t events)
{
	struct session *s = (struct session *)w;
	uint8_t data[DATAGRAM];
	for (int i = 0; i < BATCH && s->fd >= 0; i++) {
		ssize_t n = recv(s->fd, data, sizeof data, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) /* nobody listens (ECONNREFUSED); read once, it is gone */
			continue;
		s->used_ms = now_ms();
		(void)sendto(s->from->fd, data, (size_t)n, MSG_DONTWAIT,
			(struct sockaddr *)&s->client, sizeof s->client);
	}
}

static bool same(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* Found ones move to the front, so the last in the list is the one to give way. */
static struct session *session_find(
	struct proxy_loop *l, const struct listener *from, const struct sockaddr_in *client)
{
	for (struct session **p = &l->sessions; *p; p = &(*p)->next) {
		struct session *s = *p;
		if (s->fd < 0 || s->from != from || !same(&s->client, client))
			continue;
		*p = s->next;
		s->next = l->sessions;
		l->sessions = s;
		return s;
	}
	return NULL;
}

static struct session *session_new(
	struct proxy_loop *l, struct listener *from, const struct sockaddr_in *client)
{
	struct session *last = NULL;
	for (struct session *s = l->sessions; s; s = s->next)
		if (s->fd >= 0)
			last = s;
	if (last && l->n_sessions >= l->max_sessions)
		session_end(l, last);
	struct sockaddr_in to = l->to;
	to.sin_port = htons(from->port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		fd_close(fd);
		return NULL;
	}
	struct session *s = mem_alloc(sizeof *s);
	*s = (struct session){{answered, 0}, fd, from, *client, 0, l->sessions};
	l->sessions = s;
	l->n_sessions++;
	watched_set(l, &s->w, fd, EPOLLIN);
	return s;
}

void udp_arrived(struct proxy_loop *l, struct watched *w, uint32_t events)
{
	struct listener *from = (struct listener *)w;
	uint8_t data[DATAGRAM];
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_in client;
		socklen_t len = sizeof client;
		ssize_t n = recvfrom(from->fd, data, sizeof data, MSG_DONTWAIT,
			(struct sockaddr *)&client, &len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 || len != sizeof client)
			continue;
		struct session *s = session_find(l, from, &client);
		if (!s)
			s = session_new(l, from, &client);
		if (!s)
			continue; /* no descriptors: UDP may lose */
		s->used_ms = now_ms();
		(void)send(s->fd, data, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

void udp_sweep(struct proxy_loop *l)
{
	int64_t now = l->sessions ? now_ms() : 0;
	for (struct session **p = &l->sessions; *p;) {
		struct session *s = *p;
		if (s->fd >= 0 && now - s->used_ms > QUIET_MS)
			session_end(l, s);
		if (s->fd < 0) {
			*p = s->next;
			free(s);
		} else {
			p = &s->next;
		}
	}
}
