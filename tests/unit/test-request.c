/* Tests of supervise/request.c: the texts of --ready, --restart, --log-opt, signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "supervise/request.h"

static void refused(const char *text, const char *word)
{
	struct ready_spec r = {0};
	nd_err *e = ready_parse(text, &r);
	assert_non_null(e);
	_cleanup_free_ char *line = err_line(e);
	if (!strstr(line, word))
		fail_msg("'%s' does not say '%s'", line, word);
	assert_true(e->kind == ND_INVALID);
	err_free(e);
	ready_done(&r);
}

static void ready_kinds(void **state)
{
	struct ready_spec r = {0};
	assert_null(ready_parse("tcp:5432", &r));
	assert_true(r.kind == READY_TCP && r.port == 5432 && !r.host);
	assert_null(ready_parse("tcp:10.0.0.2:80", &r));
	assert_string_equal(r.host, "10.0.0.2");
	assert_null(ready_parse("tcp:[::1]:80", &r));
	assert_string_equal(r.host, "::1");
	assert_null(ready_parse("http://localhost:6080/a?b=c#d", &r));
	assert_true(r.kind == READY_HTTP && r.port == 6080 && !r.host);
	assert_string_equal(r.path, "/a?b=c");
	assert_null(ready_parse("http://127.0.0.1", &r));
	assert_true(r.port == 80);
	assert_string_equal(r.path, "/");
	assert_null(ready_parse("http://127.0.0.1?x", &r));
	assert_string_equal(r.path, "/?x");
	assert_null(ready_parse("fd:3", &r));
	assert_true(r.kind == READY_FD && r.fd == 3);
	assert_null(ready_parse("notify", &r));
	assert_true(r.kind == READY_NOTIFY);
	assert_null(ready_parse("log:ready (to|for) [a-z]+", &r));
	assert_true(r.kind == READY_LOG);
	assert_int_equal(regexec(&r.regex, "I am ready for work", 0, NULL, 0), 0);
	ready_done(&r);
}

static void ready_commands(void **state)
{
	struct ready_spec r = {0};
	assert_null(ready_parse("  pg_isready  -q", &r));
	assert_true(r.kind == READY_CMD && r.argv.n == 2);
	assert_string_equal(r.argv.v[0], "pg_isready");
	assert_null(ready_parse("test -e /a && test -e /b", &r));
	assert_string_equal(r.argv.v[0], "/bin/sh");
	assert_string_equal(r.argv.v[2], "test -e /a && test -e /b");
	assert_null(ready_parse("[\"a b\", \"c\"]", &r));
	assert_true(r.argv.n == 2);
	assert_string_equal(r.argv.v[0], "a b");
	assert_null(ready_parse("[ -e /a ]", &r));
	assert_string_equal(r.argv.v[0], "/bin/sh");
	ready_done(&r);
}

static void ready_refusals(void **state)
{
	refused("", "empty");
	refused("   ", "empty");
	refused("[]", "empty");
	refused("[1]", "string");
	refused("tcp:", "port");
	refused("tcp:0", "port");
	refused("tcp:65536", "port");
	refused("tcp:name:80", "address");
	refused("tcp:[::1", "']:PORT'");
	refused("tcp:[::1]", "port");
	refused("tcp:[]:80", "address");
	refused("http://", "host");
	refused("http://a@127.0.0.1/", "user name");
	refused("http://127.0.0.1/a b", "white space");
	refused("https://127.0.0.1/", "https");
	refused("fd:2", "3 to 63");
	refused("fd:x", "3 to 63");
	refused("log:", "empty");
	refused("log:(", "expression");
	refused("udp:53", "neither");
	refused("ftp://x", "neither");
}

static void restarts(void **state)
{
	struct restart_spec r = {0};
	assert_null(restart_parse("on-failure:3", &r));
	assert_true(r.policy == RESTART_ON_FAILURE && r.max == 3);
	assert_null(restart_parse("on-failure", &r));
	assert_true(r.max == 0);
	assert_null(restart_parse("unless-stopped", &r));
	const char *bad[] = {"", "on-failure:", "on-failure:-1", "sometimes", "always:3"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_err_ nd_err *e = restart_parse(bad[i], &r);
		assert_non_null(e);
	}
}

static void logs(void **state)
{
	struct log_spec l = {0};
	assert_null(log_opt_parse("max-size=10m", &l));
	assert_null(log_opt_parse("max-file=3", &l));
	assert_true(l.max_size == 10 << 20 && l.max_files == 3);
	assert_null(log_driver_parse("none", &l));
	assert_true(l.driver == LOG_NONE);
	const char *bad[] = {"max-size=1", "max-size=x", "max-file=0", "size=1", ""};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_err_ nd_err *e = log_opt_parse(bad[i], &l);
		assert_non_null(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ready_kinds),
		cmocka_unit_test(ready_commands),
		cmocka_unit_test(ready_refusals),
		cmocka_unit_test(restarts),
		cmocka_unit_test(logs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
