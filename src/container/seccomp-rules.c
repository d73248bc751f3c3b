/* The rule half of the compiler: collects rules into leaves; see seccomp-compile.h.
 * On i386 some calls are reached both directly and through socketcall(2) or ipc(2); a
 * rule for them stands for both, as far as their first argument (a call number) can
 * tell: the others lie behind a pointer, which a filter cannot follow. */
#include "container/seccomp-compile.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/str.h"

static const struct {
	uint16_t row, through;
	uint8_t call;
} multiplexed[] = {
#define SOCKETCALL(name, call)                                                                     \
	{                                                                                          \
		SYSCALL_ROW_##name, SYSCALL_ROW_socketcall, call                                   \
	}
#define IPC(name, call)                                                                            \
	{                                                                                          \
		SYSCALL_ROW_##name, SYSCALL_ROW_ipc, call                                          \
	}
	SOCKETCALL(socket, 1), SOCKETCALL(bind, 2), SOCKETCALL(connect, 3), SOCKETCALL(listen, 4),
	SOCKETCALL(accept, 5), SOCKETCALL(getsockname, 6), SOCKETCALL(getpeername, 7),
	SOCKETCALL(socketpair, 8), SOCKETCALL(send, 9), SOCKETCALL(recv, 10),
	SOCKETCALL(sendto, 11), SOCKETCALL(recvfrom, 12), SOCKETCALL(shutdown, 13),
	SOCKETCALL(setsockopt, 14), SOCKETCALL(getsockopt, 15), SOCKETCALL(sendmsg, 16),
	SOCKETCALL(recvmsg, 17), SOCKETCALL(accept4, 18), SOCKETCALL(recvmmsg, 19),
	SOCKETCALL(sendmmsg, 20), IPC(semop, 1), IPC(semget, 2), IPC(semctl, 3), IPC(semtimedop, 4),
	IPC(msgsnd, 11), IPC(msgrcv, 12), IPC(msgget, 13), IPC(msgctl, 14), IPC(shmat, 21),
	IPC(shmdt, 22), IPC(shmget, 23), IPC(shmctl, 24)};

static int find_leaf(const struct sc_program *p, uint32_t action)
{
	for (size_t i = 0; i < p->n_leaves; i++)
		if (p->leaves[i].is_final && p->leaves[i].action == action)
			return (int)i;
	return -1;
}

static uint16_t new_leaf(struct sc_program *p, uint32_t action, bool is_final)
{
	if ((p->n_leaves & (p->n_leaves - 1)) == 0)
		p->leaves =
			mem_grow(p->leaves, p->n_leaves ? 2 * p->n_leaves : 1, sizeof *p->leaves);
	p->leaves[p->n_leaves] =
		(struct sc_leaf){.action = action, .first = -1, .last = -1, .is_final = is_final};
	return (uint16_t)p->n_leaves++;
}

void sc_init(struct sc_program *p, uint32_t default_action)
{
	*p = (struct sc_program){.default_action = default_action};
	new_leaf(p, default_action, false); /* leaf 0: calls that no rule names */
}

void sc_add_arch(struct sc_program *p, enum syscall_arch arch)
{
	for (size_t i = 0; i < p->n_tables; i++)
		if (p->tables[i].arch == arch)
			return;
	struct sc_table *t = &p->tables[p->n_tables++];
	memset(t, 0, sizeof *t);
	t->arch = arch;
	t->highest = -1;
}

void sc_add_native(struct sc_program *p)
{
#if defined(__x86_64__)
	sc_add_arch(p, ARCH_X86_64);
	sc_add_arch(p, ARCH_X86);
	sc_add_arch(p, ARCH_X32);
#elif defined(__aarch64__)
	sc_add_arch(p, ARCH_AARCH64);
#else
#	error "no system call table for this architecture"
#endif
}

static bool is_same(
	const struct sc_rule *r, uint32_t action, const struct sc_cond *conds, size_t n_conds)
{
	if (r->action != action || r->n_conds != n_conds)
		return false;
	for (size_t i = 0; i < n_conds; i++)
		if (r->conds[i].arg != conds[i].arg || r->conds[i].op != conds[i].op ||
			r->conds[i].value != conds[i].value ||
			r->conds[i].value_two != conds[i].value_two)
			return false;
	return true;
}

static void add_rule(struct sc_program *p, struct sc_leaf *leaf, uint32_t action,
	const struct sc_cond *conds, size_t n_conds)
{
	for (int i = leaf->first; i >= 0; i = p->rules[i].next)
		if (is_same(&p->rules[i], action, conds, n_conds))
			return;
	if ((p->n_rules & (p->n_rules - 1)) == 0)
		p->rules = mem_grow(p->rules, p->n_rules ? 2 * p->n_rules : 1, sizeof *p->rules);
	int index = (int)p->n_rules++;
	struct sc_rule *r = &p->rules[index];
	*r = (struct sc_rule){.action = action, .n_conds = (uint8_t)n_conds, .next = -1};
	memcpy(r->conds, conds, n_conds * sizeof *conds);
	if (leaf->last >= 0)
		p->rules[leaf->last].next = index;
	else
		leaf->first = index;
	leaf->last = index;
}

static void add_number(struct sc_program *p, struct sc_table *t, int nr, uint32_t action,
	const struct sc_cond *conds, size_t n_conds)
{
	uint16_t leaf = t->leaf[nr];
	if (nr > t->highest)
		t->highest = nr;
	if (p->leaves[leaf].is_final)
		return;
	if (n_conds == 0) {
		int shared = find_leaf(p, action);
		t->leaf[nr] = shared >= 0 ? (uint16_t)shared : new_leaf(p, action, true);
		return;
	}
	if (leaf == 0)
		t->leaf[nr] = leaf = new_leaf(p, p->default_action, false);
	add_rule(p, &p->leaves[leaf], action, conds, n_conds);
}

static void add_multiplexed(struct sc_program *p, struct sc_table *t, unsigned row, uint32_t action,
	const struct sc_cond *conds, size_t n_conds)
{
	for (size_t i = 0; i < ARRAY_SIZE(multiplexed); i++) {
		if (multiplexed[i].row != row)
			continue;
		struct sc_cond all[SC_ARGS] = {{.op = SC_EQ, .value = multiplexed[i].call}};
		size_t n = 1;
		for (size_t k = 0; k < n_conds; k++)
			if (conds[k].arg != 0 && n < SC_ARGS)
				all[n++] = conds[k];
		add_number(p, t, syscall_number(ARCH_X86, multiplexed[i].through), action, all, n);
	}
}

void sc_add(struct sc_program *p, unsigned row, uint32_t action, const struct sc_cond *conds,
	size_t n_conds)
{
	for (size_t i = 0; i < p->n_tables; i++) {
		struct sc_table *t = &p->tables[i];
		int nr = syscall_number(t->arch, row);
		if (nr > t->highest)
			t->highest = nr;
		if (action == p->default_action)
			continue;
		if (nr >= 0 && nr < SC_NUMBERS)
			add_number(p, t, nr, action, conds, n_conds);
		if (t->arch == ARCH_X86)
			add_multiplexed(p, t, row, action, conds, n_conds);
	}
}

void sc_done(struct sc_program *p)
{
	free(p->leaves);
	free(p->rules);
	*p = (struct sc_program){0};
}
