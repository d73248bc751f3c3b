/* Filters: what the default profile decides, the compiler's code on an interpreter, and
 * filters really in force in a child.  test-seccomp-peer.c compares with libseccomp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf-run.h"
#include "container/seccomp-compile.h"
#include "container/seccomp.h"

#define ALLOW   SECCOMP_RET_ALLOW
#define FAIL(e) (SECCOMP_RET_ERRNO | (e))
#define CAP(c)  (1ULL << (c))

static uint32_t run(const struct seccomp_filter *f, uint32_t arch, int nr, uint64_t a0, uint64_t a2)
{
	struct seccomp_data d = {.nr = nr, .arch = arch, .args = {a0, 0, a2}};
	return bpf_run(f->insns, f->n, &d, NULL);
}

static uint32_t native(const struct seccomp_filter *f, int nr, uint64_t a0, uint64_t a2)
{
	return run(f, AUDIT_ARCH_X86_64, nr, a0, a2);
}

static void test_default(void **state)
{
	_cleanup_seccomp_ struct seccomp_filter *f = NULL;
	assert_null(seccomp_default(0, &f));
	assert_true(bpf_valid(f->insns, f->n));
	assert_int_equal(native(f, SYS_read, 0, 0), ALLOW);
	assert_int_equal(native(f, SYS_swapon, 0, 0), FAIL(EPERM));
	assert_int_equal(native(f, SYS_bpf, 0, 0), FAIL(EPERM));
	assert_int_equal(native(f, SYS_setns, 0, 0), ALLOW);
	assert_int_equal(native(f, SYS_add_key, 0, 0), FAIL(ENOSYS));
	assert_int_equal(native(f, 600, 0, 0), FAIL(ENOSYS));
	assert_int_equal(native(f, -1, 0, 0), FAIL(ENOSYS));
	assert_int_equal(native(f, SYS_personality, PER_LINUX32, 0), ALLOW);
	assert_int_equal(native(f, SYS_personality, ADDR_NO_RANDOMIZE, 0), FAIL(ENOSYS));
	assert_int_equal(native(f, SYS_personality, 0x100000000, 0), FAIL(ENOSYS));
	assert_int_equal(native(f, SYS_socket, AF_INET, 0), ALLOW);
	assert_int_equal(native(f, SYS_socket, AF_NETLINK, NETLINK_ROUTE), ALLOW);
	assert_int_equal(native(f, SYS_socket, AF_NETLINK, NETLINK_AUDIT), FAIL(EINVAL));
	/* 32-bit programs, x32, and what is no architecture of this machine. */
	assert_int_equal(run(f, AUDIT_ARCH_I386, 3, 0, 0), ALLOW);
	assert_int_equal(run(f, AUDIT_ARCH_I386, 87, 0, 0), FAIL(EPERM));
	assert_int_equal(native(f, 0x40000000, 0, 0), ALLOW);
	assert_int_equal(run(f, AUDIT_ARCH_AARCH64, 63, 0, 0), SECCOMP_RET_KILL_THREAD);
}

static void test_default_with_caps(void **state)
{
	static const struct {
		unsigned cap;
		int nr;
	} groups[] = {{CAP_SYS_ADMIN, SYS_bpf}, {CAP_SYS_CHROOT, SYS_chroot},
		{CAP_DAC_READ_SEARCH, SYS_open_by_handle_at}, {CAP_SYS_MODULE, SYS_init_module},
		{CAP_SYS_PACCT, SYS_acct}, {CAP_SYS_PTRACE, SYS_kcmp}, {CAP_SYS_RAWIO, SYS_iopl},
		{CAP_SYS_TIME, SYS_settimeofday}, {CAP_SYS_TTY_CONFIG, SYS_vhangup}};
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		_cleanup_seccomp_ struct seccomp_filter *with = NULL, *without = NULL;
		assert_null(seccomp_default(CAP(groups[i].cap), &with));
		assert_null(seccomp_default(~CAP(groups[i].cap), &without));
		assert_true(bpf_valid(with->insns, with->n));
		assert_int_equal(native(with, groups[i].nr, 0, 0), ALLOW);
		assert_int_equal(native(without, groups[i].nr, 0, 0), FAIL(EPERM));
	}
	_cleanup_seccomp_ struct seccomp_filter *audit = NULL;
	assert_null(seccomp_default(CAP(CAP_AUDIT_WRITE), &audit));
	assert_int_equal(native(audit, SYS_socket, AF_NETLINK, NETLINK_AUDIT), ALLOW);
}

