/* Tests of kernel/mountinfo.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/mountinfo.h"

static bool one(char *text, struct mountinfo *m, size_t *bad)
{
	struct mountinfo_iter it;
	mountinfo_start(&it, text, strlen(text));
	bool got = mountinfo_next(&it, m);
	struct mountinfo more;
	while (mountinfo_next(&it, &more))
		;
	*bad = it.bad;
	return got;
}

static void fields(void **state)
{
	char text[] =
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root "
		"rw,errors=continue\n";
	struct mountinfo m;
	size_t bad;
	assert_true(one(text, &m, &bad));
	assert_int_equal(m.id, 36);
	assert_int_equal(m.parent, 35);
	assert_int_equal(m.major, 98);
	assert_int_equal(m.minor, 0);
	assert_string_equal(m.root, "/mnt1");
	assert_string_equal(m.target, "/mnt2");
	assert_string_equal(m.options, "rw,noatime");
	assert_string_equal(m.tags, "master:1 propagate_from:2");
	assert_string_equal(m.type, "ext3");
	assert_string_equal(m.source, "/dev/root");
	assert_string_equal(m.super, "rw,errors=continue");
	assert_int_equal(bad, 0);
}

static void escapes(void **state)
{
	char text[] =
		"1 0 0:2 /a\\134b /mnt/with\\040space\\011tab\\012line ro - fuse.x src\\043x "
		"rw\n2 1 0:3 / /a\\04 rw - tmpfs \\000 rw\n3 1 0:3 / /\\400\\9 rw - tmpfs  rw";
	struct mountinfo_iter it;
	struct mountinfo m;
	mountinfo_start(&it, text, strlen(text));
	assert_true(mountinfo_next(&it, &m));
	assert_string_equal(m.root, "/a\\b");
	assert_string_equal(m.target, "/mnt/with space\ttab\nline");
	assert_string_equal(m.source, "src#x");
	assert_string_equal(m.tags, "");
	/* Not three octal digits, or a NUL: as it stands. */
	assert_true(mountinfo_next(&it, &m));
	assert_string_equal(m.target, "/a\\04");
	assert_string_equal(m.source, "\\000");
	/* No newline at the end, an empty source, digits above a byte. */
	assert_true(mountinfo_next(&it, &m));
	assert_string_equal(m.target, "/\\400\\9");
	assert_string_equal(m.source, "");
	assert_string_equal(m.super, "rw");
	assert_false(mountinfo_next(&it, &m));
}

static void other_dialects(void **state)
{
	static const char *const wrong[] = {
		"36 35 98:0 /mnt1 /mnt2 rw,noatime",
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1",
		"36 35 98:0 /mnt1 /mnt2 rw - ext3",
		"36 35 98:0 /mnt1 /mnt2 rw - ext3 src",
		"x 35 98:0 / / rw - ext3 a b",
		"36 -1 98:0 / / rw - ext3 a b",
		"36 35 98 / / rw - ext3 a b",
		"36 35 98:0x / / rw - ext3 a b",
		"99999999999 35 98:0 / / rw - ext3 a b",
		"36 35 98:0 / relative rw - ext3 a b",
		" - ",
		"-",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char text[256];
		struct mountinfo m;
		size_t bad;
		snprintf(text, sizeof text, "%s\n1 0 0:1 / /ok rw - t s o\n", wrong[i]);
		assert_true(one(text, &m, &bad));
		assert_string_equal(m.target, "/ok");
		assert_int_equal(bad, 1);
	}
	struct mountinfo_iter it;
	struct mountinfo m;
	mountinfo_start(&it, NULL, 0);
	assert_false(mountinfo_next(&it, &m));
	char nul[] = "1 0 0:1 / /x\0y rw - t s o";
	mountinfo_start(&it, nul, sizeof nul - 1);
	assert_false(mountinfo_next(&it, &m));
	assert_int_equal(it.bad, 1);
}

static void options(void **state)
{
	assert_true(mount_has_option("rw,nosuid,ro", "ro"));
	assert_true(mount_has_option("cpu", "cpu"));
	assert_false(mount_has_option("cpu,cpuacct", "acct"));
	assert_false(mount_has_option("errors=remount-ro", "ro"));
	assert_false(mount_has_option("", "ro"));
	assert_false(mount_has_option("a,,b", "ro"));
}

static void own_file(void **state)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_err_ nd_err *e = mountinfo_read(NULL, &text);
	if (e)
		skip();
	struct mountinfo_iter it;
	struct mountinfo m;
	size_t n = 0;
	mountinfo_start(&it, text.data, text.len);
	while (mountinfo_next(&it, &m))
		n++;
	assert_true(n > 0);
	assert_int_equal(it.bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(escapes),
		cmocka_unit_test(other_dialects),
		cmocka_unit_test(options),
		cmocka_unit_test(own_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
