/* Why a workload did not do what was expected: what it said last and the facts around
 * it go in, one cause comes out, with the line that gave it away, whether it was proved by a fact
 * or is only likely, and what would help.  Pure: no system calls, so that it can be tried on
 * what was recorded elsewhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct cause_facts {
	const char *output;   /* first and last output, lines; NULL: none */
	int status;           /* exit status as a shell has it; -1: it had not ended */
	bool oom_killed;      /* memory.events or oom_control counted a kill */
	int64_t memory_limit; /* 0: none */
	int64_t pids_limit;   /* 0: none */
	bool no_network;      /* nothing but loopback */
	bool readonly_root;
	bool own_user_ns;
	uint64_t user_ns; /* inode of the workload's user namespace; 0: unknown */
	uint64_t net_ns;
	uint64_t net_owner_ns;   /* of the user namespace that owns net_ns */
	uint64_t capabilities;   /* effective; bit N: capability N */
	bool has_capabilities;   /* the above is known */
	const char *last_answer; /* of the last readiness question; NULL: none */
};

struct cause {
	const char *code; /* stable name: "tun-not-permitted"; static */
	char *text;       /* one sentence */
	char *evidence;   /* the line of output, or the fact; may be NULL */
	char *remedy;     /* may be NULL */
	bool proved;
};

/* False: nothing is known that would explain it. */
bool cause_find(const struct cause_facts *f, struct cause *ret);
void cause_done(struct cause *c);
