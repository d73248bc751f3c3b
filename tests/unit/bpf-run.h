/* A classic-BPF interpreter for the instructions that seccomp(2) allows, and a check of
 * what the kernel's own checker wants; for tests. */
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Every jump lands inside, nothing falls off the end, loads are aligned and inside. */
static inline bool bpf_valid(const struct sock_filter *v, size_t n)
{
	if (n == 0 || n > BPF_MAXINSNS)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t last = n - 1 - i; /* the farthest that can be skipped is last - 1 */
		switch (v[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (v[i].k % 4 || v[i].k >= sizeof(struct seccomp_data))
				return false;
			break;
		case BPF_JMP | BPF_JA:
			if (v[i].k >= last)
				return false;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			if (v[i].jt >= last || v[i].jf >= last)
				return false;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			if (last == 0)
				return false;
			break;
		case BPF_RET | BPF_K:
			break;
		default:
			return false;
		}
	}
	return BPF_CLASS(v[n - 1].code) == BPF_RET;
}

/* The action; *steps (may be NULL) counts instructions.  Kills on what it does not know,
 * with an action no filter uses. */
static inline uint32_t bpf_run(
	const struct sock_filter *v, size_t n, const struct seccomp_data *d, unsigned *steps)
{
	uint32_t a = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t k = v[i].k;
		if (steps)
			++*steps;
		switch (v[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)d + k, 4);
			break;
		case BPF_JMP | BPF_JA:
			i += k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == k ? v[i].jt : v[i].jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			i += a >= k ? v[i].jt : v[i].jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			i += a > k ? v[i].jt : v[i].jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			i += a & k ? v[i].jt : v[i].jf;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= k;
			break;
		case BPF_RET | BPF_K:
			return k;
		default:
			return 0xdead0000;
		}
	}
	return 0xdead0001;
}
