/* Tests of supervise/state.c: folders, names, links, locks, on a real directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "supervise/state.h"
#include "supervise/supervise.h"

#define ID_A "aa00000000000000000000000000000000000000000000000000000000000000"
#define ID_B "ab00000000000000000000000000000000000000000000000000000000000000"

static char base[64];

static int begin(void **state)
{
	snprintf(base, sizeof base, "/tmp/nidus-test-state.XXXXXX");
	if (!mkdtemp(base))
		return -1;
	return setenv("NIDUS_STATE_DIR", base, 1);
}

static int end(void **state)
{
	nd_err *e = tree_remove(AT_FDCWD, base);
	int failed = e != NULL;
	err_free(e);
	return failed;
}

static void code_is(nd_err *e, const char *code)
{
	assert_non_null(e);
	assert_string_equal(err_find_code(e), code);
	err_free(e);
}

static void folders_and_names(void **state)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	struct run_dir a = {.fd = -1}, b = {.fd = -1}, found = {.fd = -1};
	assert_null(state_open(&s));
	assert_null(run_dir_make(&s, ID_A, "first", &a));
	code_is(run_dir_make(&s, ID_B, "first", &b), "name-in-use");
	assert_null(run_dir_make(&s, ID_B, NULL, &b));
	assert_null(state_find(&s, "first", &found));
	assert_string_equal(found.id, ID_A);
	run_dir_done(&found);
	assert_null(state_find(&s, "ab", &found));
	assert_string_equal(found.id, ID_B);
	run_dir_done(&found);
	char name[48];
	run_name_from_id(ID_B, name);
	assert_null(state_find(&s, name, &found));
	assert_string_equal(found.id, ID_B);
	run_dir_done(&found);
	code_is(state_find(&s, "a", &found), "ambiguous-run");
	code_is(state_find(&s, "", &found), "no-such-run");
	code_is(state_find(&s, "../x", &found), "no-such-run");
	code_is(state_find(&s, "ff", &found), "no-such-run");
	/* A name that points nowhere is anybody's. */
	assert_null(run_dir_remove(&s, ID_A, NULL));
	run_dir_done(&a);
	assert_null(run_dir_make(&s, ID_A, "first", &a));
	assert_null(run_dir_remove(&s, ID_A, "first"));
	char target[80];
	assert_false(link_get(s.runs_fd, "@first", target, sizeof target));
	/* Removing does not take another run's name along. */
	run_dir_done(&a);
	assert_null(run_dir_make(&s, ID_A, "second", &a));
	assert_null(run_dir_remove(&s, ID_B, "second"));
	assert_true(link_get(s.runs_fd, "@second", target, sizeof target));
	assert_null(run_dir_remove(&s, ID_A, "second"));
	run_dir_done(&a);
	run_dir_done(&b);
}

static void locks(void **state)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	struct run_dir a = {.fd = -1}, other = {.fd = -1};
	assert_null(state_open(&s));
	assert_null(run_dir_make(&s, ID_A, NULL, &a));
	assert_null(run_dir_open(&s, ID_A, &other));
	assert_true(run_dir_alive(&other, false));
	assert_true(run_dir_newborn(&other));
	run_dir_done(&a);
	assert_false(run_dir_alive(&other, false));
	/* Taken over: nobody else may think that it is dead. */
	assert_false(run_dir_alive(&other, true));
	assert_null(run_dir_open(&s, ID_A, &a));
	assert_true(run_dir_alive(&a, true));
	run_dir_done(&other);
	run_dir_done(&a);
	assert_null(run_dir_remove(&s, ID_A, NULL));
}

static void links(void **state)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	char value[16];
	assert_null(state_open(&s));
	assert_true(link_set(s.runs_fd, "x", "one"));
	assert_true(link_set(s.runs_fd, "x", "two"));
	assert_true(link_get(s.runs_fd, "x", value, sizeof value));
	assert_string_equal(value, "two");
	assert_false(link_get(s.runs_fd, "y", value, sizeof value));
	assert_true(link_set(s.runs_fd, "x", "a value that is too long"));
	assert_true(link_get(s.runs_fd, "x", value, sizeof value));
	assert_int_equal(strlen(value), sizeof value - 1);
	assert_int_equal(unlinkat(s.runs_fd, "x", 0), 0);
}

static void others_directory_is_refused(void **state)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	char path[80];
	snprintf(path, sizeof path, "%s/open", base);
	setenv("NIDUS_STATE_DIR", path, 1);
	assert_null(state_open(&s));
	state_done(&s);
	snprintf(path, sizeof path, "%s/open/runs", base);
	assert_int_equal(chmod(path, 0777), 0);
	code_is(state_open(&s), "state-not-ours");
	setenv("NIDUS_STATE_DIR", "relative", 1);
	code_is(state_open(&s), "invalid");
	setenv("NIDUS_STATE_DIR", base, 1);
}

static void names(void **state)
{
	assert_true(run_name_valid("a"));
	assert_true(run_name_valid("Web_1.example-x"));
	const char *bad[] = {"", "-a", ".a", "_a", "a b", "a/b", "..", "a\n", "\xc3\xa9"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(run_name_valid(bad[i]));
	char id[65], name[48];
	assert_null(run_id_make(id));
	run_name_from_id(id, name);
	assert_true(run_name_valid(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_and_names),
		cmocka_unit_test(locks),
		cmocka_unit_test(links),
		cmocka_unit_test(others_directory_is_refused),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
