/* From rules to classic BPF (internal to the seccomp files).  Each architecture has a
 * table of leaves, one a system call number; equal neighbours form ranges, and a
 * balanced tree of comparisons finds the range, so a call costs about log2(ranges)
 * instructions.  Where rules overlap the outcome is libseccomp's, which runc and crun
 * use: a rule that does what the default does is void; the first rule without arguments
 * is final and overrides those with; else the first whose arguments match. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/syscalls.h"

enum sc_op { SC_NE, SC_LT, SC_LE, SC_EQ, SC_GE, SC_GT, SC_MASKED_EQ };

/* (argument `op` value); SC_MASKED_EQ: (argument & value) == value_two. */
struct sc_cond {
	uint8_t arg;
	uint8_t op;
	uint64_t value, value_two;
};

enum { SC_ARGS = 6, SC_NUMBERS = 640, SC_ARCHES = 3 };

struct sc_rule {
	uint32_t action;
	uint8_t n_conds; /* all must hold */
	struct sc_cond conds[SC_ARGS];
	int next; /* rule of the same leaf, or -1 */
};

struct sc_leaf {
	uint32_t action; /* where no rule matches, or there is none */
	int first, last; /* rules, or -1 */
	bool is_final;   /* a rule without arguments was met */
};

struct sc_table {
	enum syscall_arch arch;
	int highest; /* number named by any rule; -1: none */
	uint16_t leaf[SC_NUMBERS];
};

struct sc_program {
	uint32_t default_action; /* SECCOMP_RET_* with its data */
	bool enosys_for_newer;
	struct sc_table tables[SC_ARCHES];
	size_t n_tables;
	struct sc_leaf *leaves;
	size_t n_leaves;
	struct sc_rule *rules;
	size_t n_rules;
};

void sc_init(struct sc_program *p, uint32_t default_action);
/* Each once; an architecture without a table gets SECCOMP_RET_KILL_THREAD, as libseccomp. */
void sc_add_arch(struct sc_program *p, enum syscall_arch arch);
/* What programs on this machine can be: on x86_64 also i386 and x32. */
void sc_add_native(struct sc_program *p);
/* A rule for one system call on all architectures that have it. */
void sc_add(struct sc_program *p, unsigned row, uint32_t action, const struct sc_cond *conds,
	size_t n_conds);
/* The caller frees *ret. */
nd_must nd_err *sc_compile(struct sc_program *p, struct sock_filter **ret, size_t *ret_n);
void sc_done(struct sc_program *p);
