/* The nftables table of a bridge: see nat.h.
 *
 *     chain early        prerouting, raw    from the bridge to 127.0.0.0/8: drop
 *     chain prerouting   dstnat             to this place: by map published_at, published
 *     chain output       dstnat             the same, for clients in this place
 *     chain postrouting  srcnat             out of the subnet, from loopback, hairpins: masquerade
 *     chain forward      filter             new, from elsewhere, not published: drop
 *
 * route_localnet on the bridge lets 127.0.0.1:PORT reach a container; it would also let
 * a container send to the place's loopback, which chain `early` forbids before NAT
 * (answers to loopback clients are still addressed to the bridge there).  An accept in
 * our table cannot overrule a drop in another one, so there is none. */
#include "net/nat.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <errno.h>
#include <string.h>

#include "kernel/nft.h"

enum { IP_SADDR = 12, IP_DADDR = 16, L4_DPORT = 2, ELEMS_MAX = 1000, SET_ANY = 1, SET_AT = 2 };
enum { PRIO_RAW = -300, PRIO_DSTNAT = -100, PRIO_FILTER = 0, PRIO_SRCNAT = 100 };
#define R(n) ((uint32_t)(NFT_REG32_00 + (n)))

static struct nft_set set_any(const char *table)
{
	return (struct nft_set){table, "published", NFPROTO_IPV4,
		NFT_TYPE_CONCAT(NFT_TYPE_INET_PROTO, NFT_TYPE_INET_SERVICE), 8,
		NFT_TYPE_CONCAT(NFT_TYPE_IPV4_ADDR, NFT_TYPE_INET_SERVICE), 8};
}

static struct nft_set set_at(const char *table)
{
	return (struct nft_set){table, "published_at", NFPROTO_IPV4,
		NFT_TYPE_CONCAT3(NFT_TYPE_IPV4_ADDR, NFT_TYPE_INET_PROTO, NFT_TYPE_INET_SERVICE),
		12, NFT_TYPE_CONCAT(NFT_TYPE_IPV4_ADDR, NFT_TYPE_INET_SERVICE), 8};
}

static void match_addr(struct nl_batch *q, uint32_t offset, struct subnet s)
{
	uint32_t mask = htonl(subnet_mask(s.prefix)), net = htonl(s.net);
	nft_payload(q, NFT_PAYLOAD_NETWORK_HEADER, offset, 4, NFT_REG_1);
	nft_and(q, NFT_REG_1, &mask, 4);
	nft_cmp(q, NFT_CMP_EQ, NFT_REG_1, &net, 4);
}

/* Where `ct KEY & bits` is zero (NFT_CMP_EQ) or not (NFT_CMP_NEQ). */
static void match_ct(struct nl_batch *q, uint32_t key, uint32_t bits, uint32_t op)
{
	static const uint32_t none = 0;
	nft_ct(q, key, NFT_REG_1);
	nft_and(q, NFT_REG_1, &bits, 4);
	nft_cmp(q, op, NFT_REG_1, &none, 4);
}

static const struct subnet loopback = {127u << 24, 8};

static void rules_dnat(struct nl_batch *q, const char *table, const char *chain)
{
	static const uint32_t local = RTN_LOCAL;
	for (int at = 1; at >= 0; at--) {
		struct nft_rule r = nft_rule_open(q, NFPROTO_IPV4, table, chain);
		nft_fib_addrtype(q, NFTA_FIB_F_DADDR, NFT_REG_1);
		nft_cmp(q, NFT_CMP_EQ, NFT_REG_1, &local, 4);
		if (at)
			nft_payload(q, NFT_PAYLOAD_NETWORK_HEADER, IP_DADDR, 4, R(0));
		nft_meta(q, NFT_META_L4PROTO, R(at));
		nft_payload(q, NFT_PAYLOAD_TRANSPORT_HEADER, L4_DPORT, 2, R(at + 1));
		if (at)
			nft_lookup(q, "published_at", SET_AT, R(0), R(0));
		else
			nft_lookup(q, "published", SET_ANY, R(0), R(0));
		nft_dnat4(q, R(0), R(1));
		nft_rule_close(q, r);
	}
}

