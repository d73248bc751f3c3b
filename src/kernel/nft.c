/* nftables requests: see nft.h.  Numbers are big-endian on this wire; the layout is
 * that of net/netfilter/nf_tables_api.c (Linux 4.10: concatenated map data of this form;
 * fib: 4.10). */
#include "kernel/nft.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>

#define NFT_MSG(m) ((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | (m)))

static void begin(struct nl_batch *q, uint16_t type, uint16_t flags, uint8_t family, const char *op,
	const char *object)
{
	struct nfgenmsg h = {.nfgen_family = family, .version = NFNETLINK_V0};
	nl_begin(q, type, flags, &h, sizeof h, op, object);
}

/* nfnetlink wants nests marked. */
static size_t nest(struct nl_batch *q, uint16_t attr)
{
	return nl_nest(q, NLA_F_NESTED | attr);
}

static void marker(struct nl_batch *q, uint16_t type)
{
	struct nfgenmsg h = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
	nl_begin(q, type, 0, &h, sizeof h, "change", "nftables");
}

void nft_batch_begin(struct nl_batch *q)
{
	marker(q, NFNL_MSG_BATCH_BEGIN);
}

void nft_batch_end(struct nl_batch *q)
{
	marker(q, NFNL_MSG_BATCH_END);
}

void nft_table_add(struct nl_batch *q, uint8_t family, const char *table, bool excl)
{
	begin(q, NFT_MSG(NFT_MSG_NEWTABLE), (uint16_t)(NLM_F_CREATE | (excl ? NLM_F_EXCL : 0)),
		family, "add table", table);
	nl_put_str(q, NFTA_TABLE_NAME, table);
}

void nft_table_del(struct nl_batch *q, uint8_t family, const char *table)
{
	begin(q, NFT_MSG(NFT_MSG_DELTABLE), 0, family, "delete table", table);
	nl_put_str(q, NFTA_TABLE_NAME, table);
}

nd_err *nft_table_check(struct nl_sock *s, uint8_t family, const char *table)
{
	_cleanup_batch_ struct nl_batch q = {0};
	begin(&q, NFT_MSG(NFT_MSG_GETTABLE), 0, family, "get table", table);
	nl_put_str(&q, NFTA_TABLE_NAME, table);
	return nl_get(s, &q, NULL, NULL);
}

