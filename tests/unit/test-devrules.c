/* Tests of container/devrules.c and devrules-bpf.c: the set for v1 and the program for v2 give the
 * answers of the rules read one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container/devrules.h"

/* What the rules mean: for each kind of access, the last rule that matches. */
static bool by_rules(
	const struct device_rule *r, size_t n, char type, int major, int minor, const char *access)
{
	for (const char *a = access; *a; a++) {
		bool ok = false;
		for (size_t i = 0; i < n; i++)
			if ((r[i].type == 'a' || r[i].type == type) &&
				(r[i].major < 0 || r[i].major == major) &&
				(r[i].minor < 0 || r[i].minor == minor) && strchr(r[i].access, *a))
				ok = r[i].allow;
		if (!ok)
			return false;
	}
	return true;
}

/* As the kernel keeps v1's exceptions: one entry at a time must allow the whole access. */
static bool by_set(
	const struct device_rule *r, size_t n, char type, int major, int minor, const char *access)
{
	for (size_t i = 0; i < n; i++) {
		bool all = true;
		for (const char *a = access; *a; a++)
			all &= strchr(r[i].access, *a) != NULL;
		if (all && (r[i].type == 'a' || r[i].type == type) &&
			(r[i].major < 0 || r[i].major == major) &&
			(r[i].minor < 0 || r[i].minor == minor))
			return true;
	}
	return false;
}

static int unsupported(const struct bpf_insn *i)
{
	fail_msg("instruction %#x is not in this test's machine", i->code);
	return -1;
}

/* Enough of an eBPF machine for these programs; checks that each step stays inside. */
static int execute(const struct bpf_insn *prog, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[11] = {0};
	/* No jumps, so a step is an instruction. */
	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &prog[pc];
		uint64_t *dst = &reg[i->dst_reg];
		uint64_t by =
			BPF_SRC(i->code) == BPF_X ? reg[i->src_reg] : (uint64_t)(int64_t)i->imm;
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W: {
			uint32_t v;
			assert_int_equal(i->src_reg, 1);
			assert_true(i->off >= 0 && (size_t)i->off + 4 <= sizeof *ctx);
			memcpy(&v, (const char *)ctx + i->off, 4);
			*dst = v;
			break;
		}
		case BPF_LD | BPF_IMM | BPF_DW:
			assert_true(pc + 1 < n);
			*dst = (uint32_t)i->imm | (uint64_t)(uint32_t)prog[++pc].imm << 32;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*dst = by;
			break;
		case BPF_ALU64 | BPF_AND | BPF_X:
		case BPF_ALU64 | BPF_AND | BPF_K:
			*dst &= by;
			break;
		case BPF_ALU64 | BPF_OR | BPF_X:
		case BPF_ALU64 | BPF_OR | BPF_K:
			*dst |= by;
			break;
		case BPF_ALU64 | BPF_XOR | BPF_X:
		case BPF_ALU64 | BPF_XOR | BPF_K:
			*dst ^= by;
			break;
		case BPF_ALU64 | BPF_LSH | BPF_K:
			*dst <<= by;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*dst >>= by;
			break;
		case BPF_ALU64 | BPF_ARSH | BPF_K:
			*dst = (uint64_t)((int64_t)*dst >> by);
			break;
		case BPF_ALU64 | BPF_NEG:
			*dst = -*dst;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			return unsupported(i);
		}
	}
	fail_msg("the program runs off its end");
	return -1;
}

static bool by_program(
	const struct bpf_insn *prog, size_t n, char type, int major, int minor, const char *access)
{
	uint32_t bits = 0;
	for (const char *a = access; *a; a++)
		bits |= *a == 'm'   ? BPF_DEVCG_ACC_MKNOD
			: *a == 'r' ? BPF_DEVCG_ACC_READ
				    : BPF_DEVCG_ACC_WRITE;
	struct bpf_cgroup_dev_ctx ctx = {
		bits << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		(uint32_t)major, (uint32_t)minor};
	return execute(prog, n, &ctx) == 1;
}

static const char *const accesses[] = {"r", "w", "m", "rw", "rm", "wm", "rwm"};

static void compare(const struct device_rule *rules, size_t n)
{
	_cleanup_free_ struct bpf_insn *prog = NULL;
	_cleanup_free_ struct device_rule *set = NULL;
	size_t len, count = 0;
	devrules_compile(rules, n, &prog, &len);
	_cleanup_err_ nd_err *e = devrules_flatten(rules, n, &set, &count);
	for (int d = 0; d < 2 * 4 * 4; d++)
		for (size_t a = 0; a < ARRAY_SIZE(accesses); a++) {
			char type = d & 1 ? 'b' : 'c';
			int major = d >> 1 & 3, minor = d >> 3;
			bool want = by_rules(rules, n, type, major, minor, accesses[a]);
			assert_int_equal(
				by_program(prog, len, type, major, minor, accesses[a]), want);
			/* A set may allow less when one access is spread over two wildcards. */
			if (!e && strlen(accesses[a]) == 1)
				assert_int_equal(
					by_set(set, count, type, major, minor, accesses[a]), want);
			if (!e && !want)
				assert_false(by_set(set, count, type, major, minor, accesses[a]));
		}
}