static void rules_masq(struct nl_batch *q, const char *t, struct subnet s)
{
	struct nft_rule r = nft_rule_open(q, NFPROTO_IPV4, t, "postrouting");
	nft_ifname(q, NFT_META_OIFNAME, NFT_CMP_NEQ, t);
	match_addr(q, IP_SADDR, s);
	nft_masq(q);
	nft_rule_close(q, r);

	r = nft_rule_open(q, NFPROTO_IPV4, t, "postrouting");
	nft_ifname(q, NFT_META_OIFNAME, NFT_CMP_EQ, t);
	match_addr(q, IP_SADDR, loopback);
	nft_masq(q);
	nft_rule_close(q, r);

	/* A container that calls a published port of this place: without this the answer
	 * would go over the bridge straight to it, from an address it never called. */
	r = nft_rule_open(q, NFPROTO_IPV4, t, "postrouting");
	nft_ifname(q, NFT_META_OIFNAME, NFT_CMP_EQ, t);
	match_addr(q, IP_SADDR, s);
	match_ct(q, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_NEQ);
	nft_masq(q);
	nft_rule_close(q, r);
}

static void rules_filter(struct nl_batch *q, const char *t)
{
	struct nft_rule r = nft_rule_open(q, NFPROTO_IPV4, t, "early");
	nft_ifname(q, NFT_META_IIFNAME, NFT_CMP_EQ, t);
	match_addr(q, IP_DADDR, loopback);
	nft_verdict(q, NF_DROP);
	nft_rule_close(q, r);

	r = nft_rule_open(q, NFPROTO_IPV4, t, "forward");
	nft_ifname(q, NFT_META_OIFNAME, NFT_CMP_EQ, t);
	nft_ifname(q, NFT_META_IIFNAME, NFT_CMP_NEQ, t);
	match_ct(q, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW), NFT_CMP_NEQ);
	match_ct(q, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_EQ);
	nft_verdict(q, NF_DROP);
	nft_rule_close(q, r);
}

/* Asks first: a deletion that fails costs a grace period as one that succeeds does. */
nd_err *nat_remove(struct nl_sock *nf, const char *table)
{
	_cleanup_batch_ struct nl_batch q = {0};
	nd_err *e = nft_table_check(nf, NFPROTO_IPV4, table);
	if (e && e->errnum == ENOENT) {
		err_free(e);
		return NULL;
	}
	TRY(e);
	nft_batch_begin(&q);
	nft_table_del(&q, NFPROTO_IPV4, table);
	nft_batch_end(&q);
	return nl_run(nf, &q);
}

nd_err *nat_make(struct nl_sock *nf, const char *t, struct subnet s)
{
	_cleanup_batch_ struct nl_batch q = {0};
	const struct nft_set any = set_any(t), at = set_at(t);
	const struct nft_chain chains[] = {
		{t, "early", "filter", NFPROTO_IPV4, NF_INET_PRE_ROUTING, PRIO_RAW},
		{t, "prerouting", "nat", NFPROTO_IPV4, NF_INET_PRE_ROUTING, PRIO_DSTNAT},
		{t, "output", "nat", NFPROTO_IPV4, NF_INET_LOCAL_OUT, PRIO_DSTNAT},
		{t, "postrouting", "nat", NFPROTO_IPV4, NF_INET_POST_ROUTING, PRIO_SRCNAT},
		{t, "forward", "filter", NFPROTO_IPV4, NF_INET_FORWARD, PRIO_FILTER},
	};
	TRY(nat_remove(nf, t));
	nft_batch_begin(&q);
	nft_table_add(&q, NFPROTO_IPV4, t, true);
	nft_set_add(&q, &any, SET_ANY);
	nft_set_add(&q, &at, SET_AT);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		nft_chain_add(&q, &chains[i]);
	rules_dnat(&q, t, "prerouting");
	rules_dnat(&q, t, "output");
	rules_masq(&q, t, s);
	rules_filter(&q, t);
	nft_batch_end(&q);
	return nl_run(nf, &q);
}

/* Published ports. */

struct key_any {
	uint8_t proto, pad[3];
	uint16_t port, pad2;
};
struct key_at {
	struct in_addr ip;
	struct key_any rest;
};
struct target {
	struct in_addr ip;
	uint16_t port, pad;
};

static size_t count_ports(const struct port_list *l, bool at)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++)
		n += (l->v[i].ip.s_addr != 0) == at ? l->v[i].count : 0;
	return n;
}