/* All comparisons against plain C, around every boundary of both halves. */
static bool holds(const struct sc_cond *c, uint64_t x)
{
	switch ((enum sc_op)c->op) {
	case SC_NE:
		return x != c->value;
	case SC_LT:
		return x < c->value;
	case SC_LE:
		return x <= c->value;
	case SC_EQ:
		return x == c->value;
	case SC_GE:
		return x >= c->value;
	case SC_GT:
		return x > c->value;
	default:
		return (x & c->value) == (c->value_two & c->value);
	}
}

static void test_comparisons(void **state)
{
	static const uint64_t points[] = {0, 1, 0x7e020000, 0xfffffffe, 0xffffffff, 0x100000000,
		0x100000001, 0x1fffffffe, 0x1ffffffff, 0x7fffffff00000000, 0x8000000000000000,
		0xfffffffffffffffe, 0xffffffffffffffff};
	for (int op = SC_NE; op <= SC_MASKED_EQ; op++)
		for (size_t v = 0; v < ARRAY_SIZE(points); v++)
			for (size_t w = 0; w < (op == SC_MASKED_EQ ? ARRAY_SIZE(points) : 1); w++) {
				struct sc_cond c = {.arg = 5,
					.op = (uint8_t)op,
					.value = points[v],
					.value_two = points[w]};
				struct sc_program p;
				struct sock_filter *code;
				size_t n;
				sc_init(&p, FAIL(1));
				sc_add_native(&p);
				sc_add(&p, SYSCALL_ROW_read, ALLOW, &c, 1);
				assert_null(sc_compile(&p, &code, &n));
				assert_true(bpf_valid(code, n));
				for (size_t x = 0; x < ARRAY_SIZE(points); x++) {
					struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64,
						.args = {[5] = points[x]}};
					assert_int_equal(bpf_run(code, n, &d, NULL),
						holds(&c, points[x]) ? ALLOW : FAIL(1));
					struct sc_cond low = c;
					low.value = (uint32_t)c.value;
					low.value_two = (uint32_t)c.value_two;
					d.arch = AUDIT_ARCH_I386;
					d.nr = 3;
					d.args[5] = (uint32_t)points[x];
					assert_int_equal(bpf_run(code, n, &d, NULL),
						holds(&low, (uint32_t)points[x]) ? ALLOW : FAIL(1));
				}
				free(code);
				sc_done(&p);
			}
}

static unsigned draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 8) % below;
}

/* Rules of several conditions in order, the first that holds counts; against plain C. */
static void test_rules_in_order(void **state)
{
	static const uint64_t points[] = {
		0, 1, 8, 9, 0x7e020000, 0xffffffff, 0x100000000, 0x100000009, UINT64_MAX};
	unsigned seed = 7;
	for (int round = 0; round < 200; round++) {
		struct sc_cond rules[4][3];
		struct sc_program p;
		struct sock_filter *code;
		size_t n;
		sc_init(&p, FAIL(99));
		sc_add_native(&p);
		for (unsigned i = 0; i < 4; i++) {
			for (unsigned k = 0; k < 3; k++) {
				rules[i][k] = (struct sc_cond){.arg = (uint8_t)k,
					.op = (uint8_t)draw(&seed, SC_MASKED_EQ + 1)};
				rules[i][k].value = points[draw(&seed, ARRAY_SIZE(points))];
				rules[i][k].value_two = points[draw(&seed, ARRAY_SIZE(points))];
			}
			sc_add(&p, SYSCALL_ROW_read, FAIL(1 + i), rules[i], 3);
		}
		assert_null(sc_compile(&p, &code, &n));
		assert_true(bpf_valid(code, n));
		for (int sample = 0; sample < 200; sample++) {
			struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64};
			uint32_t want = FAIL(99);
			for (unsigned k = 0; k < 3; k++)
				d.args[k] = points[draw(&seed, ARRAY_SIZE(points))];
			for (unsigned i = 4; i-- > 0;)
				if (holds(&rules[i][0], d.args[0]) &&
					holds(&rules[i][1], d.args[1]) &&
					holds(&rules[i][2], d.args[2]))
					want = FAIL(1 + i);
			assert_int_equal(bpf_run(code, n, &d, NULL), want);
		}
		free(code);
		sc_done(&p);
	}
}

