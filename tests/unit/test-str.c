/* Tests of base/str.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"

static void sizes(void **state)
{
	uint64_t v = 0;
	assert_true(str_to_bytes("512", &v) && v == 512);
	assert_true(str_to_bytes("64k", &v) && v == 65536);
	assert_true(str_to_bytes("2G", &v) && v == 2ull << 30);
	assert_true(str_to_bytes("1MiB", &v) && v == 1 << 20);
	assert_true(str_to_bytes("10b", &v) && v == 10);
	assert_false(str_to_bytes("", &v));
	assert_false(str_to_bytes("-1", &v));
	assert_false(str_to_bytes("1x", &v));
	assert_false(str_to_bytes("99999999999g", &v));
}

static void durations(void **state)
{
	int64_t v = 0;
	assert_true(str_to_ms("10", &v) && v == 10000);
	assert_true(str_to_ms("200ms", &v) && v == 200);
	assert_true(str_to_ms("1.5s", &v) && v == 1500);
	assert_true(str_to_ms("1h30m", &v) && v == 5400000);
	assert_false(str_to_ms("", &v));
	assert_false(str_to_ms("ms", &v));
	assert_false(str_to_ms("5y", &v));
}

static void environment(void **state)
{
	_cleanup_strv_ struct strv env = {0};
	env_set(&env, "A=1");
	env_set(&env, "AB=2");
	env_set(&env, "A=3");
	assert_int_equal(env.n, 2);
	assert_string_equal(env_get(&env, "A"), "3");
	assert_null(env_get(&env, "B"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
