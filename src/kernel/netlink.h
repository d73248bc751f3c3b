/* Netlink without a library: requests are appended to a batch, sent with one
 * sendmsg(2), and answered or acknowledged.  Only the last request asks for an
 * acknowledgement, because the kernel reports a failing one in any case: success of
 * ten requests costs one recvmsg(2).  A refused request changed nothing, so it is
 * asked once more with NETLINK_EXT_ACK (Linux 4.12) to learn the kernel's own words;
 * the way that works pays nothing for it.  Requests: kernel/rtnl.h, kernel/nft.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"

struct nl_sock {
	int fd;
	int protocol;
	uint32_t seq;
	bool talks; /* NETLINK_EXT_ACK is on */
};
#define NL_SOCK_NONE ((struct nl_sock){.fd = -1})

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER.  The socket belongs to the network
 * namespace the caller is in now, wherever it goes later (network_namespaces(7)). */
nd_must nd_err *nl_open(int protocol, struct nl_sock *ret);
/* As nl_open in the network namespace of netns_fd: the process goes there and comes
 * back to home_fd.  A failure to come back is ND_BUG: the caller must not go on. */
nd_must nd_err *nl_open_at(int protocol, int netns_fd, int home_fd, struct nl_sock *ret);
void nl_close(struct nl_sock *s);
#define _cleanup_nl_ _cleanup_(nl_close)

/* Requests being built. */
struct nl_label {
	const char *op; /* static: "add link" */
	char object[56];
	size_t at; /* offset of the request in the batch */
};
struct nl_batch {
	struct buf b;
	struct nl_label *labels;
	size_t n;
};
void nl_batch_done(struct nl_batch *q);
#define _cleanup_batch_ _cleanup_(nl_batch_done)

/* Starts a request with its fixed header (ifinfomsg, nfgenmsg ...).  `op` and the
 * object are what an error will say. */
void nl_begin(struct nl_batch *q, uint16_t type, uint16_t flags, const void *head, size_t head_len,
	const char *op, const char *object);
void nl_put(struct nl_batch *q, uint16_t attr, const void *data, size_t len);
void nl_put_u8(struct nl_batch *q, uint16_t attr, uint8_t v);
void nl_put_u16(struct nl_batch *q, uint16_t attr, uint16_t v);
void nl_put_u32(struct nl_batch *q, uint16_t attr, uint32_t v);
void nl_put_be32(struct nl_batch *q, uint16_t attr, uint32_t v); /* nfnetlink's byte order */
void nl_put_str(struct nl_batch *q, uint16_t attr, const char *s);
void nl_raw(struct nl_batch *q, const void *data, size_t len); /* padded to 4 */
size_t nl_nest(struct nl_batch *q, uint16_t attr);             /* rtnetlink: without NLA_F_NESTED */
void nl_nest_end(struct nl_batch *q, size_t nest);

/* Reading, bounds-checked: a view never reaches beyond the bytes that were received. */
struct nl_view {
	const uint8_t *p;
	size_t len;
};
struct nl_reply {
	uint16_t type, flags;
	uint32_t seq;
	struct nl_view body;
};
bool nl_reply_next(struct nl_view *v, struct nl_reply *ret);
/* Takes a fixed header off the front; NULL when the view is shorter. */
const void *nl_take(struct nl_view *v, size_t len);
/* `type` without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
bool nl_attr_next(struct nl_view *v, uint16_t *type, struct nl_view *value);
/* The first attribute of that type; an empty view when there is none. */
struct nl_view nl_attr_find(struct nl_view v, uint16_t type);
uint32_t nl_u32(struct nl_view v);  /* 0 when too short */
uint32_t nl_be32(struct nl_view v); /* 0 when too short */
/* Copies a string, cut to size, always terminated. */
void nl_text(struct nl_view v, char *text, size_t size);
/* What an NLMSG_ERROR says: errno (0: an acknowledgement) and the kernel's text. */
int nl_error_read(const struct nl_reply *m, char *text, size_t size);

/* Each data message of the answer; called in order. */
typedef void nl_reply_fn(const struct nl_reply *m, void *arg);

/* Sends the batch and empties it.  The first request that failed is the error: its
 * errnum is the kernel's, its detail the kernel's text.
 * nl_run: commands.  nl_get: the last request is answered by one message.
 * nl_dump: the last request has NLM_F_DUMP. */
nd_must nd_err *nl_run(struct nl_sock *s, struct nl_batch *q);
nd_must nd_err *nl_get(struct nl_sock *s, struct nl_batch *q, nl_reply_fn *fn, void *arg);
nd_must nd_err *nl_dump(struct nl_sock *s, struct nl_batch *q, nl_reply_fn *fn, void *arg);