void nft_chain_add(struct nl_batch *q, const struct nft_chain *c)
{
	begin(q, NFT_MSG(NFT_MSG_NEWCHAIN), NLM_F_CREATE, c->family, "add chain", c->name);
	nl_put_str(q, NFTA_CHAIN_TABLE, c->table);
	nl_put_str(q, NFTA_CHAIN_NAME, c->name);
	nl_put_str(q, NFTA_CHAIN_TYPE, c->type);
	size_t hook = nest(q, NFTA_CHAIN_HOOK);
	nl_put_be32(q, NFTA_HOOK_HOOKNUM, c->hook);
	nl_put_be32(q, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	nl_nest_end(q, hook);
}

void nft_set_add(struct nl_batch *q, const struct nft_set *s, uint32_t id)
{
	begin(q, NFT_MSG(NFT_MSG_NEWSET), NLM_F_CREATE, s->family, "add set", s->name);
	nl_put_str(q, NFTA_SET_TABLE, s->table);
	nl_put_str(q, NFTA_SET_NAME, s->name);
	nl_put_be32(q, NFTA_SET_FLAGS, s->data_len ? NFT_SET_MAP : 0);
	nl_put_be32(q, NFTA_SET_KEY_TYPE, s->key_type);
	nl_put_be32(q, NFTA_SET_KEY_LEN, s->key_len);
	if (s->data_len) {
		nl_put_be32(q, NFTA_SET_DATA_TYPE, s->data_type);
		nl_put_be32(q, NFTA_SET_DATA_LEN, s->data_len);
	}
	nl_put_be32(q, NFTA_SET_ID, id);
}

/* Elements. */

struct nft_elems nft_elems_open(struct nl_batch *q, const struct nft_set *s, bool add)
{
	begin(q, NFT_MSG(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM),
		add ? NLM_F_CREATE | NLM_F_EXCL : 0, s->family,
		add ? "add elements to" : "delete elements of", s->name);
	nl_put_str(q, NFTA_SET_ELEM_LIST_TABLE, s->table);
	nl_put_str(q, NFTA_SET_ELEM_LIST_SET, s->name);
	return (struct nft_elems){nest(q, NFTA_SET_ELEM_LIST_ELEMENTS)};
}

static void put_value(struct nl_batch *q, uint16_t attr, const void *data, size_t len)
{
	size_t n = nest(q, attr);
	nl_put(q, NFTA_DATA_VALUE, data, len);
	nl_nest_end(q, n);
}

void nft_elem(struct nl_batch *q, const struct nft_set *s, const void *key, const void *data)
{
	size_t elem = nest(q, NFTA_LIST_ELEM);
	put_value(q, NFTA_SET_ELEM_KEY, key, s->key_len);
	if (data)
		put_value(q, NFTA_SET_ELEM_DATA, data, s->data_len);
	nl_nest_end(q, elem);
}

void nft_elems_close(struct nl_batch *q, struct nft_elems e)
{
	nl_nest_end(q, e.list);
}

void nft_elems_read(const struct nl_reply *m, nft_elem_fn *fn, void *arg)
{
	struct nl_view v = m->body, elem;
	uint16_t type;
	if (m->type != NFT_MSG(NFT_MSG_NEWSETELEM) || !nl_take(&v, sizeof(struct nfgenmsg)))
		return;
	struct nl_view list = nl_attr_find(v, NFTA_SET_ELEM_LIST_ELEMENTS);
	while (nl_attr_next(&list, &type, &elem)) {
		if (type != NFTA_LIST_ELEM)
			continue;
		struct nl_view key = nl_attr_find(elem, NFTA_SET_ELEM_KEY);
		struct nl_view data = nl_attr_find(elem, NFTA_SET_ELEM_DATA);
		fn(nl_attr_find(key, NFTA_DATA_VALUE), nl_attr_find(data, NFTA_DATA_VALUE), arg);
	}
}

struct each_elem {
	nft_elem_fn *fn;
	void *arg;
};

static void elems_reply(const struct nl_reply *m, void *arg)
{
	struct each_elem *e = arg;
	nft_elems_read(m, e->fn, e->arg);
}

nd_err *nft_elem_each(struct nl_sock *sock, const struct nft_set *s, nft_elem_fn *fn, void *arg)
{
	_cleanup_batch_ struct nl_batch q = {0};
	begin(&q, NFT_MSG(NFT_MSG_GETSETELEM), NLM_F_DUMP, s->family, "list elements of", s->name);
	nl_put_str(&q, NFTA_SET_ELEM_LIST_TABLE, s->table);
	nl_put_str(&q, NFTA_SET_ELEM_LIST_SET, s->name);
	return nl_dump(sock, &q, elems_reply, &(struct each_elem){fn, arg});
}

/* Rules and their expressions. */

struct nft_rule nft_rule_open(
	struct nl_batch *q, uint8_t family, const char *table, const char *chain)
{
	begin(q, NFT_MSG(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND, family, "add rule to",
		chain);
	nl_put_str(q, NFTA_RULE_TABLE, table);
	nl_put_str(q, NFTA_RULE_CHAIN, chain);
	return (struct nft_rule){nest(q, NFTA_RULE_EXPRESSIONS)};
}

void nft_rule_close(struct nl_batch *q, struct nft_rule r)
{
	nl_nest_end(q, r.exprs);
}

struct expr {
	size_t elem, data;
};

static struct expr expr_open(struct nl_batch *q, const char *name)
{
	struct expr e;
	e.elem = nest(q, NFTA_LIST_ELEM);
	nl_put_str(q, NFTA_EXPR_NAME, name);
	e.data = nest(q, NFTA_EXPR_DATA);
	return e;
}

static void expr_close(struct nl_batch *q, struct expr e)
{
	nl_nest_end(q, e.data);
	nl_nest_end(q, e.elem);
}

void nft_meta(struct nl_batch *q, uint32_t key, uint32_t reg)
{
	struct expr e = expr_open(q, "meta");
	nl_put_be32(q, NFTA_META_KEY, key);
	nl_put_be32(q, NFTA_META_DREG, reg);
	expr_close(q, e);
}

void nft_ct(struct nl_batch *q, uint32_t key, uint32_t reg)
{
	struct expr e = expr_open(q, "ct");
	nl_put_be32(q, NFTA_CT_KEY, key);
	nl_put_be32(q, NFTA_CT_DREG, reg);
	expr_close(q, e);
}

void nft_payload(struct nl_batch *q, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct expr e = expr_open(q, "payload");
	nl_put_be32(q, NFTA_PAYLOAD_DREG, reg);
	nl_put_be32(q, NFTA_PAYLOAD_BASE, base);
	nl_put_be32(q, NFTA_PAYLOAD_OFFSET, offset);
	nl_put_be32(q, NFTA_PAYLOAD_LEN, len);
	expr_close(q, e);
}

void nft_fib_addrtype(struct nl_batch *q, uint32_t flags, uint32_t reg)
{
	struct expr e = expr_open(q, "fib");
	nl_put_be32(q, NFTA_FIB_FLAGS, flags);
	nl_put_be32(q, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nl_put_be32(q, NFTA_FIB_DREG, reg);
	expr_close(q, e);
}

void nft_and(struct nl_batch *q, uint32_t reg, const void *mask, uint32_t len)
{
	static const uint8_t zero[16];
	struct expr e = expr_open(q, "bitwise");
	nl_put_be32(q, NFTA_BITWISE_SREG, reg);
	nl_put_be32(q, NFTA_BITWISE_DREG, reg);
	nl_put_be32(q, NFTA_BITWISE_LEN, len);
	put_value(q, NFTA_BITWISE_MASK, mask, len);
	put_value(q, NFTA_BITWISE_XOR, zero, len);
	expr_close(q, e);
}

void nft_cmp(struct nl_batch *q, uint32_t op, uint32_t reg, const void *data, size_t len)
{
	struct expr e = expr_open(q, "cmp");
	nl_put_be32(q, NFTA_CMP_SREG, reg);
	nl_put_be32(q, NFTA_CMP_OP, op);
	put_value(q, NFTA_CMP_DATA, data, len);
	expr_close(q, e);
}

void nft_ifname(struct nl_batch *q, uint32_t key, uint32_t op, const char *name)
{
	char padded[IFNAMSIZ] = {0};
	memcpy(padded, name, strnlen(name, IFNAMSIZ - 1));
	nft_meta(q, key, NFT_REG_1);
	nft_cmp(q, op, NFT_REG_1, padded, sizeof padded);
}

void nft_lookup(struct nl_batch *q, const char *set, uint32_t id, uint32_t sreg, uint32_t dreg)
{
	struct expr e = expr_open(q, "lookup");
	nl_put_be32(q, NFTA_LOOKUP_SREG, sreg);
	if (dreg)
		nl_put_be32(q, NFTA_LOOKUP_DREG, dreg);
	nl_put_str(q, NFTA_LOOKUP_SET, set);
	nl_put_be32(q, NFTA_LOOKUP_SET_ID, id);
	expr_close(q, e);
}

void nft_dnat4(struct nl_batch *q, uint32_t addr_reg, uint32_t port_reg)
{
	struct expr e = expr_open(q, "nat");
	nl_put_be32(q, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nl_put_be32(q, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	nl_put_be32(q, NFTA_NAT_REG_ADDR_MIN, addr_reg);
	nl_put_be32(q, NFTA_NAT_REG_PROTO_MIN, port_reg);
	expr_close(q, e);
}

void nft_masq(struct nl_batch *q)
{
	expr_close(q, expr_open(q, "masq"));
}

void nft_verdict(struct nl_batch *q, int verdict)
{
	struct expr e = expr_open(q, "immediate");
	nl_put_be32(q, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = nest(q, NFTA_IMMEDIATE_DATA), v = nest(q, NFTA_DATA_VERDICT);
	nl_put_be32(q, NFTA_VERDICT_CODE, (uint32_t)verdict);
	nl_nest_end(q, v);
	nl_nest_end(q, data);
	expr_close(q, e);
}
