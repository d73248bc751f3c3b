/* Tests of the small readers of probe/: keyring.c and lsm.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe/keyring.h"
#include "probe/lsm.h"

static void key_users(void **state)
{
	static const char text[] = "    0:     5 4/4 3/1000000 40/25000000\n"
				   " 1000:    12 12/12 200/200 19999/20000\n"
				   "junk\n"
				   "100000:     1 1/1 1/200 9/20000\n";
	struct keyring_usage u = {0};
	assert_true(keyring_usage(text, 1000, &u));
	assert_int_equal(u.keys, 200);
	assert_int_equal(u.max_keys, 200);
	assert_int_equal(u.bytes, 19999);
	assert_true(keyring_usage(text, 100000, &u));
	assert_int_equal(u.max_bytes, 20000);
	assert_false(keyring_usage(text, 1, &u));
	assert_false(keyring_usage("", 0, &u));
	assert_false(keyring_usage("0: 5 4/4 3", 0, &u));
}

static void labels(void **state)
{
	assert_true(lsm_confines("docker-default (enforce)"));
	assert_true(lsm_confines("system_u:system_r:container_t:s0:c1,c2"));
	assert_false(lsm_confines("unconfined"));
	assert_false(lsm_confines("thing (complain)"));
	assert_false(lsm_confines("unconfined_u:unconfined_r:unconfined_t:s0"));
	assert_false(lsm_confines(""));
}

static void module_ids(void **state)
{
	assert_string_equal(lsm_name(100), "capability");
	assert_string_equal(lsm_name(104), "apparmor");
	assert_string_equal(lsm_name(110), "landlock");
	assert_string_equal(lsm_name(0), "unknown");
	assert_string_equal(lsm_name(UINT64_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_users),
		cmocka_unit_test(labels),
		cmocka_unit_test(module_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
