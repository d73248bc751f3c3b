/* The code half of the compiler: from leaves to classic BPF; see seccomp-compile.h and
 * seccomp(2).  Code is written from its end to its start, so that the target of every
 * jump is known when the jump is written; jumps of a comparison reach 255 instructions,
 * farther ones go over a copy of the return or an unconditional jump.  Only instructions
 * that the kernel's own table of always-allowed calls understands (Linux 5.11,
 * seccomp_is_const_allow) stand before a decision that needs no argument. */
#include "container/seccomp-compile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#include "base/str.h"

/* A position counted from the end of the program. */
typedef unsigned label;

struct code {
	struct sock_filter *v;
	unsigned n, cap;
	struct {
		uint32_t action;
		label at;
	} returns[16];
	unsigned n_returns;
	label *chains; /* where a leaf's rules begin, for the table at hand; NO_LABEL */
	bool wide;     /* the architecture at hand has 64-bit arguments */
	const struct sc_program *p;
};

#define NO_LABEL UINT32_MAX

static label put(struct code *c, uint16_t op, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 256;
		c->v = mem_grow(c->v, c->cap, sizeof *c->v);
	}
	c->v[c->n] = (struct sock_filter){op, jt, jf, k};
	return c->n++;
}

static label put_return(struct code *c, uint32_t action)
{
	for (unsigned i = 0; i < c->n_returns; i++)
		if (c->returns[i].action == action)
			return c->returns[i].at;
	label at = put(c, BPF_RET | BPF_K, 0, 0, action);
	if (c->n_returns < ARRAY_SIZE(c->returns)) {
		c->returns[c->n_returns].action = action;
		c->returns[c->n_returns++].at = at;
	}
	return at;
}

/* Has the next instruction written be followed by `at`. */
static label put_here(struct code *c, label at)
{
	if (at == c->n - 1)
		return at;
	if (BPF_CLASS(c->v[at].code) == BPF_RET) {
		label copy = put(c, BPF_RET | BPF_K, 0, 0, c->v[at].k);
		for (unsigned i = 0; i < c->n_returns; i++)
			if (c->returns[i].action == c->v[copy].k)
				c->returns[i].at = copy;
		return copy;
	}
	return put(c, BPF_JMP | BPF_JA, 0, 0, c->n - at - 1);
}

/* A target that a comparison can reach after `more` further instructions. */
static label reach(struct code *c, label at, unsigned more)
{
	return c->n + more - at - 1 <= UINT8_MAX ? at : put_here(c, at);
}

static label put_jump(struct code *c, uint16_t op, uint32_t k, label yes, label no)
{
	if (yes == no)
		return put_here(c, yes);
	yes = reach(c, yes, 1);
	no = reach(c, no, 0);
	return put(c, BPF_JMP | op | BPF_K, (uint8_t)(c->n - yes - 1), (uint8_t)(c->n - no - 1), k);
}

