/* Tests of supervise/procjson.c and base/err.c's packing: what goes through a file or a
 * socket comes out the same. */
#include <linux/filter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "container/seccomp.h"
#include "supervise/procjson.h"

static void round_trip(size_t n_insns)
{
	struct container_spec s, t;
	spec_init(&s);
	spec_init(&t);
	strv_add(&s.env, "A=b c");
	s.cwd = str_dup("/tmp");
	s.uid = 1000;
	s.umask = 027;
	s.no_new_privs = true;
	s.caps = (struct cap_sets){UINT64_MAX >> 1, 1, 2, 3, 4};
	spec_add_rlimit(&s, 7, 1024, RLIM_INFINITY);
	s.groups = mem_alloc(2 * sizeof *s.groups);
	s.groups[0] = 5;
	s.groups[1] = 4294967294u;
	s.n_groups = 2;
	s.seccomp = mem_alloc(sizeof *s.seccomp);
	s.seccomp->n = n_insns;
	s.seccomp->insns = mem_alloc(n_insns * sizeof *s.seccomp->insns);
	for (size_t i = 0; i < n_insns; i++)
		s.seccomp->insns[i] = (struct sock_filter){(uint16_t)(i * 77), 255, 3, 0xdeadbeef};
	struct json_out o = {.indent = -1};
	process_json(&o, NULL, &s);
	struct json_doc doc;
	assert_null(json_parse("test", o.b.data, o.b.len, &doc));
	assert_null(process_read(&doc.at, &t));
	assert_string_equal(t.env.v[0], "A=b c");
	assert_string_equal(t.cwd, "/tmp");
	assert_int_equal(t.uid, 1000);
	assert_int_equal(t.umask, 027);
	assert_true(t.no_new_privs);
	assert_memory_equal(&t.caps, &s.caps, sizeof t.caps);
	assert_int_equal(t.n_rlimits, 1);
	assert_true(t.rlimits[0].limit.rlim_max == RLIM_INFINITY);
	assert_int_equal(t.n_groups, 2);
	assert_true(t.groups[1] == 4294967294u);
	assert_int_equal(t.seccomp->n, n_insns);
	assert_memory_equal(t.seccomp->insns, s.seccomp->insns, n_insns * sizeof *s.seccomp->insns);
	json_done(&doc);
	buf_done(&o.b);
	spec_done(&s);
	spec_done(&t);
}

static void processes(void **state)
{
	/* Every length of the last group of base64. */
	for (size_t n = 1; n < 5; n++)
		round_trip(n);
}

static void damaged(void **state)
{
	static const char *const bad[] = {"{\"seccomp\":\"abc\"}", "{\"seccomp\":\"ab=c\"}",
		"{\"seccomp\":\"====\"}", "{\"seccomp\":\"AAAA\"}", "{\"seccomp\":\"\"}",
		"{\"caps\":[1,2]}", "{\"groups\":[\"x\"]}", "{\"rlimits\":[[1]]}",
		"{\"caps\":[1,2,3,4,-5]}"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_spec_ struct container_spec s;
		_cleanup_json_ struct json_doc doc = {0};
		spec_init(&s);
		assert_null(json_parse("test", bad[i], strlen(bad[i]), &doc));
		nd_err *e = process_read(&doc.at, &s);
		if (!e)
			fail_msg("%s is taken", bad[i]);
		err_free(e);
	}
}

static void errors(void **state)
{
	nd_err *e = err_wrap(err_remedy(err_detail(err_code(err_sys(2, "open", "/x"), "some-code"),
						"two\nlines"),
				     "do it"),
		"start");
	e->proved = true;
	struct buf b = {0};
	err_pack(e, &b);
	nd_err *f = err_unpack(b.data, b.len);
	char *before = err_line(e), *after = err_line(f);
	assert_string_equal(before, after);
	assert_string_equal(err_find_code(f), "some-code");
	assert_string_equal(err_find_detail(f), "two\nlines");
	assert_string_equal(err_find_remedy(f), "do it");
	assert_true(f->kind == ND_ABSENT && f->proved);
	free(before);
	free(after);
	err_free(f);
	/* Cut anywhere it is still an error, and nothing is read beyond. */
	for (size_t n = 0; n < b.len; n++) {
		char *cut = mem_alloc(n + 1);
		memcpy(cut, b.data, n);
		err_free(err_unpack(cut, n));
		free(cut);
	}
	buf_done(&b);
	err_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes), cmocka_unit_test(damaged), cmocka_unit_test(errors)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
