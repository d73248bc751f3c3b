/* The bridge and the containers' links: see bridge.h.  Taking links away costs grace
 * periods (10 ms each and more), so the pair is left to the end of the container's
 * network namespace, which takes it along, and what must go at once goes by its group,
 * all links in one. */
#include "net/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/forward.h"
#include "net/lease.h"
#include "net/nat.h"
#include "net/used.h"

#define RECORD "bridge" /* "NAME TOKEN" */
#define MARK   "nidus"
enum { GROUP_BASE = 0x6e000000, NAMES_MAX = 64, TOKEN_LEN = 16 };

struct record {
	char name[IFNAMSIZ], token[TOKEN_LEN + 1];
};

static nd_err *record_read(int state_fd, struct record *ret)
{
	_cleanup_free_ char *text = NULL;
	TRY(record_get(state_fd, RECORD, &text));
	*ret = (struct record){0};
	if (text && sscanf(text, "%15s %16s", ret->name, ret->token) != 2)
		*ret = (struct record){0};
	return NULL;
}

/* Of all links that the bridge has or is. */
static unsigned group_of(const char *token)
{
	unsigned v = 0;
	(void)sscanf(token, "%6x", &v);
	return GROUP_BASE | v;
}

static nd_err *drop_group(struct nl_sock *rt, unsigned group)
{
	_cleanup_batch_ struct nl_batch q = {0};
	rtnl_group_del(&q, group);
	nd_err *e = nl_run(rt, &q);
	if (!e || e->errnum != ENODEV)
		return e;
	err_free(e);
	return NULL;
}

/* "nidus TOKEN 10.88.0.1/16"; while it is being made, without an address. */
static bool alias_read(const struct link_info *l, const char *token, struct bridge *ret)
{
	char t[TOKEN_LEN + 1], ip[INET_ADDRSTRLEN];
	unsigned prefix;
	if (sscanf(l->alias, MARK " %16s %15[0-9.]/%u", t, ip, &prefix) != 3 ||
		strcmp(t, token) != 0 || prefix < 8 || prefix > 30)
		return false;
	struct bridge b = {.index = l->index, .mtu = l->mtu, .group = group_of(token)};
	memcpy(b.name, l->name, sizeof b.name);
	if (inet_pton(AF_INET, ip, &b.gateway) != 1)
		return false;
	b.subnet = (struct subnet){ntohl(b.gateway.s_addr) & subnet_mask(prefix), prefix};
	*ret = b;
	return true;
}

nd_err *bridge_find(int state_fd, struct nl_sock *rt, struct bridge *ret)
{
	struct record r;
	struct link_info l;
	struct bridge b = {0};
	TRY(record_read(state_fd, &r));
	if (*r.token) {
		nd_err *e = rtnl_link_get(rt, r.name, &l);
		if (e && e->errnum != ENODEV)
			return e;
		if (!e)
			alias_read(&l, r.token, &b);
		err_free(e);
	}
	*ret = b;
	return NULL;
}

/* Making. */

static nd_err *token_make(char token[TOKEN_LEN + 1])
{
	uint64_t v;
	if (getrandom(&v, sizeof v, 0) != (ssize_t)sizeof v)
		return err_sys(errno, "getrandom", "for the bridge");
	snprintf(token, TOKEN_LEN + 1, "%016llx", (unsigned long long)v);
	return NULL;
}

/* Under a name of our own first, because a batch goes on behind a request that failed:
 * what comes next must not hit a bridge that has the wanted name already. */
static nd_err *add_bridge(struct nl_sock *rt, struct bridge *b, const char *token)
{
	_cleanup_batch_ struct nl_batch q = {0};
	char first[IFNAMSIZ], alias[64];
	uint8_t mac[6];
	bridge_mac(b->gateway, mac);
	snprintf(first, sizeof first, "nd%.12s", token);
	snprintf(alias, sizeof alias, MARK " %s", token);
	rtnl_link_add(&q, &(struct link_spec){.name = first,
				  .kind = "bridge",
				  .mac = mac,
				  .mtu = b->mtu,
				  .group = b->group});
	rtnl_link_set(&q, &(struct link_spec){.name = first, .alias = alias});
	TRY(nl_run(rt, &q));
	struct link_info l;
	TRY(rtnl_link_get(rt, first, &l));
	b->index = l.index;
	b->mtu = l.mtu;
	for (unsigned n = 0; n < NAMES_MAX; n++) {
		char name[IFNAMSIZ];
		snprintf(name, sizeof name, MARK "%u", n);
		rtnl_link_set(
			&q, &(struct link_spec){.name = first, .index = b->index, .rename = name});
		nd_err *e = nl_run(rt, &q);
		if (!e) /* not before: bridge_remove() goes by the name */
			memcpy(b->name, name, sizeof name);
		if (!e || e->errnum != EEXIST)
			return e;
		err_free(e);
	}
	return err_new(ND_LIMIT, "bridges-exhausted",
		"the names " MARK "0 to " MARK "%d are all taken", NAMES_MAX - 1);
}

