/* nftables by nfnetlink: tables, chains, sets, elements and rules, whose expressions
 * are written one by one as `nft --debug=netlink` shows them.  Everything between
 * nft_batch_begin and nft_batch_end happens or nothing does (nfnetlink.c).  Registers:
 * NFT_REG_1 holds 16 bytes, NFT_REG32_00 + n the n-th four bytes of the same.
 */
#pragma once

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/netlink.h"

void nft_batch_begin(struct nl_batch *q);
void nft_batch_end(struct nl_batch *q);

/* `family` is NFPROTO_IPV4, NFPROTO_INET ...  excl: EEXIST when it is there already. */
void nft_table_add(struct nl_batch *q, uint8_t family, const char *table, bool excl);
void nft_table_del(struct nl_batch *q, uint8_t family, const char *table);
/* errnum ENOENT when there is no such table. */
nd_must nd_err *nft_table_check(struct nl_sock *s, uint8_t family, const char *table);

struct nft_chain {
	const char *table, *name, *type; /* "filter", "nat" */
	uint8_t family;
	uint32_t hook; /* NF_INET_PRE_ROUTING ... */
	int32_t priority;
};
void nft_chain_add(struct nl_batch *q, const struct nft_chain *c);

/* A map when data_len is not 0.  Types are nft's own numbers, for `nft list` to print. */
struct nft_set {
	const char *table, *name;
	uint8_t family;
	uint32_t key_type, key_len, data_type, data_len;
};
enum { NFT_TYPE_IPV4_ADDR = 7, NFT_TYPE_INET_PROTO = 12, NFT_TYPE_INET_SERVICE = 13 };
#define NFT_TYPE_CONCAT(a, b)     ((uint32_t)(a) << 6 | (b))
#define NFT_TYPE_CONCAT3(a, b, c) (NFT_TYPE_CONCAT(a, b) << 6 | (c))
void nft_set_add(struct nl_batch *q, const struct nft_set *s, uint32_t id);

/* Elements of one set: open, any number of elements (at most 64 KiB), close. */
struct nft_elems {
	size_t list;
};
struct nft_elems nft_elems_open(struct nl_batch *q, const struct nft_set *s, bool add);
void nft_elem(struct nl_batch *q, const struct nft_set *s, const void *key, const void *data);
void nft_elems_close(struct nl_batch *q, struct nft_elems e);
/* Key and data of each element; data_len is 0 in a plain set. */
typedef void nft_elem_fn(struct nl_view key, struct nl_view data, void *arg);
nd_must nd_err *nft_elem_each(
	struct nl_sock *sock, const struct nft_set *s, nft_elem_fn *fn, void *arg);
/* What nft_elem_each does with one message; for the fuzzer, too. */
void nft_elems_read(const struct nl_reply *m, nft_elem_fn *fn, void *arg);

/* A rule: open, expressions, close. */
struct nft_rule {
	size_t exprs;
};
struct nft_rule nft_rule_open(
	struct nl_batch *q, uint8_t family, const char *table, const char *chain);
void nft_rule_close(struct nl_batch *q, struct nft_rule r);

void nft_meta(struct nl_batch *q, uint32_t key, uint32_t reg); /* NFT_META_* */
void nft_ct(struct nl_batch *q, uint32_t key, uint32_t reg);   /* NFT_CT_* */
void nft_payload(struct nl_batch *q, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg);
void nft_fib_addrtype(struct nl_batch *q, uint32_t flags, uint32_t reg);
void nft_and(struct nl_batch *q, uint32_t reg, const void *mask, uint32_t len);
void nft_cmp(struct nl_batch *q, uint32_t op, uint32_t reg, const void *data, size_t len);
void nft_ifname(struct nl_batch *q, uint32_t key, uint32_t op, const char *name); /* meta + cmp */
void nft_lookup(struct nl_batch *q, const char *set, uint32_t id, uint32_t sreg, uint32_t dreg);
void nft_dnat4(struct nl_batch *q, uint32_t addr_reg, uint32_t port_reg);
void nft_masq(struct nl_batch *q);
void nft_verdict(struct nl_batch *q, int verdict); /* NF_ACCEPT, NF_DROP */
