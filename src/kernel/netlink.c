/* Batches, replies and sockets of netlink: see netlink.h.  Rests on netlink(7): a
 * request is carried out inside sendmsg(2), so its answer waits when that returns; an
 * answer that does not come within the deadline is a sandbox that does not do netlink. */
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef NETLINK_EXT_ACK
#	define NETLINK_EXT_ACK 11
#endif

enum { REPLY_MAX = 32768, ANSWER_MS = 5000, HEADER = sizeof(struct nlmsghdr), ATTR = 4 };

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

nd_err *nl_open(int protocol, struct nl_sock *ret)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return err_sys(errno, "socket", "AF_NETLINK, protocol %d", protocol);
	*ret = (struct nl_sock){.fd = fd, .protocol = protocol, .seq = 1};
	return NULL;
}

nd_err *nl_open_at(int protocol, int netns_fd, int home_fd, struct nl_sock *ret)
{
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return err_sys(errno, "setns", "into the container's network namespace");
	nd_err *e = nl_open(protocol, ret);
	if (setns(home_fd, CLONE_NEWNET) < 0) {
		int err = errno;
		err_free(e);
		nl_close(ret);
		e = err_sys(err, "setns", "back into nidus's own network namespace");
		e->kind = ND_BUG;
	}
	return e;
}

void nl_close(struct nl_sock *s)
{
	if (s->fd >= 0)
		fd_close(s->fd);
	s->fd = -1;
}

/* Building. */

static void pad(struct nl_batch *q)
{
	static const char zero[4];
	buf_add(&q->b, zero, align4(q->b.len) - q->b.len);
}

/* Lengths stand in front of what they count and are patched as it grows. */
static void count(struct nl_batch *q)
{
	size_t at = q->labels[q->n - 1].at;
	uint32_t len = (uint32_t)(q->b.len - at);
	memcpy(q->b.data + at, &len, sizeof len);
}

void nl_batch_done(struct nl_batch *q)
{
	buf_done(&q->b);
	free(q->labels);
	*q = (struct nl_batch){0};
}

void nl_begin(struct nl_batch *q, uint16_t type, uint16_t flags, const void *head, size_t head_len,
	const char *op, const char *object)
{
	q->labels = mem_grow(q->labels, q->n + 1, sizeof *q->labels);
	struct nl_label *l = &q->labels[q->n++];
	*l = (struct nl_label){.op = op, .at = q->b.len};
	snprintf(l->object, sizeof l->object, "%s", object ? object : "");
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
	buf_add(&q->b, &h, sizeof h);
	buf_add(&q->b, head, head_len);
	pad(q);
	count(q);
}

void nl_raw(struct nl_batch *q, const void *data, size_t len)
{
	buf_add(&q->b, data, len);
	pad(q);
	count(q);
}

void nl_put(struct nl_batch *q, uint16_t attr, const void *data, size_t len)
{
	uint16_t h[2] = {(uint16_t)(ATTR + len), attr};
	buf_add(&q->b, h, sizeof h);
	nl_raw(q, data, len);
}

void nl_put_u8(struct nl_batch *q, uint16_t attr, uint8_t v)
{
	nl_put(q, attr, &v, sizeof v);
}

void nl_put_u16(struct nl_batch *q, uint16_t attr, uint16_t v)
{
	nl_put(q, attr, &v, sizeof v);
}

void nl_put_u32(struct nl_batch *q, uint16_t attr, uint32_t v)
{
	nl_put(q, attr, &v, sizeof v);
}

void nl_put_be32(struct nl_batch *q, uint16_t attr, uint32_t v)
{
	nl_put_u32(q, attr, htonl(v));
}

void nl_put_str(struct nl_batch *q, uint16_t attr, const char *s)
{
	nl_put(q, attr, s, strlen(s) + 1);
}

size_t nl_nest(struct nl_batch *q, uint16_t attr)
{
	size_t at = q->b.len;
	nl_put(q, attr, "", 0);
	return at;
}

void nl_nest_end(struct nl_batch *q, size_t nest)
{
	uint16_t len = (uint16_t)(q->b.len - nest);
	memcpy(q->b.data + nest, &len, sizeof len);
}

/* Reading. */

bool nl_reply_next(struct nl_view *v, struct nl_reply *ret)
{
	struct nlmsghdr h;
	if (v->len < sizeof h)
		return false;
	memcpy(&h, v->p, sizeof h);
	if (h.nlmsg_len < sizeof h || h.nlmsg_len > v->len)
		return false;
	*ret = (struct nl_reply){h.nlmsg_type, h.nlmsg_flags, h.nlmsg_seq,
		{v->p + sizeof h, h.nlmsg_len - sizeof h}};
	size_t step = align4(h.nlmsg_len);
	step = step < v->len ? step : v->len;
	v->p += step;
	v->len -= step;
	return true;
}

