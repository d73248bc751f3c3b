/* Tests of base/near.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/near.h"

static const char *nearest(const char *word)
{
	static const char *const known[] = {"run", "rm", "ps", "inspect", "stats", "stop", "probe"};
	struct near n = {.word = word};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		near_offer(&n, known[i]);
	return n.best;
}

static void slips(void **state)
{
	assert_string_equal(nearest("rnu"), "run");
	assert_string_equal(nearest("inspct"), "inspect");
	assert_string_equal(nearest("insp"), "inspect");
	assert_string_equal(nearest("prob"), "probe");
	assert_string_equal(nearest("stat"), "stats");
	assert_string_equal(nearest("stopp"), "stop");
}

static void strangers(void **state)
{
	assert_null(nearest(""));
	assert_null(nearest("xyz"));
	assert_null(nearest("kubectl"));
	assert_null(nearest("a-word-that-is-much-longer-than-any-verb-or-option"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slips),
		cmocka_unit_test(strangers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