static void random_rules(void **state)
{
	srand(4711);
	for (int round = 0; round < 3000; round++) {
		struct device_rule rules[8];
		size_t n = (size_t)rand() % 9;
		for (size_t i = 0; i < n; i++) {
			rules[i] = (struct device_rule){.allow = rand() & 1,
				.type = "acb"[rand() % 3],
				.major = rand() % 4 - 1,
				.minor = rand() % 4 - 1};
			snprintf(rules[i].access, sizeof rules[i].access, "%s",
				accesses[(size_t)rand() % ARRAY_SIZE(accesses)]);
			if (rules[i].type == 'a' && rand() & 1)
				rules[i].major = rules[i].minor = -1;
		}
		compare(rules, n);
	}
}

static void no_rules_allow_nothing(void **state)
{
	_cleanup_free_ struct bpf_insn *prog = NULL;
	size_t len;
	devrules_compile(NULL, 0, &prog, &len);
	assert_false(by_program(prog, len, 'c', 1, 3, "r"));
	assert_true(by_program(prog, len, 'c', 1, 3, ""));
}

static void texts(void **state)
{
	char text[DEVRULE_TEXT];
	struct device_rule r = {true, 'c', 136, -1, "rwm"}, back;
	devrule_text(&r, text);
	assert_string_equal(text, "c 136:* rwm");
	assert_true(devrule_parse(text, &back));
	assert_true(back.major == 136 && back.minor == -1 && strcmp(back.access, "rwm") == 0);
	assert_true(devrule_parse("a *:* rwm", &back) && back.type == 'a');
	static const char *const bad[] = {"", "c", "c ", "x 1:2 r", "c 1:2", "c 1:2 ", "c 1:2 x",
		"c 1 r", "c 1:2 rwmr", "c -1:2 r", "c 99999999999:2 r", "c1:2 r"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(devrule_parse(bad[i], &back));
}

static void meeting(void **state)
{
	struct device_rule wide = {true, 'c', 1, -1, "rwm"}, exact = {true, 'c', 1, 3, "rw"}, both;
	assert_true(devrule_meet(&wide, &exact, &both));
	assert_true(both.minor == 3 && strcmp(both.access, "rw") == 0);
	struct device_rule block = {true, 'b', 1, 3, "rw"}, make = {true, 'c', 1, 3, "m"};
	assert_false(devrule_meet(&exact, &block, &both));
	assert_false(devrule_meet(&exact, &make, &both));
	struct device_rule any = {true, 'a', -1, -1, "rwm"};
	assert_true(devrule_meet(&any, &block, &both) && both.type == 'b');
}

static void access_in_two_rules(void **state)
{
	const struct device_rule rules[] = {{true, 'c', 1, 3, "w"}, {true, 'c', 1, -1, "r"},
		{true, 'c', 1, 5, "wm"}, {true, 'b', -1, -1, "m"}};
	_cleanup_free_ struct device_rule *set = NULL;
	size_t n = 0;
	_cleanup_err_ nd_err *e = devrules_flatten(rules, 4, &set, &n);
	assert_null(e);
	assert_true(by_set(set, n, 'c', 1, 3, "rw"));
	assert_true(by_set(set, n, 'c', 1, 5, "rwm"));
	assert_false(by_set(set, n, 'c', 1, 3, "m"));
	assert_false(by_set(set, n, 'c', 1, 4, "w"));
	assert_int_equal(n, 4);
}

static void wildcards_cannot_lose_a_part(void **state)
{
	const struct device_rule rules[] = {
		{true, 'c', 1, -1, "rwm"}, {true, 'c', 5, 0, "rw"}, {false, 'c', 1, 3, "r"}};
	struct device_rule *set = NULL;
	size_t n = 0;
	_cleanup_err_ nd_err *e = devrules_flatten(rules, 3, &set, &n);
	assert_non_null(e);
	_cleanup_free_ char *line = err_line(e);
	assert_non_null(strstr(line, "device rule 3 (deny c 1:3 r)"));
	e = (err_free(e), devrules_flatten(rules, 2, &set, &n));
	assert_null(e);
	assert_int_equal(n, 2);
	free(set);
}

static void allowing_all(void **state)
{
	const struct device_rule rules[] = {{false, 'a', -1, -1, "rwm"}, {true, 'a', -1, -1, "rwm"},
		{true, 'c', 1, 3, "r"}, {false, 'c', 1, 5, "r"}};
	assert_false(devrules_allow_all(rules, 1));
	assert_true(devrules_allow_all(rules, 2));
	assert_true(devrules_allow_all(rules, 3));
	assert_false(devrules_allow_all(rules, 4));
	const struct device_rule bare[] = {{true, 'a', -1, -1, ""}};
	assert_true(devrules_allow_all(bare, 1));
	_cleanup_free_ struct device_rule *set = NULL;
	size_t n = 0;
	_cleanup_err_ nd_err *e = devrules_flatten(bare, 1, &set, &n);
	assert_null(e);
	assert_true(n == 1 && strcmp(set[0].access, "rwm") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_rules),
		cmocka_unit_test(no_rules_allow_nothing),
		cmocka_unit_test(texts),
		cmocka_unit_test(meeting),
		cmocka_unit_test(access_in_two_rules),
		cmocka_unit_test(wildcards_cannot_lose_a_part),
		cmocka_unit_test(allowing_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