/* From here the alias has an address: bridge_find() takes it for whole. */
static nd_err *finish_bridge(struct nl_sock *rt, struct bridge *b, const char *token)
{
	_cleanup_batch_ struct nl_batch q = {0};
	char alias[64], ip[INET_ADDRSTRLEN];
	snprintf(alias, sizeof alias, MARK " %s %s/%u", token,
		inet_ntop(AF_INET, &b->gateway, ip, sizeof ip), b->subnet.prefix);
	rtnl_addr_add(&q, b->index, b->gateway, b->subnet.prefix);
	rtnl_link_set(&q, &(struct link_spec){.name = b->name,
				  .index = b->index,
				  .up = true,
				  .route_localnet = true,
				  .forward = 1,
				  .alias = alias});
	return nl_run(rt, &q);
}

static nd_err *make_nat(const struct bridge *b)
{
	_cleanup_nl_ struct nl_sock nf = NL_SOCK_NONE;
	TRY(nl_open(NETLINK_NETFILTER, &nf));
	return nat_make(&nf, b->name, b->subnet);
}

struct search {
	const char *token;
	struct bridge found;
};

static void search_link(const struct link_info *l, void *arg)
{
	struct search *s = arg;
	struct bridge b;
	if (alias_read(l, s->token, &b))
		s->found = b;
}

static nd_err *no_subnet(void)
{
	return err_remedy(err_new(ND_BUSY, "no-subnet",
				  "every private subnet overlaps a route of this place"),
		"Remove a route, or use '--network user'.");
}

static nd_err *make_in(int state_fd, struct nl_sock *rt, struct bridge *b, const char *token,
	const struct used *used)
{
	nd_err *e = add_bridge(rt, b, token);
	if (!e)
		e = make_nat(b);
	if (!e)
		e = forward_enable(state_fd, rt, used->links, used->n_links);
	if (!e)
		e = finish_bridge(rt, b, token);
	if (e)
		err_free(bridge_remove(state_fd, rt, b));
	return e;
}

static nd_err *make(int state_fd, struct nl_sock *rt, const char *token, struct bridge *ret)
{
	struct used used = {0};
	struct bridge b = {.group = group_of(token)};
	err_free(drop_group(rt, b.group)); /* half-made by one who was killed */
	TRY(used_read(rt, &used));
	b.mtu = used.mtu;
	bool found = subnet_choose(used.v, used.n, &b.subnet);
	b.gateway.s_addr = htonl(b.subnet.net + 1);
	nd_err *e = found ? make_in(state_fd, rt, &b, token, &used) : no_subnet();
	used_done(&used);
	if (!e)
		*ret = b;
	return e;
}

/* The token is on record before any link bears it. */
static nd_err *record_write(int state_fd, const char *name, const char *token)
{
	char text[64];
	snprintf(text, sizeof text, "%s %s", name, token);
	return record_put(state_fd, RECORD, text);
}

nd_err *bridge_make(int state_fd, struct nl_sock *rt, struct bridge *ret)
{
	struct record r;
	struct search s = {0};
	TRY(record_read(state_fd, &r));
	if (*r.token) { /* the record may name another namespace's */
		s.token = r.token;
		TRY(rtnl_link_each(rt, search_link, &s));
	} else {
		TRY(token_make(r.token));
		TRY(record_write(state_fd, "none", r.token));
	}
	if (!s.found.index)
		TRY(make(state_fd, rt, r.token, &s.found));
	TRY(record_write(state_fd, s.found.name, r.token));
	*ret = s.found;
	return NULL;
}

