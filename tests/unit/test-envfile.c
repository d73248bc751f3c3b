/* Environment lines and files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "container/envfile.h"

static char *const host[] = {"HOME=/home/me", "LC_ALL=C", "LC_TIME=de", "LCX", "EMPTY=", NULL};

static void test_lines(void **state)
{
	static const char text[] = "A=1\n# comment\n\n  B = two words \nHOME\nABSENT\nLC_*\r\n"
				   "\t#more\nC==x=\"y\"\nEMPTY\nA=2";
	_cleanup_strv_ struct strv env = {0};
	assert_null(env_file_parse(&env, "f", text, strlen(text), host));
	_cleanup_free_ char *all = strv_join(&env, "|");
	assert_string_equal(
		all, "A=2|B = two words |HOME=/home/me|LC_ALL=C|LC_TIME=de|C==x=\"y\"|EMPTY=");
}

static void test_crlf(void **state)
{
	static const char text[] = "A=1\r\nB=2\r\n\r\n";
	_cleanup_strv_ struct strv env = {0};
	assert_null(env_file_parse(&env, "f", text, strlen(text), NULL));
	_cleanup_free_ char *all = strv_join(&env, "|");
	assert_string_equal(all, "A=1|B=2");
}

static void refuse(const char *text, size_t len, const char *want)
{
	_cleanup_strv_ struct strv env = {0};
	_cleanup_err_ nd_err *e = env_file_parse(&env, "my.env", text, len, host);
	assert_non_null(e);
	_cleanup_free_ char *line = err_line(e);
	assert_string_equal(line, want);
}

static void test_errors(void **state)
{
	refuse("A=1\n=x\n", 7, "my.env:2: '=x' has no name");
	refuse("A=1\n\n\n   =\n", 11, "my.env:4: '=' has no name");
	refuse("A=1\0\n", 5, "my.env:1: contains a NUL character");
	_cleanup_strv_ struct strv env = {0};
	_cleanup_err_ nd_err *e = env_add(&env, "", host, "--env");
	_cleanup_free_ char *line = err_line(e);
	assert_string_equal(line, "--env: '' has no name");
	_cleanup_err_ nd_err *absent = env_file_load(&env, -100, "/nowhere/x.env", host);
	assert_non_null(absent);
	assert_int_equal(env.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_crlf),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