/* Many different actions and long chains: jumps beyond 255 instructions. */
static void test_far_jumps(void **state)
{
	struct sc_program p;
	struct sock_filter *code;
	size_t n;
	sc_init(&p, SECCOMP_RET_KILL_PROCESS);
	sc_add_native(&p);
	for (int nr = 0; nr < 300; nr++) {
		int row = -1;
		const char *name = syscall_name(ARCH_X86_64, nr);
		if (!name || (row = syscall_row_of(name)) < 0)
			continue;
		if (nr % 50 == 7) {
			for (unsigned i = 0; i < 12; i++) {
				struct sc_cond c = {
					.arg = 1, .op = SC_EQ, .value = i << 20 | 1ULL << 40};
				sc_add(&p, (unsigned)row, FAIL(1000 + i), &c, 1);
			}
		} else {
			sc_add(&p, (unsigned)row, FAIL(1 + (unsigned)nr), NULL, 0);
		}
	}
	assert_null(sc_compile(&p, &code, &n));
	assert_true(n > 1000);
	assert_true(bpf_valid(code, n));
	for (int nr = 0; nr < 300; nr++) {
		struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
		for (unsigned i = 0; i < 13; i++) {
			d.args[1] = i << 20 | 1ULL << 40;
			uint32_t want = nr % 50 != 7 ? FAIL(1 + (unsigned)nr)
					: i < 12     ? FAIL(1000 + i)
						     : SECCOMP_RET_KILL_PROCESS;
			assert_int_equal(bpf_run(code, n, &d, NULL), want);
		}
	}
	free(code);
	sc_done(&p);
}

static void test_too_long(void **state)
{
	struct sc_program p;
	struct sock_filter *code = NULL;
	size_t n = 0;
	sc_init(&p, FAIL(1));
	sc_add_native(&p);
	for (unsigned i = 0; i < 4000; i++) {
		struct sc_cond c = {.op = SC_EQ, .value = i};
		sc_add(&p, SYSCALL_ROW_read, FAIL(2), &c, 1);
	}
	_cleanup_err_ nd_err *e = sc_compile(&p, &code, &n);
	assert_non_null(e);
	assert_string_equal(e->code, "seccomp-filter-too-long");
	assert_null(code);
	sc_done(&p);
}

static void test_costs_few_instructions(void **state)
{
	_cleanup_seccomp_ struct seccomp_filter *f = NULL;
	assert_null(seccomp_default(0, &f));
	unsigned worst = 0;
	for (int nr = 0; nr < 480; nr++) {
		struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
		unsigned steps = 0;
		bpf_run(f->insns, f->n, &d, &steps);
		if (steps > worst && nr != SYS_personality && nr != SYS_socket)
			worst = steps;
	}
	print_message("default profile: %zu instructions, at most %u for a call\n", f->n, worst);
	assert_true(worst <= 16);
}

/* In a child, so that the filter dies with it; 0 where all is as told. */
static int in_force(void)
{
	struct seccomp_filter *f = NULL;
	if (seccomp_default(0, &f) || seccomp_apply(f, true, NULL))
		return 1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_SECCOMP) != 2)
		return 2;
	if (syscall(SYS_swapon, "/nowhere", 0) != -1 || errno != EPERM)
		return 3;
	if (syscall(SYS_add_key, 0, 0, 0, 0, 0) != -1 || errno != ENOSYS)
		return 4;
	if (personality(0xffffffff) == -1)
		return 5;
	if (personality(ADDR_NO_RANDOMIZE) != -1 || errno != ENOSYS)
		return 6;
	if (socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) != -1 || errno != EINVAL)
		return 7;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 8;
	/* Namespaces are the capabilities' business in this profile: the call goes through. */
	if (unshare(0) != 0)
		return 9;
	return getppid() > 0 ? 0 : 10;
}

static void test_in_force(void **state)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(in_force());
	int status = -1;
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && prctl(PR_GET_SECCOMP) < 0) {
		print_message("skipped: prctl(PR_GET_SECCOMP) says there is no seccomp here\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_default_with_caps),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_rules_in_order),
		cmocka_unit_test(test_far_jumps),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_costs_few_instructions),
		cmocka_unit_test(test_in_force),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