const void *nl_take(struct nl_view *v, size_t len)
{
	if (v->len < len)
		return NULL;
	const void *p = v->p;
	size_t step = align4(len) < v->len ? align4(len) : v->len;
	v->p += step;
	v->len -= step;
	return p;
}

bool nl_attr_next(struct nl_view *v, uint16_t *type, struct nl_view *value)
{
	uint16_t h[2];
	if (v->len < sizeof h)
		return false;
	memcpy(h, v->p, sizeof h);
	if (h[0] < sizeof h || h[0] > v->len)
		return false;
	*type = h[1] & NLA_TYPE_MASK;
	*value = (struct nl_view){v->p + sizeof h, h[0] - sizeof h};
	nl_take(v, h[0]);
	return true;
}

struct nl_view nl_attr_find(struct nl_view v, uint16_t type)
{
	uint16_t t;
	struct nl_view value;
	while (nl_attr_next(&v, &t, &value))
		if (t == type)
			return value;
	return (struct nl_view){0};
}

uint32_t nl_u32(struct nl_view v)
{
	uint32_t n = 0;
	if (v.len >= sizeof n)
		memcpy(&n, v.p, sizeof n);
	return n;
}

uint32_t nl_be32(struct nl_view v)
{
	return ntohl(nl_u32(v));
}

void nl_text(struct nl_view v, char *text, size_t size)
{
	size_t n = v.len ? strnlen((const char *)v.p, v.len) : 0;
	n = n < size ? n : size - 1;
	memcpy(text, v.len ? (const char *)v.p : "", n);
	text[n] = '\0';
}

int nl_error_read(const struct nl_reply *m, char *text, size_t size)
{
	struct nl_view v = m->body;
	int32_t err;
	struct nlmsghdr asked;
	const void *p = nl_take(&v, sizeof err);
	if (size)
		*text = '\0';
	if (!p)
		return EBADMSG;
	memcpy(&err, p, sizeof err);
	/* The kernel answers with 0 or a negated errno; anything else is not from it. */
	if (err > 0 || err < -4095)
		return EBADMSG;
	if (!(m->flags & NLM_F_ACK_TLVS) || !(p = nl_take(&v, sizeof asked)))
		return -err;
	memcpy(&asked, p, sizeof asked);
	/* Without NLM_F_CAPPED the request's own payload stands before the attributes. */
	if (!(m->flags & NLM_F_CAPPED) && asked.nlmsg_len > sizeof asked &&
		!nl_take(&v, asked.nlmsg_len - sizeof asked))
		return -err;
	nl_text(nl_attr_find(v, NLMSGERR_ATTR_MSG), text, size);
	return -err;
}

/* Asking. */

enum end { END_ACK, END_REPLY, END_DONE };

struct exchange {
	uint32_t first, last; /* sequence numbers */
	enum end end;
	nl_reply_fn *fn;
	void *arg;
	bool ended;
	size_t n_failed, failed; /* how many; index of the first */
	int errnum;
	char text[160];
};

static void stamp(struct nl_batch *q, size_t i, uint32_t seq, bool ack)
{
	struct nlmsghdr h;
	char *at = q->b.data + q->labels[i].at;
	memcpy(&h, at, sizeof h);
	h.nlmsg_seq = seq;
	if (ack)
		h.nlmsg_flags |= NLM_F_ACK;
	memcpy(at, &h, sizeof h);
}

static void take_error(struct exchange *x, const struct nl_reply *m)
{
	char text[sizeof x->text];
	int err = nl_error_read(m, text, sizeof text);
	if (m->seq == x->last)
		x->ended = true;
	if (err == 0)
		return;
	if (x->n_failed++ == 0) {
		x->errnum = err;
		x->failed = m->seq - x->first;
		memcpy(x->text, text, sizeof text);
	}
}

/* A dump that broke off says so in its end mark. */
static void take_done(struct exchange *x, const struct nl_reply *m)
{
	int err = -(int32_t)nl_u32(m->body);
	if (err > 0 && x->n_failed++ == 0)
		x->errnum = err;
	x->ended = m->seq == x->last;
}

static void take_datagram(struct exchange *x, struct nl_view v)
{
	struct nl_reply m;
	while (!x->ended && nl_reply_next(&v, &m)) {
		if (m.seq < x->first || m.seq > x->last)
			continue; /* the rest of an exchange that was given up */
		if (m.type == NLMSG_ERROR) {
			take_error(x, &m);
		} else if (m.type == NLMSG_DONE) {
			take_done(x, &m);
		} else if (m.type >= NLMSG_MIN_TYPE) {
			if (x->fn)
				x->fn(&m, x->arg);
			x->ended = x->end == END_REPLY && m.seq == x->last;
		}
	}
}

