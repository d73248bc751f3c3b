/* The child that asks: see netcheck.h.  Joining the network namespace of a user
 * namespace that is not ours needs CAP_SYS_ADMIN there, so that one is joined first
 * (setns(2)); where it is ours already, EINVAL says so and does not matter. */
#include "supervise/netcheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"

static bool same_ns(pid_t target, const char *name)
{
	char path[48];
	struct stat ours, theirs;
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)target, name);
	if (stat(path, &theirs) < 0)
		return false;
	snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	return stat(path, &ours) == 0 && ours.st_ino == theirs.st_ino;
}

static bool join(pid_t target, const char *name, int flag)
{
	if (same_ns(target, name))
		return true;
	char path[48];
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)target, name);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && setns(fd, flag) == 0;
}

static int left_ms(int64_t until)
{
	int64_t left = until - now_ms();
	return left > 0 ? (int)left : 0;
}

static int connect_to(const char *host, uint16_t port, int64_t until)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {0};
	socklen_t len = sizeof a.v4;
	if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
	} else {
		inet_pton(AF_INET6, host, &a.v6.sin6_addr);
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
		len = sizeof a.v6;
	}
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int err = connect(fd, &a.any, len) < 0 ? errno : 0;
	if (err == EINPROGRESS) {
		struct pollfd p = {fd, POLLOUT, 0};
		socklen_t size = sizeof err;
		err = ETIMEDOUT;
		if (poll(&p, 1, left_ms(until)) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
	}
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

/* The status of the answer to a GET; -1 and what went wrong in `why`. */
static int http_status(
	int fd, const struct ready_spec *s, const char *host, int64_t until, const char **why)
{
	char request[2048], answer[512];
	bool v6 = strchr(host, ':') != NULL;
	int n = snprintf(request, sizeof request,
		"GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUser-Agent: nidus\r\n"
		"Accept: */*\r\nConnection: close\r\n\r\n",
		s->path, v6 ? "[" : "", host, v6 ? "]" : "", s->port);
	*why = "the request is too long";
	if (n >= (int)sizeof request || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		return -1;
	size_t got = 0;
	while (got < sizeof answer - 1) {
		struct pollfd p = {fd, POLLIN, 0};
		*why = "no answer in time";
		if (poll(&p, 1, left_ms(until)) <= 0)
			return -1;
		ssize_t more = recv(fd, answer + got, sizeof answer - 1 - got, 0);
		if (more < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (more <= 0)
			break;
		got += (size_t)more;
		if (memchr(answer, '\n', got))
			break;
	}
	answer[got] = '\0';
	int status;
	*why = got ? "the answer is not HTTP" : "the connection was closed without an answer";
	return sscanf(answer, "HTTP/%*d.%*d %d", &status) == 1 ? status : -1;
}

void netcheck_child(pid_t target, const struct ready_spec *s, int64_t limit_ms, int out_fd)
{
	int64_t until = now_ms() + limit_ms;
	join(target, "user", CLONE_NEWUSER);
	if (!join(target, "net", CLONE_NEWNET)) {
		if (errno != ENOENT && errno != ESRCH) /* it ended meanwhile: no answer */
			dprintf(out_fd, "join the network namespace of pid %d: %s", (int)target,
				strerror(errno));
		_exit(1);
	}
	static const char *const local[] = {"127.0.0.1", "::1"};
	const char *hosts[2] = {s->host ? s->host : local[0], s->host ? NULL : local[1]};
	for (size_t i = 0; i < 2 && hosts[i]; i++) {
		int fd = connect_to(hosts[i], s->port, until);
		if (fd < 0) {
			/* The answer of IPv4 is the one to tell, where both refuse. */
			if (i == 0)
				dprintf(out_fd, "connect to %s port %u: %s", hosts[i], s->port,
					strerror(errno));
			continue;
		}
		if (s->kind == READY_TCP)
			_exit(0);
		const char *why;
		int status = http_status(fd, s, hosts[i], until, &why);
		if (status >= 200 && status < 400)
			_exit(0);
		if (status > 0)
			dprintf(out_fd, "GET %s on %s port %u: status %d", s->path, hosts[i],
				s->port, status);
		else
			dprintf(out_fd, "GET %s on %s port %u: %s", s->path, hosts[i], s->port,
				why);
		_exit(1);
	}
	_exit(1);
}