static label put_load(struct code *c, size_t offset)
{
	return put(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static size_t arg_offset(unsigned arg, bool high)
{
	/* Little-endian, as x86 and aarch64 are. */
	return offsetof(struct seccomp_data, args) + 8 * arg + (high ? 4 : 0);
}

static label put_equal(struct code *c, const struct sc_cond *d, label yes, label no)
{
	bool masked = d->op == SC_MASKED_EQ;
	uint64_t mask = masked ? d->value : UINT64_MAX;
	uint64_t want = masked ? d->value_two & mask : d->value;
	label at = yes;
	for (int high = 0; high <= (c->wide ? 1 : 0); high++) {
		uint32_t m = (uint32_t)(mask >> (32 * high)), w = (uint32_t)(want >> (32 * high));
		if (m == 0 && (high || (mask >> 32 && c->wide)))
			continue;
		at = put_jump(c, BPF_JEQ, w, at, no);
		if (m != UINT32_MAX)
			put(c, BPF_ALU | BPF_AND | BPF_K, 0, 0, m);
		at = put_load(c, arg_offset(d->arg, high));
	}
	return at;
}

/* argument >= value, or > for BPF_JGT. */
static label put_above(struct code *c, const struct sc_cond *d, uint16_t op, label yes, label no)
{
	put_jump(c, op, (uint32_t)d->value, yes, no);
	label at = put_load(c, arg_offset(d->arg, false));
	if (!c->wide)
		return at;
	uint32_t high = (uint32_t)(d->value >> 32);
	at = put_jump(c, BPF_JEQ, high, at, no);
	put_jump(c, BPF_JGT, high, yes, at);
	return put_load(c, arg_offset(d->arg, true));
}

static label put_cond(struct code *c, const struct sc_cond *d, label yes, label no)
{
	switch ((enum sc_op)d->op) {
	case SC_NE:
		return put_equal(c, d, no, yes);
	case SC_LT:
		return put_above(c, d, BPF_JGE, no, yes);
	case SC_LE:
		return put_above(c, d, BPF_JGT, no, yes);
	case SC_GE:
		return put_above(c, d, BPF_JGE, yes, no);
	case SC_GT:
		return put_above(c, d, BPF_JGT, yes, no);
	case SC_EQ:
	case SC_MASKED_EQ:
		break;
	}
	return put_equal(c, d, yes, no);
}

/* Rules are a list in order; code is written last rule first. */
static label put_rules(struct code *c, int rule, uint32_t otherwise)
{
	unsigned n = 0;
	for (int i = rule; i >= 0; i = c->p->rules[i].next)
		n++;
	label no = put_return(c, otherwise);
	while (n--) {
		int at = rule;
		for (unsigned i = 0; i < n; i++)
			at = c->p->rules[at].next;
		const struct sc_rule *r = &c->p->rules[at];
		label yes = put_return(c, r->action);
		for (unsigned i = r->n_conds; i-- > 0;)
			yes = put_cond(c, &r->conds[i], yes, no);
		no = yes;
	}
	return no;
}

static label put_leaf(struct code *c, uint16_t leaf)
{
	const struct sc_leaf *l = &c->p->leaves[leaf];
	if (l->first < 0)
		return put_return(c, l->action);
	if (c->chains[leaf] == NO_LABEL)
		c->chains[leaf] = put_rules(c, l->first, l->action);
	return c->chains[leaf];
}

struct range {
	uint32_t start;
	uint16_t leaf;
};

static label put_tree(struct code *c, const struct range *r, size_t n)
{
	if (n == 1)
		return put_leaf(c, r[0].leaf);
	/* A single number in a range of others: one comparison where a tree needs two. */
	if (n == 3 && r[0].leaf == r[2].leaf && r[2].start == r[1].start + 1) {
		label in = put_leaf(c, r[1].leaf), out = put_leaf(c, r[0].leaf);
		return put_jump(c, BPF_JEQ, r[1].start, in, out);
	}
	size_t mid = n / 2;
	label high = put_tree(c, r + mid, n - mid);
	label low = put_tree(c, r, mid);
	return put_jump(c, BPF_JGE, r[mid].start, high, low);
}

static label put_table(struct code *c, const struct sc_table *t, uint16_t newer_leaf)
{
	struct range ranges[SC_NUMBERS + 1];
	size_t n = 0;
	uint32_t base = t->arch == ARCH_X32 ? X32_BIT : 0;
	for (int nr = 0; nr <= SC_NUMBERS; nr++) {
		uint16_t leaf = nr < SC_NUMBERS ? t->leaf[nr] : 0;
		if (nr > t->highest && t->highest >= 0)
			leaf = newer_leaf;
		if (n == 0 || ranges[n - 1].leaf != leaf)
			ranges[n++] = (struct range){base + (uint32_t)nr, leaf};
	}
	for (size_t i = 0; i < c->p->n_leaves; i++)
		c->chains[i] = NO_LABEL;
	c->wide = t->arch != ARCH_X86 && t->arch != ARCH_X32;
	return put_tree(c, ranges, n);
}

static const struct sc_table *find_table(const struct sc_program *p, enum syscall_arch arch)
{
	for (size_t i = 0; i < p->n_tables; i++)
		if (p->tables[i].arch == arch)
			return &p->tables[i];
	return NULL;
}

/* One value of seccomp_data.arch, which x86_64 and x32 share; NO_LABEL without tables. */
static label put_arch(struct code *c, enum syscall_arch arch, uint16_t newer_leaf, label bad)
{
	const struct sc_table *t = find_table(c->p, arch);
	const struct sc_table *x32 = arch == ARCH_X86_64 ? find_table(c->p, ARCH_X32) : NULL;
	if (!t && !x32)
		return NO_LABEL;
	label at = t ? put_table(c, t, newer_leaf) : bad;
	if (arch == ARCH_X86_64) {
		label other = x32 ? put_table(c, x32, newer_leaf) : bad;
		/* Number -1 is a call that a tracer cancelled, not an x32 one. */
		if (!x32)
			other = put_jump(c, BPF_JEQ, UINT32_MAX, put_leaf(c, newer_leaf), other);
		at = put_jump(c, BPF_JGE, X32_BIT, other, at);
	}
	put_here(c, at);
	return put_load(c, offsetof(struct seccomp_data, nr));
}

static void put_program(struct code *c, uint16_t newer_leaf)
{
	static const struct {
		enum syscall_arch arch;
		uint32_t audit;
	} arches[] = {{ARCH_AARCH64, AUDIT_ARCH_AARCH64}, {ARCH_X86, AUDIT_ARCH_I386},
		{ARCH_X86_64, AUDIT_ARCH_X86_64}};
	label bad = put_return(c, SECCOMP_RET_KILL_THREAD), at = bad;
	/* The last one written is the first asked: the native one. */
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		label body = put_arch(c, arches[i].arch, newer_leaf, bad);
		if (body != NO_LABEL)
			at = put_jump(c, BPF_JEQ, arches[i].audit, body, at);
	}
	put_here(c, at);
	put_load(c, offsetof(struct seccomp_data, arch));
}

static uint16_t leaf_for_newer(struct sc_program *p)
{
	uint32_t base = p->default_action & SECCOMP_RET_ACTION_FULL;
	uint32_t enosys = SECCOMP_RET_ERRNO | ENOSYS;
	/* A default that lets calls through, or leaves them to a tracer, stays. */
	if (!p->enosys_for_newer || base == SECCOMP_RET_ALLOW || base == SECCOMP_RET_LOG ||
		base == SECCOMP_RET_TRACE || p->default_action == enosys)
		return 0;
	p->leaves = mem_grow(p->leaves, p->n_leaves + 1, sizeof *p->leaves);
	p->leaves[p->n_leaves] =
		(struct sc_leaf){.action = enosys, .first = -1, .last = -1, .is_final = true};
	return (uint16_t)p->n_leaves++;
}

static nd_err *too_long(size_t n, const char *what)
{
	return err_new(ND_LIMIT, "seccomp-filter-too-long",
		"the seccomp filter has %zu %s; the kernel takes %u instructions", n, what,
		BPF_MAXINSNS);
}

nd_err *sc_compile(struct sc_program *p, struct sock_filter **ret, size_t *ret_n)
{
	if (p->n_rules > BPF_MAXINSNS)
		return too_long(p->n_rules, "rules with arguments");
	uint16_t newer_leaf = leaf_for_newer(p);
	_cleanup_free_ label *chains = mem_alloc(p->n_leaves * sizeof *chains);
	struct code c = {.p = p, .chains = chains};
	put_program(&c, newer_leaf);
	if (c.n > BPF_MAXINSNS) {
		free(c.v);
		return too_long(c.n, "instructions");
	}
	for (unsigned i = 0; i < c.n / 2; i++) {
		struct sock_filter f = c.v[i];
		c.v[i] = c.v[c.n - 1 - i];
		c.v[c.n - 1 - i] = f;
	}
	*ret = c.v;
	*ret_n = c.n;
	return NULL;
}
