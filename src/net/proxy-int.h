/* What the proxy's TCP and UDP sides share. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SESSIONS_MAX = 512 };

struct proxy_loop;
struct watched {
	void (*ready)(struct proxy_loop *l, struct watched *w, uint32_t events);
	uint32_t events;
};

struct listener {
	struct watched w;
	int fd;
	uint16_t port;
	bool udp;
};

struct conn;
struct session;
struct proxy_loop {
	int epoll_fd;
	bool ended;
	struct sockaddr_in to;
	struct listener *listeners;
	size_t n_listeners;
	size_t n_conns, max_conns;
	struct conn *dead;
	struct session *sessions; /* the one used last stands first */
	size_t n_sessions, max_sessions;
};

void watched_set(struct proxy_loop *l, struct watched *w, int fd, uint32_t events);
void udp_arrived(struct proxy_loop *l, struct watched *w, uint32_t events);
/* Ends the sessions that have been quiet for long, and those that gave way. */
void udp_sweep(struct proxy_loop *l);