static void put_ports(
	struct nl_batch *q, const struct nft_set *s, const struct port_list *l, struct in_addr to)
{
	bool at = s->key_len == sizeof(struct key_at);
	if (!count_ports(l, at))
		return;
	struct nft_elems list = nft_elems_open(q, s, true);
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		const struct port_map *m = &l->v[i];
		for (unsigned k = 0; (m->ip.s_addr != 0) == at && k < m->count; k++) {
			struct key_at key = {
				m->ip, {.proto = m->udp ? IPPROTO_UDP : IPPROTO_TCP,
					       .port = htons((uint16_t)(m->host + k))}};
			struct target t = {to, .port = htons((uint16_t)(m->container + k))};
			if (n++ == ELEMS_MAX) { /* a nest counts in 16 bits */
				nft_elems_close(q, list);
				list = nft_elems_open(q, s, true);
				n = 1;
			}
			nft_elem(q, s, at ? (void *)&key : (void *)&key.rest, &t);
		}
	}
	nft_elems_close(q, list);
}

/* Reading and taking back. */

struct entry {
	struct key_at key; /* ip 0.0.0.0 in the map without addresses */
	struct in_addr to;
};

static bool entry_read(struct nl_view key, struct nl_view data, struct entry *ret)
{
	struct target t;
	struct entry e = {0};
	if (data.len < sizeof t || (key.len != sizeof e.key && key.len != sizeof e.key.rest))
		return false;
	memcpy(&t, data.p, sizeof t);
	memcpy(key.len == sizeof e.key ? (void *)&e.key : (void *)&e.key.rest, key.p, key.len);
	e.to = t.ip;
	*ret = e;
	return true;
}

static bool overlaps(const struct port_list *l, const struct entry *e)
{
	unsigned port = ntohs(e->key.rest.port);
	for (size_t i = 0; i < l->n; i++) {
		const struct port_map *m = &l->v[i];
		if (m->udp == (e->key.rest.proto == IPPROTO_UDP) && m->host && port >= m->host &&
			port < (unsigned)m->host + m->count &&
			(!m->ip.s_addr || !e->key.ip.s_addr || m->ip.s_addr == e->key.ip.s_addr))
			return true;
	}
	return false;
}

struct collision {
	const struct port_list *ports;
	struct in_addr to;
};

static void collide(struct nl_view key, struct nl_view data, void *arg)
{
	struct collision *c = arg;
	struct entry e;
	if (entry_read(key, data, &e) && overlaps(c->ports, &e))
		c->to = e.to;
}

nd_err *nat_holder(struct nl_sock *nf, const char *table, const struct port_list *ports,
	struct in_addr *ret_to)
{
	struct collision c = {.ports = ports};
	const struct nft_set any = set_any(table), at = set_at(table);
	TRY(nft_elem_each(nf, &any, collide, &c));
	TRY(nft_elem_each(nf, &at, collide, &c));
	*ret_to = c.to;
	return NULL;
}

struct victims {
	const struct port_list *overlap; /* what overlaps these; NULL: ask `gone` */
	bool (*gone)(struct in_addr to, void *arg);
	void *arg;
	struct buf keys;  /* of one set, one after the other */
	struct buf ips;   /* where they led to */
	struct buf flows; /* CTA_TUPLE_ORIG attributes' values, each behind its length */
};

static void collect_elem(struct nl_view key, struct nl_view data, void *arg)
{
	struct victims *v = arg;
	struct entry e;
	if (!entry_read(key, data, &e) ||
		!(v->overlap ? overlaps(v->overlap, &e) : v->gone(e.to, v->arg)))
		return;
	buf_add(&v->keys, key.p, key.len);
	buf_add(&v->ips, &e.to, sizeof e.to);
}

static bool is_victim(const struct victims *v, struct in_addr ip)
{
	for (size_t at = 0; at < v->ips.len; at += sizeof ip)
		if (memcmp(v->ips.data + at, &ip, sizeof ip) == 0)
			return true;
	return false;
}

static nd_err *forget_set(
	struct nl_sock *nf, const struct nft_set *s, struct victims *v, size_t *ret_count)
{
	_cleanup_batch_ struct nl_batch q = {0};
	v->keys.len = 0;
	TRY(nft_elem_each(nf, s, collect_elem, v));
	size_t n = v->keys.len / s->key_len;
	if (!n)
		return NULL;
	nft_batch_begin(&q);
	for (size_t i = 0; i < n;) {
		struct nft_elems list = nft_elems_open(&q, s, false);
		for (size_t k = 0; i < n && k < ELEMS_MAX; i++, k++)
			nft_elem(&q, s, v->keys.data + i * s->key_len, NULL);
		nft_elems_close(&q, list);
	}
	nft_batch_end(&q);
	TRY(nl_run(nf, &q));
	*ret_count += n;
	return NULL;
}

