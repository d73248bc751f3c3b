/* --security-opt: every form, and every way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "container/lsm.h"
#include "container/secopt.h"

static void add(struct security_opts *o, const char *text)
{
	_cleanup_err_ nd_err *e = security_opt_add(o, text);
	if (e)
		fail_msg("%s: %s", text, e->object);
}

static void test_forms(void **state)
{
	_cleanup_secopts_ struct security_opts o = {0};
	add(&o, "no-new-privileges");
	assert_true(o.no_new_privs);
	add(&o, "no-new-privileges=false");
	assert_false(o.no_new_privs);
	add(&o, "no-new-privileges:true");
	assert_true(o.no_new_privs);
	add(&o, "seccomp=/a/b=c.json");
	assert_string_equal(o.seccomp, "/a/b=c.json");
	add(&o, "seccomp:unconfined");
	assert_string_equal(o.seccomp, "unconfined");
	add(&o, "apparmor=my profile");
	assert_string_equal(o.apparmor, "my profile");
	add(&o, "label=disable");
	add(&o, "label=nested");
	add(&o, "label=level:s0:c1,c2");
	add(&o, "label:type:spc_t");
	assert_true(o.label_disable && o.label_nested);
	assert_int_equal(o.labels.n, 2);
	assert_string_equal(o.labels.v[0], "level:s0:c1,c2");
	assert_string_equal(o.labels.v[1], "type:spc_t");
	add(&o, "mask=/proc/a:/sys/b");
	assert_int_equal(o.mask.n, 2);
	add(&o, "unmask=/proc/*");
	add(&o, "unmask=all");
	add(&o, "systempaths=unconfined");
	_cleanup_free_ char *unmask = strv_join(&o.unmask, "|");
	assert_string_equal(unmask, "/proc/*|ALL|ALL");
	add(&o, "proc-opts=hidepid=2,gid=5");
	assert_int_equal(o.proc_opts.n, 2);
	assert_string_equal(o.proc_opts.v[0], "hidepid=2");
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"", "'' is unknown; allowed are"},
		{"privileged", "'privileged' is unknown"},
		{"seccomp", "a value is missing"},
		{"seccomp=", "a file or unconfined is missing"},
		{"apparmor=", "is missing"},
		{"no-new-privileges=maybe", "'maybe' is not true or false"},
		{"no-new-privileges=", "'' is not true or false"},
		{"label=", "label: ''"},
		{"label=type:", "label: 'type:'"},
		{"label=colour:red", "label: 'colour:red'"},
		{"mask=proc", "'proc' is not an absolute path"},
		{"mask=/a::/b", "'' is not an absolute path"},
		{"unmask=", "'' is not an absolute path"},
		{"systempaths=all", "only unconfined"},
		{"proc-opts=a,,b", "empty option"},
		{"seccomp-x=1", "is unknown"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_secopts_ struct security_opts o = {0};
		_cleanup_err_ nd_err *e = security_opt_add(&o, bad[i].text);
		assert_non_null(e);
		if (!strstr(e->object, bad[i].part) || !str_starts(e->object, "--security-opt"))
			fail_msg("%s\n  lacks: %s", e->object, bad[i].part);
	}
}

static void test_seccomp(void **state)
{
	_cleanup_secopts_ struct security_opts o = {0};
	struct seccomp_filter *f = (void *)1;
	assert_null(security_opts_seccomp(&o, true, 0, NULL, &f));
	assert_null(f);
	assert_null(security_opts_seccomp(&o, false, 0, NULL, &f));
	assert_non_null(f);
	seccomp_filter_free(f);
	add(&o, "seccomp=unconfined");
	assert_null(security_opts_seccomp(&o, false, 0, NULL, &f));
	assert_null(f);
	add(&o, "seccomp=/nowhere/p.json");
	_cleanup_err_ nd_err *e = security_opts_seccomp(&o, true, 0, NULL, &f);
	assert_non_null(e);
	assert_null(f);
	_cleanup_free_ char *line = err_line(e);
	assert_non_null(strstr(line, "/nowhere/p.json"));
}

static void test_lsm(void **state)
{
	_cleanup_strv_ struct strv none = {0};
	char *label = (char *)1;
	assert_null(lsm_selinux_label(&none, &label));
	assert_null(label);
	assert_null(lsm_apparmor_check(NULL));
	assert_null(lsm_apparmor_check("unconfined"));
	/* A directory that plays /proc is found out. */
	char dir[] = "/tmp/nidus-test-lsm-XXXXXX", path[96];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/thread-self/attr/apparmor", dir);
	assert_null(dir_make(path, 0755));
	_cleanup_fd_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_null(file_replace(fd, "thread-self/attr/apparmor/exec", "", 0, 0644));
	_cleanup_err_ nd_err *e = lsm_apply(fd, "profile", NULL);
	assert_non_null(e);
	assert_string_equal(err_find_code(e), "proc-is-not-proc");
	assert_null(lsm_apply(fd, "unconfined", NULL));
	assert_null(tree_remove(AT_FDCWD, dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_lsm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
