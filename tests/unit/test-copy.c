/* Tests of container/copy.c: layers one over the other, without an overlay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "container/rootfs.h"

static char top[64];
static int top_fd;

static int set_up(void **state)
{
	snprintf(top, sizeof top, "/tmp/nidus-test-copy.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (const char *const *d = (const char *const[]){"one", "two", "to", NULL}; *d; d++)
		if (mkdirat(top_fd, *d, 0755) < 0)
			return -1;
	return 0;
}

static int tear_down(void **state)
{
	nd_err *e = tree_remove(AT_FDCWD, top);
	close(top_fd);
	return e ? -1 : 0;
}

static void dir(const char *path)
{
	assert_int_equal(mkdirat(top_fd, path, 0755), 0);
}

static void file(const char *path, const char *text)
{
	int fd = openat(top_fd, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && fd_write_all(fd, text, strlen(text)));
	close(fd);
}

static bool exists(const char *path)
{
	return faccessat(top_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void copy_both(void)
{
	_cleanup_strv_ struct strv layers = {0};
	strv_fmt(&layers, "%s/one", top);
	strv_fmt(&layers, "%s/two", top);
	_cleanup_free_ char *to = str_fmt("%s/to", top);
	assert_null(layers_copy(&layers, to));
}

static void whiteouts(void **state)
{
	dir("one/d");
	file("one/d/x", "1");
	file("one/gone", "1");
	file("one/stays", "1");
	if (mknodat(top_fd, "two/gone", S_IFCHR, makedev(0, 0)) < 0)
		skip();
	assert_int_equal(mknodat(top_fd, "two/d", S_IFCHR, makedev(0, 0)), 0);
	copy_both();
	assert_true(exists("to/stays"));
	assert_false(exists("to/gone") || exists("to/d"));
}

static void opaque(void **state)
{
	dir("one/d");
	file("one/d/x", "1");
	dir("two/d");
	file("two/d/y", "2");
	_cleanup_free_ char *path = str_fmt("%s/two/d", top);
	if (setxattr(path, "user.overlay.opaque", "y", 1, 0) < 0)
		skip();
	copy_both();
	assert_true(exists("to/d/y"));
	assert_false(exists("to/d/x"));
}

static void links(void **state)
{
	struct stat a, b, c;
	dir("one/d");
	file("one/d/a", "1");
	assert_int_equal(linkat(top_fd, "one/d/a", top_fd, "one/b", 0), 0);
	assert_int_equal(linkat(top_fd, "one/d/a", top_fd, "one/c", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", top_fd, "one/l"), 0);
	file("two/c", "2");
	copy_both();
	assert_int_equal(fstatat(top_fd, "to/d/a", &a, 0), 0);
	assert_int_equal(fstatat(top_fd, "to/b", &b, 0), 0);
	assert_int_equal(fstatat(top_fd, "to/c", &c, 0), 0);
	assert_true(a.st_ino == b.st_ino && a.st_ino != c.st_ino);
	assert_int_equal(a.st_nlink, 2);
	assert_int_equal(fstatat(top_fd, "to/l", &a, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(a.st_mode));
}

static void attributes(void **state)
{
	struct stat st;
	const struct timespec times[2] = {{1000, 5}, {2000, 7}};
	dir("one/d");
	file("one/d/f", "1");
	assert_int_equal(fchmodat(top_fd, "one/d/f", 04751, 0), 0);
	assert_int_equal(utimensat(top_fd, "one/d/f", times, 0), 0);
	assert_int_equal(fchmodat(top_fd, "one/d", 0500, 0), 0);
	assert_int_equal(utimensat(top_fd, "one/d", times, 0), 0);
	copy_both();
	assert_int_equal(fstatat(top_fd, "to/d/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04751);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(fstatat(top_fd, "to/d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0500);
	assert_int_equal(st.st_mtim.tv_nsec, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whiteouts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(opaque, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(attributes, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