/* A UDP client that goes on sending keeps its flow alive, so that it would reach the old
 * address for ever although the port leads elsewhere by now. */
static void collect_flow(const struct nl_reply *m, void *arg)
{
	struct victims *v = arg;
	struct nl_view body = m->body;
	if (!nl_take(&body, sizeof(struct nfgenmsg)))
		return;
	struct nl_view orig = nl_attr_find(body, CTA_TUPLE_ORIG);
	struct nl_view reply = nl_attr_find(body, CTA_TUPLE_REPLY);
	struct nl_view proto = nl_attr_find(nl_attr_find(reply, CTA_TUPLE_PROTO), CTA_PROTO_NUM);
	struct in_addr from = {
		nl_u32(nl_attr_find(nl_attr_find(reply, CTA_TUPLE_IP), CTA_IP_V4_SRC))};
	if (proto.len < 1 || *proto.p != IPPROTO_UDP || !is_victim(v, from))
		return;
	uint32_t len = (uint32_t)orig.len;
	buf_add(&v->flows, &len, sizeof len);
	buf_add(&v->flows, orig.p, orig.len);
}

#define CT_MSG(m) ((uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | (m)))

/* Best effort: a flow that ended meanwhile is no error, and conntrack's netlink may not
 * be there at all. */
static void forget_flows(struct nl_sock *nf, struct victims *v)
{
	struct nfgenmsg h = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};
	_cleanup_batch_ struct nl_batch q = {0};
	nl_begin(&q, CT_MSG(IPCTNL_MSG_CT_GET), NLM_F_DUMP, &h, sizeof h, "list", "flows");
	err_free(nl_dump(nf, &q, collect_flow, v));
	for (size_t at = 0; at < v->flows.len;) {
		uint32_t len;
		memcpy(&len, v->flows.data + at, sizeof len);
		nl_begin(&q, CT_MSG(IPCTNL_MSG_CT_DELETE), 0, &h, sizeof h, "delete", "flow");
		nl_put(&q, NLA_F_NESTED | CTA_TUPLE_ORIG, v->flows.data + at + sizeof len, len);
		at += sizeof len + len;
		err_free(nl_run(nf, &q));
	}
}

static nd_err *forget(struct nl_sock *nf, const char *table, struct victims *v, size_t *ret_count)
{
	const struct nft_set any = set_any(table), at = set_at(table);
	nd_err *e = forget_set(nf, &any, v, ret_count);
	if (!e)
		e = forget_set(nf, &at, v, ret_count);
	if (!e && v->ips.len)
		forget_flows(nf, v);
	buf_done(&v->keys);
	buf_done(&v->ips);
	buf_done(&v->flows);
	return e;
}

nd_err *nat_forget(struct nl_sock *nf, const char *table,
	bool (*gone)(struct in_addr to, void *arg), void *arg, size_t *ret_count)
{
	return forget(nf, table, &(struct victims){.gone = gone, .arg = arg}, ret_count);
}

static nd_err *publish(
	struct nl_sock *nf, const char *table, const struct port_list *ports, struct in_addr to)
{
	const struct nft_set any = set_any(table), at = set_at(table);
	_cleanup_batch_ struct nl_batch q = {0};
	size_t n = 0;
	/* Who publishes holds the sockets: what is in the way is a killed run's. */
	TRY(forget(nf, table, &(struct victims){.overlap = ports}, &n));
	nft_batch_begin(&q);
	put_ports(&q, &any, ports, to);
	put_ports(&q, &at, ports, to);
	nft_batch_end(&q);
	return nl_run(nf, &q);
}

nd_err *nat_publish(
	struct nl_sock *nf, const char *table, const struct port_list *ports, struct in_addr to)
{
	nd_err *e =
		ports->n ? publish(nf, table, ports, to) : nft_table_check(nf, NFPROTO_IPV4, table);
	if (e && e->errnum == ENOENT)
		err_code(e, "nat-absent");
	return e;
}
