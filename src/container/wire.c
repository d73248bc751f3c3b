/* Messages between a container's child and its parent: see wire.h. */
#include "container/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/spawn.h"

/* What is told of the plan waits here until it can go with the next message that matters:
 * a child tells some things, and one call carries them all. */
enum { HELD_MAX = 12 };
static struct {
	struct wire_msg msgs[HELD_MAX];
	unsigned n;
} held;

enum { PLAN_LEN = offsetof(struct wire_msg, plan) + sizeof(struct wire_plan) };

void wire_flush(int sock)
{
	struct mmsghdr list[HELD_MAX] = {0};
	struct iovec iov[HELD_MAX];
	for (unsigned i = 0; i < held.n; i++) {
		iov[i] = (struct iovec){&held.msgs[i], PLAN_LEN};
		list[i].msg_hdr.msg_iov = &iov[i];
		list[i].msg_hdr.msg_iovlen = 1;
	}
	if (held.n && sendmmsg(sock, list, held.n, MSG_NOSIGNAL) < 0)
		_exit(125);
	held.n = 0;
}

static void send_plan(int sock, enum wire_kind kind, const char *need, const char *rung,
	const char *text, bool weaker)
{
	if (held.n == HELD_MAX)
		wire_flush(sock);
	struct wire_msg *m = &held.msgs[held.n++];
	*m = (struct wire_msg){.kind = kind, .plan.weaker = weaker};
	snprintf(m->plan.need, sizeof m->plan.need, "%s", need);
	snprintf(m->plan.rung, sizeof m->plan.rung, "%s", rung);
	snprintf(m->plan.text, sizeof m->plan.text, "%s", text ? text : "");
}

void wire_took(int sock, const char *need, const char *rung, const char *promise, bool weaker)
{
	send_plan(sock, WIRE_TOOK, need, rung, promise, weaker);
}

void wire_left(int sock, const char *need, const char *rung, const nd_err *why)
{
	_cleanup_free_ char *line = err_line(why);
	send_plan(sock, WIRE_LEFT, need, rung, line, false);
}

void wire_warn(int sock, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	send_plan(sock, WIRE_WARN, "", "", text, false);
}

void wire_err(int sock, const nd_err *e)
{
	struct wire_msg m = {.kind = WIRE_ERR};
	wire_flush(sock);
	err_to_wire(e, &m.err);
	(void)!send(sock, &m, sizeof m, MSG_NOSIGNAL);
}

nd_err *wire_send_fd(int sock, enum wire_kind kind, int fd)
{
	uint32_t word = kind;
	char control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec iov = {&word, sizeof word};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		return err_sys(errno, "sendmsg", "a descriptor to the parent");
	return NULL;
}

void wire_wait_go(int sock)
{
	uint32_t word = 0;
	ssize_t n;
	do
		n = recv(sock, &word, sizeof word, 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof word || word != WIRE_GO)
		_exit(125);
}

bool wire_go(int sock)
{
	uint32_t word = WIRE_GO;
	return send(sock, &word, sizeof word, MSG_NOSIGNAL) == sizeof word;
}

static void take_fd(struct msghdr *msg, int *ret_fd)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		int fd;
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
		if (ret_fd && *ret_fd < 0)
			*ret_fd = fd;
		else
			close(fd);
	}
}

static void note(const struct wire_msg *m, struct plan *plan)
{
	const struct wire_plan *w = &m->plan;
	if (m->kind == WIRE_TOOK)
		plan_took(plan, w->need, w->rung, *w->text ? w->text : NULL, w->weaker);
	else if (m->kind == WIRE_LEFT)
		plan_leave(plan, w->need, w->rung, w->text, NULL);
	else if (m->kind == WIRE_WARN)
		plan_warn(plan, "%s", w->text);
}

/* Until the child says something. */
static nd_err *wait_for(int sock, const struct wire_patience *w)
{
	struct pollfd p[2] = {{sock, POLLIN, 0}, {w->cancelled ? w->cancel_fd : -1, POLLIN, 0}};
	for (;;) {
		int64_t left = w->until_ms ? w->until_ms - now_ms() : -1;
		if (w->until_ms && left <= 0)
			return err_new(
				ND_TIMEOUT, "start-timeout", "making the container takes too long");
		if (poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
			return err_sys(errno, "poll", "the child's messages");
		if (p[0].revents)
			return NULL;
		if (p[1].revents && w->cancelled(w->arg))
			return err_new(
				ND_TIMEOUT, "cancelled", "making the container was interrupted");
	}
}

nd_err *wire_read_all(int sock, const struct wire_patience *w, struct plan *plan, int *ret_pid_fd,
	int *ret_pty_fd)
{
	nd_err *result = NULL;
	for (;;) {
		nd_err *e = w ? wait_for(sock, w) : NULL;
		if (e) {
			err_free(result);
			return e;
		}
		struct wire_msg m = {0};
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = {&m, sizeof m};
		struct msghdr msg = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof control};
		ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return result;
		take_fd(&msg, m.kind == WIRE_PIDFD ? ret_pid_fd : ret_pty_fd);
		if (m.kind == WIRE_ERR && !result)
			result = err_from_wire(&m.err);
		else
			note(&m, plan);
	}
}