static nd_err *receive(struct nl_sock *s, struct exchange *x)
{
	_Alignas(4) uint8_t data[REPLY_MAX];
	while (!x->ended) {
		struct iovec io = {data, sizeof data};
		struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1};
		ssize_t n = recvmsg(s->fd, &h, MSG_DONTWAIT);
		if (n >= 0 && (h.msg_flags & MSG_TRUNC))
			return err_sys(EMSGSIZE, "recvmsg", "an answer of netlink");
		if (n >= 0) {
			take_datagram(x, (struct nl_view){data, (size_t)n});
			continue;
		}
		if (errno == EINTR)
			continue;
		/* nfnetlink ends a refused batch without acknowledging its last request. */
		if (errno == EAGAIN && x->n_failed)
			return NULL;
		if (errno != EAGAIN)
			return err_sys(errno, "recvmsg", "from netlink");
		struct pollfd p = {s->fd, POLLIN, 0};
		if (poll(&p, 1, ANSWER_MS) == 0)
			return err_detail(err_new(ND_TIMEOUT, "netlink-silent",
						  "netlink did not answer within %d ms", ANSWER_MS),
				"protocol %d; the kernel answers before sendmsg(2) returns",
				s->protocol);
	}
	return NULL;
}

/* Requests [from, from + n) of the batch. */
static nd_err *send_some(
	struct nl_sock *s, struct nl_batch *q, size_t from, size_t n, struct exchange *x)
{
	x->first = s->seq;
	x->last = s->seq + (uint32_t)n - 1;
	s->seq += (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		stamp(q, from + i, x->first + (uint32_t)i, i + 1 == n && x->end == END_ACK);
	/* A netfilter batch ends with a marker that older kernels do not acknowledge
	 * (nfnetlink.c): the request before it answers for all. */
	if (s->protocol == NETLINK_NETFILTER && x->end == END_ACK && n > 2) {
		stamp(q, from + n - 2, x->last - 1, true);
		struct nlmsghdr h;
		char *at = q->b.data + q->labels[from + n - 1].at;
		memcpy(&h, at, sizeof h);
		h.nlmsg_flags &= (uint16_t)~NLM_F_ACK;
		memcpy(at, &h, sizeof h);
		x->last--;
	}
	size_t at = q->labels[from].at;
	size_t end = from + n < q->n ? q->labels[from + n].at : q->b.len;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int big = (int)(end - at) * 2;
	if (end - at > 65536) /* the default buffer is about 200 KB, bookkeeping included */
		(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
	if (sendto(s->fd, q->b.data + at, end - at, 0, (struct sockaddr *)&kernel, sizeof kernel) <
		0)
		return err_sys(errno, "sendto", "netlink: %s %s", q->labels[from].op,
			q->labels[from].object);
	return receive(s, x);
}

/* Why was it refused?  True when the second try went through. */
static bool ask_again(struct nl_sock *s, struct nl_batch *q, struct exchange *x)
{
	int on = 1;
	s->talks = true;
	if (setsockopt(s->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on) < 0)
		return false;
	bool whole = s->protocol == NETLINK_NETFILTER || q->n == 1;
	struct exchange y = {.end = x->end, .fn = x->fn, .arg = x->arg};
	nd_err *e = whole ? send_some(s, q, 0, q->n, &y) : send_some(s, q, x->failed, 1, &y);
	bool went = !e && !y.n_failed && x->n_failed == 1;
	if (!e && y.n_failed && y.errnum == x->errnum)
		memcpy(x->text, y.text, sizeof x->text);
	err_free(e);
	return went;
}

static nd_err *exchange(
	struct nl_sock *s, struct nl_batch *q, enum end end, nl_reply_fn *fn, void *arg)
{
	struct exchange x = {.end = end, .fn = fn, .arg = arg};
	nd_err *e = q->n ? send_some(s, q, 0, q->n, &x) : NULL;
	if (!e && x.n_failed && (s->talks || !ask_again(s, q, &x))) {
		const struct nl_label *l = &q->labels[x.failed < q->n ? x.failed : 0];
		e = err_sys(x.errnum, l->op, "%s", l->object);
		if (*x.text)
			err_detail(e, "the kernel says: %s", x.text);
	}
	nl_batch_done(q);
	return e;
}

nd_err *nl_run(struct nl_sock *s, struct nl_batch *q)
{
	return exchange(s, q, END_ACK, NULL, NULL);
}

nd_err *nl_get(struct nl_sock *s, struct nl_batch *q, nl_reply_fn *fn, void *arg)
{
	return exchange(s, q, END_REPLY, fn, arg);
}

nd_err *nl_dump(struct nl_sock *s, struct nl_batch *q, nl_reply_fn *fn, void *arg)
{
	return exchange(s, q, END_DONE, fn, arg);
}
