/* User look-up against a root made for the test, friendly and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "container/user.h"

static char root[64];
static int root_fd = -1;

static void put(const char *path, const char *text)
{
	unlinkat(root_fd, path, 0);
	int fd = openat(root_fd, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_true(fd_write_all(fd, text, strlen(text)));
	close(fd);
}

static int setup(void **state)
{
	snprintf(root, sizeof root, "/tmp/nidus-test-user-XXXXXX");
	if (!mkdtemp(root) || (root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	return mkdirat(root_fd, "etc", 0755);
}

static int teardown(void **state)
{
	close(root_fd);
	err_free(tree_remove(AT_FDCWD, root));
	return 0;
}

static void usual_files(void)
{
	put("etc/passwd", "# comment\nroot:x:0:0:root:/root:/bin/bash\n"
			  "daemon:x:1:1::/usr/sbin:/bin/false\n+::::::\nbroken:x:-1:5::/x:\n"
			  "big:x:4294967295:5::/x:\nempty:x:::::\n"
			  "www:x:33:34:web, site:/var/www:/bin/sh\n5:x:77:78::/five:\nlast:x:9:9");
	put("etc/group", "root:x:0:\nadm:x:4:www,syslog\nwww:x:34:\nwwwx:x:35:wwwx\n"
			 "dup:x:4:www\nstaff:x:50:root,www\nbad:x:x:www\nlast:x:60:www");
}

static void expect(const char *user, uid_t uid, gid_t gid, const char *home, size_t n_groups)
{
	_cleanup_user_ struct user_info u = {0};
	_cleanup_err_ nd_err *e = user_resolve(root_fd, user, NULL, &u);
	assert_null(e);
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, gid);
	assert_string_equal(u.home, home);
	assert_int_equal(u.n_groups, n_groups);
}

static void refuse(const char *user, const struct strv *add, const char *part)
{
	struct user_info u = {0};
	_cleanup_err_ nd_err *e = user_resolve(root_fd, user, add, &u);
	assert_non_null(e);
	assert_null(u.home);
	_cleanup_free_ char *line = err_line(e);
	if (!strstr(line, part))
		fail_msg("%s\n  lacks: %s", line, part);
}

static void test_usual(void **state)
{
	usual_files();
	expect(NULL, 0, 0, "/root", 1);
	expect("", 0, 0, "/root", 1);
	expect("root", 0, 0, "/root", 1);
	expect("www", 33, 34, "/var/www", 3);
	expect("33", 33, 34, "/var/www", 3);
	expect("www:adm", 33, 4, "/var/www", 0);
	expect("www:1234", 33, 1234, "/var/www", 0);
	expect("www:", 33, 34, "/var/www", 3);
	expect(":50", 0, 50, "/root", 0);
	expect("last", 9, 9, "/", 0);
	expect("1234", 1234, 0, "/", 0);
	expect("1234:5678", 1234, 5678, "/", 0);
	expect("2147483647", 2147483647, 0, "/", 0);
	/* Digits are always a number, even where a user is called so. */
	expect("5", 5, 0, "/", 0);
}

static void test_refused(void **state)
{
	usual_files();
	refuse("nobody", NULL, "--user: 'nobody' is not in the container's /etc/passwd");
	refuse("www:nogroup", NULL, "'nogroup' is not in the container's /etc/group");
	refuse("2147483648", NULL, "uid 2147483648 is out of range");
	refuse("99999999999999999999", NULL, "out of range");
	refuse("0:4294967295", NULL, "gid 4294967295 is out of range");
	refuse("-1", NULL, "'-1' is not in");
	refuse("a:b:c", NULL, "'a:b:c' is not USER[:GROUP]");
	refuse("broken", NULL, "'broken' is not in");
	refuse("big", NULL, "'big' is not in");
	refuse("+", NULL, "'+' is not in");
}

static void test_group_add(void **state)
{
	usual_files();
	_cleanup_strv_ struct strv add = {0};
	strv_add(&add, "staff");
	strv_add(&add, "7");
	strv_add(&add, "adm");
	_cleanup_user_ struct user_info u = {0};
	assert_null(user_resolve(root_fd, "daemon", &add, &u));
	assert_int_equal(u.n_groups, 3);
	assert_int_equal(u.groups[0], 7);
	assert_int_equal(u.groups[1], 4);
	assert_int_equal(u.groups[2], 50);
	assert_false(u.keep_groups);
	strv_add(&add, "nothing");
	refuse("daemon", &add, "--group-add: 'nothing' is not in");
	strv_add(&add, "keep-groups");
	refuse("daemon", &add, "keep-groups excludes any other");
	_cleanup_strv_ struct strv keep = {0};
	strv_add(&keep, "keep-groups");
	_cleanup_user_ struct user_info k = {0};
	assert_null(user_resolve(root_fd, "0", &keep, &k));
	assert_true(k.keep_groups);
}

static void test_absent_and_hostile(void **state)
{
	unlinkat(root_fd, "etc/passwd", 0);
	unlinkat(root_fd, "etc/group", 0);
	expect("1000:1000", 1000, 1000, "/", 0);
	expect(NULL, 0, 0, "/", 0);
	refuse("root", NULL, "'root' is not in");
	/* A link that climbs out stays inside: the host's file is never read. */
	assert_int_equal(symlinkat("../../../../../../etc/passwd", root_fd, "etc/passwd"), 0);
	refuse("root", NULL, "'root' is not in");
	unlinkat(root_fd, "etc/passwd", 0);
	assert_int_equal(symlinkat("/etc/shadow", root_fd, "etc/passwd"), 0);
	refuse("root", NULL, "'root' is not in");
	/* A fifo and a directory do not hold the start up. */
	unlinkat(root_fd, "etc/passwd", 0);
	assert_int_equal(mkfifoat(root_fd, "etc/passwd", 0644), 0);
	refuse("root", NULL, "'root' is not in");
	expect("12", 12, 0, "/", 0);
	unlinkat(root_fd, "etc/passwd", 0);
	assert_int_equal(mkdirat(root_fd, "etc/passwd", 0755), 0);
	expect("12", 12, 0, "/", 0);
	unlinkat(root_fd, "etc/passwd", AT_REMOVEDIR);
	/* An endless line and a home of a megabyte are passed over. */
	_cleanup_buf_ struct buf b = {0};
	buf_str(&b, "www:x:1:1::/");
	for (int i = 0; i < 3 << 17; i++)
		buf_str(&b, "aaaaaaaa");
	buf_str(&b, "\nwww:x:33:34::/right:\nlong:x:2:2::/");
	for (int i = 0; i < 10000; i++)
		buf_str(&b, "b");
	buf_str(&b, ":\n");
	put("etc/passwd", b.data);
	expect("www", 33, 34, "/right", 0);
	expect("long", 2, 2, "/", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_group_add),
		cmocka_unit_test(test_absent_and_hostile),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
