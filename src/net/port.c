/* Published ports: see port.h.  A bound socket that does not listen is enough to hold a
 * port (bind(2), EADDRINUSE), costs nothing while it is held, and goes with its process,
 * so no file has to say who has which port. */
#include "net/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/listener.h"

static const char allowed[] = "allowed is [IP:][HOSTPORT[-END]]:PORT[-END][/tcp|/udp]";

void port_list_done(struct port_list *l)
{
	free(l->v);
	*l = (struct port_list){0};
}

static void add(struct port_list *l, const struct port_map *m)
{
	l->v = mem_grow(l->v, l->n + 1, sizeof *l->v);
	l->v[l->n++] = *m;
}

void port_list_copy(struct port_list *to, const struct port_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		add(to, &from->v[i]);
}

static bool port_number(const char *s, uint16_t *ret)
{
	uint64_t v;
	if (!str_to_u64(s, &v) || v < 1 || v > 65535)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* "80" or "8000-8010"; count is the number of ports. */
static bool range(char *s, uint16_t *ret_first, uint16_t *ret_count)
{
	char *dash = strchr(s, '-');
	uint16_t last;
	if (dash)
		*dash = '\0';
	if (!port_number(s, ret_first))
		return false;
	last = *ret_first;
	if (dash && (!port_number(dash + 1, &last) || last < *ret_first))
		return false;
	*ret_count = (uint16_t)(last - *ret_first + 1);
	return true;
}

static nd_err *wrong(const char *text, const char *what, const char *part)
{
	return err_remedy(err_invalid("-p %s: '%s' %s", text, part, what),
		"For a port to publish, %s.", allowed);
}

static nd_err *parse_ip(const char *text, const char *ip, struct in_addr *ret)
{
	if (*ip == '\0')
		return NULL;
	if (strchr(ip, '['))
		return wrong(text, "is an IPv6 address; ports are published on IPv4 only", ip);
	if (inet_pton(AF_INET, ip, ret) != 1)
		return wrong(text, "is not an IPv4 address", ip);
	return NULL;
}

nd_err *port_parse(const char *text, struct port_list *l)
{
	_cleanup_free_ char *copy = str_dup(text);
	struct port_map m = {0};
	uint16_t host_count = 0;
	char *proto = strchr(copy, '/');
	if (proto)
		*proto++ = '\0';
	if (proto && strcmp(proto, "udp") != 0 && strcmp(proto, "tcp") != 0)
		return wrong(text, "is not a protocol: tcp or udp", proto);
	m.udp = proto && strcmp(proto, "udp") == 0;

	char *container = strrchr(copy, ':'), *host = NULL, *ip = NULL;
	if (container) {
		*container++ = '\0';
		host = strrchr(copy, ':');
		if (host) {
			*host++ = '\0';
			ip = copy;
		} else {
			host = copy;
		}
	} else {
		container = copy;
	}
	_cleanup_free_ char *shown = str_dup(container);
	if (!range(container, &m.container, &m.count))
		return wrong(text, "is not a port (1 to 65535) or a range of them", shown);
	if (ip)
		TRY(parse_ip(text, ip, &m.ip));
	if (host && *host) {
		_cleanup_free_ char *host_shown = str_dup(host);
		if (!range(host, &m.host, &host_count))
			return wrong(
				text, "is not a port (1 to 65535) or a range of them", host_shown);
		if (host_count != m.count)
			return wrong(
				text, "and the container's range differ in length", host_shown);
	}
	add(l, &m);
	return NULL;
}

static nd_err *bind_one(const struct port_map *m, uint16_t port, int *ret_fd, uint16_t *ret_port)
{
	int fd = socket(AF_INET, (m->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(errno, "socket", "for port %u", port);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = m->ip, .sin_port = htons(port)};
	socklen_t len = sizeof a;
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
		(!port && getsockname(fd, (struct sockaddr *)&a, &len) < 0)) {
		int err = errno;
		fd_close(fd);
		return listener_error(err, m->udp, m->ip, port);
	}
	*ret_port = ntohs(a.sin_port);
	*ret_fd = fd;
	return NULL;
}

nd_err *port_reserve(struct port_list *l, int **fds, size_t *n_fds)
{
	struct port_list out = {0};
	nd_err *e = NULL;
	for (size_t i = 0; !e && i < l->n; i++) {
		struct port_map m = l->v[i];
		for (unsigned k = 0; !e && k < m.count; k++) {
			int fd = -1;
			struct port_map one = m;
			e = bind_one(&m, m.host ? (uint16_t)(m.host + k) : 0, &fd, &one.host);
			if (e)
				break;
			*fds = mem_grow(*fds, *n_fds + 1, sizeof **fds);
			(*fds)[(*n_fds)++] = fd;
			if (m.host)
				continue;
			one.container = (uint16_t)(m.container + k);
			one.count = 1;
			add(&out, &one);
		}
		if (m.host)
			add(&out, &m);
	}
	if (e) {
		port_release(fds, n_fds);
		port_list_done(&out);
		return e;
	}
	port_list_done(l);
	*l = out;
	return NULL;
}

void port_release(int **fds, size_t *n_fds)
{
	for (size_t i = 0; i < *n_fds; i++)
		fd_close((*fds)[i]);
	free(*fds);
	*fds = NULL;
	*n_fds = 0;
}

void port_json(const struct port_list *l, struct json_out *o, const char *key)
{
	jo_open(o, key, '[');
	for (size_t i = 0; i < l->n; i++) {
		char ip[INET_ADDRSTRLEN];
		jo_open(o, NULL, '{');
		jo_str(o, "host_ip", inet_ntop(AF_INET, &l->v[i].ip, ip, sizeof ip));
		jo_int(o, "host_port", l->v[i].host);
		jo_int(o, "container_port", l->v[i].container);
		jo_int(o, "range", l->v[i].count);
		jo_str(o, "protocol", l->v[i].udp ? "udp" : "tcp");
		jo_close(o, '}');
	}
	jo_close(o, ']');
}

static void text_range(struct buf *b, uint16_t first, uint16_t count)
{
	buf_fmt(b, "%u", first);
	if (count > 1)
		buf_fmt(b, "-%u", first + count - 1);
}

char *port_text(const struct port_list *l)
{
	struct buf b = {0};
	for (size_t i = 0; i < l->n; i++) {
		char ip[INET_ADDRSTRLEN];
		buf_fmt(&b, "%s%s:", i ? ", " : "", inet_ntop(AF_INET, &l->v[i].ip, ip, sizeof ip));
		text_range(&b, l->v[i].host, l->v[i].count);
		buf_str(&b, "->");
		text_range(&b, l->v[i].container, l->v[i].count);
		buf_str(&b, l->v[i].udp ? "/udp" : "/tcp");
	}
	return buf_steal(&b);
}