nd_err *bridge_remove(int state_fd, struct nl_sock *rt, const struct bridge *b)
{
	/* The table first: the kernel frees it while it waits for the links' end, and
	 * closing the socket waits for that. */
	_cleanup_nl_ struct nl_sock nf = NL_SOCK_NONE;
	nd_err *e2 = nl_open(NETLINK_NETFILTER, &nf);
	if (!e2)
		e2 = *b->name ? nat_remove(&nf, b->name) : NULL;
	nd_err *e = drop_group(rt, b->group);
	forward_restore(state_fd, rt);
	if (e) {
		err_free(e2);
		return e;
	}
	return e2;
}

/* Links. */

void bridge_link_name(struct in_addr ip, char name[IFNAMSIZ])
{
	snprintf(name, IFNAMSIZ, "nv%08x", ntohl(ip.s_addr));
}

bool bridge_link_ip(const char *name, struct in_addr *ret)
{
	unsigned v;
	int end = 0;
	if (sscanf(name, "nv%8x%n", &v, &end) != 1 || end != 10 || name[end])
		return false;
	ret->s_addr = htonl(v);
	return true;
}

void bridge_mac(struct in_addr ip, uint8_t mac[6])
{
	mac[0] = 0x02; /* locally administered */
	mac[1] = 0x6e;
	memcpy(mac + 2, &ip, sizeof ip);
}

/* Where bridged frames pass the IP hooks (bridge-nf-call-iptables, the default with
 * br_netfilter), DNAT of a container's call to its own published port happens in the
 * bridge, which then has to send the frame back where it came from. */
static void put_pair(struct nl_batch *q, const struct link_spec *s, bool hairpin)
{
	rtnl_link_add(q, s);
	if (hairpin)
		rtnl_link_set(q, &(struct link_spec){.name = s->name, .hairpin = true});
}

static nd_err *add_pair(struct nl_sock *rt, const struct bridge *b, const struct attach *a)
{
	_cleanup_batch_ struct nl_batch q = {0};
	char name[IFNAMSIZ];
	bridge_link_name(a->ip, name);
	struct link_spec s = {.name = name,
		.kind = "veth",
		.up = true,
		.mtu = b->mtu,
		.master = b->index,
		.group = b->group,
		.peer = {.name = a->ifname, .netns_fd = -1, .netns_pid = a->pid, .mac = a->mac}};
	put_pair(&q, &s, a->published);
	nd_err *e = nl_run(rt, &q);
	if (!e || e->errnum != EEXIST)
		return e;
	/* The address was ours by its lease, so the link is what a dead namespace left. */
	err_free(e);
	rtnl_link_del(&q, name);
	err_free(nl_run(rt, &q));
	put_pair(&q, &s, a->published);
	return nl_run(rt, &q);
}

static nd_err *open_inside(const struct attach *a, struct nl_sock *ret)
{
	_cleanup_fd_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return err_sys(errno, "open", "/proc/self/ns/net");
	if (a->pid_fd >= 0) { /* setns(2) takes a pidfd since Linux 5.8 */
		nd_err *e = nl_open_at(NETLINK_ROUTE, a->pid_fd, home, ret);
		if (!e || e->errnum != EINVAL)
			return e;
		err_free(e);
	}
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)a->pid);
	_cleanup_fd_ int there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0)
		return err_sys(errno, "open", "%s", path);
	return nl_open_at(NETLINK_ROUTE, there, home, ret);
}

nd_err *bridge_attach(struct nl_sock *rt, const struct bridge *b, const struct attach *a)
{
	_cleanup_nl_ struct nl_sock in = NL_SOCK_NONE;
	_cleanup_batch_ struct nl_batch q = {0};
	TRY(add_pair(rt, b, a));
	TRY(open_inside(a, &in));
	unsigned index = rtnl_index(&in, a->ifname);
	if (!index)
		return err_sys(errno, "get link", "%s of the container", a->ifname);
	rtnl_link_set(&q, &(struct link_spec){.name = "lo", .index = 1, .up = true});
	rtnl_link_set(&q, &(struct link_spec){.name = a->ifname, .index = index, .up = true});
	rtnl_addr_add(&q, index, a->ip, b->subnet.prefix);
	rtnl_route_add(&q, (struct in_addr){0}, 0, b->gateway, index);
	return nl_run(&in, &q);
}
