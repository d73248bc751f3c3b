/* Tests of supervise/tty.c: detach keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"
#include "supervise/tty.h"

/* Feeds the text in pieces of every size; the outcome is the same. */
static void feed(const char *keys, const char *typed, const char *passed, bool detached)
{
	for (size_t piece = 1; piece <= strlen(typed) + 1; piece++) {
		struct detach_keys k;
		_cleanup_buf_ struct buf all = {0};
		bool done = false;
		assert_null(detach_keys_parse(keys, &k));
		for (size_t at = 0; at < strlen(typed) && !done; at += piece) {
			char out[64];
			size_t n = strlen(typed) - at < piece ? strlen(typed) - at : piece, len;
			done = detach_keys_feed(&k, typed + at, n, out, &len);
			buf_add(&all, out, len);
		}
		assert_int_equal(done, detached);
		assert_string_equal(all.data ? all.data : "", passed);
	}
}

static void sequences(void **state)
{
	feed("ctrl-p,ctrl-q", "abc", "abc", false);
	feed("ctrl-p,ctrl-q", "ab\x10\x11", "ab", true);
	feed("ctrl-p,ctrl-q", "a\x10z", "a\x10z", false);
	feed("ctrl-p,ctrl-q", "\x10\x10\x11", "\x10", true);
	feed("a", "xxa", "xx", true);
	feed("", "\x10\x11", "\x10\x11", false);
	feed("ctrl-[,x", "\x1b[A", "\x1b[A", false);
}

static void refusals(void **state)
{
	const char *bad[] = {
		"ctrl-", "ctrl-1", "ab", ",", "a,,b", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct detach_keys k;
		nd_err *e = detach_keys_parse(bad[i], &k);
		assert_non_null(e);
		err_free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sequences), cmocka_unit_test(refusals)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
