/* The name tables: forgiving forms in, one form out, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>

#include "kernel/names.h"
#include "kernel/sys.h"

static void test_caps(void **state)
{
	unsigned n = 99;
	assert_true(cap_number("CAP_CHOWN", &n));
	assert_int_equal(n, CAP_CHOWN);
	assert_true(cap_number("net_admin", &n));
	assert_int_equal(n, CAP_NET_ADMIN);
	assert_true(cap_number("cap_Checkpoint_Restore", &n));
	assert_int_equal(n, CAP_CHECKPOINT_RESTORE);
	for (const char *const *bad = (const char *const[]){"", "CAP_", "ALL", "CHOWN ",
		     "CAP_CAP_KILL", "21", "NET", NULL};
		*bad; bad++)
		assert_false(cap_number(*bad, &n));
	assert_int_equal(n, CAP_CHECKPOINT_RESTORE);
	for (unsigned i = 0; i <= CAP_KNOWN_LAST; i++) {
		assert_true(cap_number(cap_name(i), &n));
		assert_int_equal(n, i);
	}
	assert_null(cap_name(CAP_KNOWN_LAST + 1));
}

static void test_signals(void **state)
{
	static const struct {
		const char *text;
		int number;
	} good[] = {{"SIGTERM", 15}, {"term", 15}, {"15", 15}, {"SIGIOT", SIGABRT}, {"RTMIN", 34},
		{"RTMIN+3", 37}, {"SIGRTMAX-1", 63}, {"rtmax", 64}, {"64", 64}, {"RTMIN+30", 64}};
	char text[16];
	int n = -1;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(signal_number(good[i].text, &n));
		assert_int_equal(n, good[i].number);
	}
	static const char *const bad[] = {"", "0", "65", "-9", "SIG", "SIGSIGTERM", "RTMIN-1",
		"RTMAX+1", "RTMIN+31", "RTMIN+", "9 ", "TERMX", "4294967311"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(signal_number(bad[i], &n));
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == 32 || sig == 33)
			continue; /* kept by the C library; they have no name */
		assert_true(signal_number(signal_name(sig, text), &n));
		assert_int_equal(n, sig);
	}
	assert_string_equal(signal_name(SIGABRT, text), "SIGABRT");
	assert_string_equal(signal_name(37, text), "SIGRTMIN+3");
	assert_string_equal(signal_name(33, text), "33");
}

static void test_rlimits(void **state)
{
	int n = -1;
	assert_true(rlimit_number("nofile", &n));
	assert_int_equal(n, RLIMIT_NOFILE);
	assert_true(rlimit_number("RLIMIT_MEMLOCK", &n));
	assert_int_equal(n, RLIMIT_MEMLOCK);
	assert_false(rlimit_number("files", &n));
	assert_false(rlimit_number("", &n));
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		assert_true(rlimit_number(rlimit_name(i), &n));
		assert_int_equal(n, i);
	}
	assert_null(rlimit_name(RLIM_NLIMITS));
}

static void test_errnos(void **state)
{
	int n = 0;
	assert_true(errno_number("EPERM", &n));
	assert_int_equal(n, EPERM);
	assert_true(errno_number("ENOTSUP", &n));
	assert_int_equal(n, EOPNOTSUPP);
	assert_true(errno_number("EWOULDBLOCK", &n));
	assert_int_equal(n, EAGAIN);
	assert_false(errno_number("eperm", &n));
	assert_false(errno_number("", &n));
	assert_string_equal(errno_name(ENOSYS), "ENOSYS");
	assert_null(errno_name(0));
	assert_null(errno_name(4000));
}

static void test_namespaces(void **state)
{
	assert_int_equal(ns_by_name("network")->flag, CLONE_NEWNET);
	assert_ptr_equal(ns_by_name("net"), ns_by_name("network"));
	assert_string_equal(ns_by_flag(CLONE_NEWNS)->proc, "mnt");
	assert_null(ns_by_name("nets"));
	assert_null(ns_by_flag(CLONE_NEWNS | CLONE_NEWPID));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_rlimits),
		cmocka_unit_test(test_errnos),
		cmocka_unit_test(test_namespaces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
