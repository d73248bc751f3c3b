/* Tests of supervise/backoff.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervise/backoff.h"

static void decisions(void **state)
{
	struct restart_spec no = {RESTART_NO, 0}, three = {RESTART_ON_FAILURE, 3},
			    failing = {RESTART_ON_FAILURE, 0}, always = {RESTART_ALWAYS, 0};
	assert_int_equal(restart_decide(&no, 1, 0), RESTART_NEVER);
	assert_int_equal(restart_decide(&three, 0, 0), RESTART_NEVER);
	assert_int_equal(restart_decide(&three, 1, 2), RESTART_AGAIN);
	assert_int_equal(restart_decide(&three, 1, 3), RESTART_TOO_OFTEN);
	assert_int_equal(restart_decide(&failing, 1, 1000), RESTART_AGAIN);
	assert_int_equal(restart_decide(&always, 0, 1000), RESTART_AGAIN);
}

static void delays(void **state)
{
	int64_t failures = 0, last = 0;
	static const int64_t first[] = {100, 200, 400, 800, 1600};
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		assert_int_equal(restart_delay_ms(0, &failures), first[i]);
	for (int i = 0; i < 100; i++) {
		last = restart_delay_ms(0, &failures);
		assert_true(last <= 60000);
	}
	assert_int_equal(last, 60000);
	/* Ten seconds of life wipe the slate. */
	assert_int_equal(restart_delay_ms(10000, &failures), 100);
	assert_int_equal(restart_delay_ms(9999, &failures), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(decisions), cmocka_unit_test(delays)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
