/* Tests of base/fd.c: removing trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int make_top(char *path)
{
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void make_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* Deeper than there may be open descriptors, and with names that a pass gives itself. */
static void deep(void **state)
{
	char path[] = "/tmp/nidus-test-fd.XXXXXX";
	int top = make_top(path);
	struct rlimit old, few = {128, 128};
	assert_int_equal(mkdirat(top, "tree", 0700), 0);
	int at = openat(top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_file(at, ".nidus-removed.0");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(mkdirat(at, "d", i % 7 ? 0700 : 0500), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fchmod(next, 0700);
		make_file(next, "f");
		close(at);
		at = next;
	}
	close(at);
	getrlimit(RLIMIT_NOFILE, &old);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	nd_err *e = tree_remove(top, "tree");
	setrlimit(RLIMIT_NOFILE, &old);
	assert_null(e);
	assert_int_equal(faccessat(top, "tree", F_OK, 0), -1);
	close(top);
	assert_int_equal(rmdir(path), 0);
}

static void closed_directories(void **state)
{
	char path[] = "/tmp/nidus-test-fd.XXXXXX";
	int top = make_top(path);
	assert_int_equal(mkdirat(top, "tree", 0700), 0);
	assert_int_equal(mkdirat(top, "tree/a", 0700), 0);
	make_file(top, "tree/a/f");
	assert_int_equal(fchmodat(top, "tree/a", 0, 0), 0);
	assert_int_equal(fchmodat(top, "tree", 0500, 0), 0);
	assert_null(tree_remove(top, "tree"));
	assert_null(tree_remove(top, "absent"));
	close(top);
	assert_int_equal(rmdir(path), 0);
}

static void links_stay_unfollowed(void **state)
{
	char path[] = "/tmp/nidus-test-fd.XXXXXX";
	int top = make_top(path);
	assert_int_equal(mkdirat(top, "keep", 0700), 0);
	make_file(top, "keep/f");
	assert_int_equal(mkdirat(top, "tree", 0700), 0);
	assert_int_equal(symlinkat("../keep", top, "tree/l"), 0);
	assert_int_equal(symlinkat("keep", top, "link"), 0);
	assert_null(tree_remove(top, "tree"));
	assert_null(tree_remove(top, "link"));
	assert_int_equal(faccessat(top, "keep/f", F_OK, 0), 0);
	assert_null(tree_remove(top, "keep"));
	close(top);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deep),
		cmocka_unit_test(closed_directories),
		cmocka_unit_test(links_stay_unfollowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
