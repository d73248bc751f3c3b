/* Tests of kernel/cgroup.c, on texts of many hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/cgroup.h"

/* One answer: the path of our own group in the hierarchy that carries a controller. */
struct expect {
	const char *name; /* of the hierarchy, "" is v2 */
	const char *path; /* NULL: not to be had */
	bool readonly;
};

struct host {
	const char *what, *cgroup, *mounts;
	struct expect expect[8];
};

static const struct host hosts[] = {
	{"systemd, cgroup v2", "0::/user.slice/user-1000.slice/session-3.scope\n",
		"26 25 0:23 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 "
		"cgroup2 "
		"rw,nsdelegate,memory_recursiveprot\n",
		{{"", "/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope", false}}},
	{"systemd, hybrid",
		"13:pids:/user.slice\n5:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/x\n"
		"0::/user.slice/x\n",
		"30 24 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"
		"31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"
		"32 30 0:28 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup "
		"rw,xattr,name=systemd\n"
		"37 30 0:33 / /sys/fs/cgroup/cpu,cpuacct rw shared:16 - cgroup cgroup "
		"rw,cpu,cpuacct\n"
		"38 30 0:34 / /sys/fs/cgroup/pids rw shared:17 - cgroup cgroup rw,pids\n",
		{{"pids", "/sys/fs/cgroup/pids/user.slice", false},
			{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/user.slice", false},
			{"name=systemd", "/sys/fs/cgroup/systemd/user.slice/x", false},
			{"", "/sys/fs/cgroup/unified/user.slice/x", false}}},
	{"docker, v1, the host's cgroup namespace",
		"4:memory:/docker/0123abcd\n3:cpu,cpuacct:/docker/0123abcd\n1:name=systemd:/docker/"
		"0123abcd\n",
		"700 650 0:60 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		"701 700 0:29 /docker/0123abcd /sys/fs/cgroup/systemd ro master:11 - cgroup cgroup "
		"rw,xattr,name=systemd\n"
		"703 700 0:33 /docker/0123abcd /sys/fs/cgroup/cpu,cpuacct ro master:16 - cgroup "
		"cgroup "
		"rw,cpu,cpuacct\n"
		"704 700 0:34 /docker/0123abcd /sys/fs/cgroup/memory rw master:17 - cgroup cgroup "
		"rw,memory\n",
		{{"memory", "/sys/fs/cgroup/memory", false},
			{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", true},
			{"name=systemd", "/sys/fs/cgroup/systemd", true}}},
	{"docker, v2, a cgroup namespace of its own", "0::/\n",
		"595 590 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec - cgroup2 cgroup "
		"rw,nsdelegate\n",
		{{"", "/sys/fs/cgroup", true}}},
	{"kubernetes, v1, a process below the mount's part",
		"5:memory:/kubepods/burstable/pod1/abc/init\n2:cpuset:/\n",
		"905 900 0:31 /kubepods/burstable/pod1/abc /sys/fs/cgroup/memory rw - cgroup "
		"cgroup "
		"rw,memory\n"
		"906 900 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n",
		{{"memory", "/sys/fs/cgroup/memory/init", false},
			{"cpuset", "/sys/fs/cgroup/cpuset", false}}},
	{"unshare -C without a new mount: where we are cannot be told", "0::/\n",
		"26 25 0:23 /../../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		{{"", NULL, false}}},
	{"outside of the namespace that is looked from", "0::/../other\n",
		"26 25 0:23 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		{{"", "/sys/fs/cgroup/other", false}}},
	{"further outside", "0::/../../other\n",
		"26 25 0:23 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", {{"", NULL, false}}},
	{"a group whose name begins like the mount's root", "0::/docker/abcdef\n",
		"26 25 0:23 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		{{"", NULL, false}}},
	{"lxc, v1, names with spaces and colons", "3:devices:/lxc/my box:1\n",
		"26 25 0:23 / /sys/fs/cgroup/dev\\040ices rw - cgroup cgroup rw,devices\n",
		{{"devices", "/sys/fs/cgroup/dev ices/lxc/my box:1", false}}},
	{"a read-only mount after a writable one", "0::/a\n",
		"26 25 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		"27 25 0:23 / /elsewhere ro - cgroup2 cgroup2 rw\n",
		{{"", "/sys/fs/cgroup/a", false}}},
	{"a writable mount after a read-only one", "0::/a\n",
		"26 25 0:23 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
		"27 25 0:23 / /elsewhere rw - cgroup2 cgroup2 rw\n",
		{{"", "/elsewhere/a", false}}},
	{"a group that was removed", "0::/a (deleted)\n",
		"26 25 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		{{"", "/sys/fs/cgroup/a", false}}},
	{"gVisor", "2:memory:/\n1:cpu:/\n",
		"5 1 0:5 / /sys/fs/cgroup rw - tmpfs none rw\n"
		"6 5 0:6 / /sys/fs/cgroup/memory rw - cgroup none rw,memory\n",
		{{"memory", "/sys/fs/cgroup/memory", false}, {"cpu", NULL, false}}},
	{"cpu mounted alone beside cpu,cpuacct of another tree", "3:cpuacct:/x\n2:cpu:/y\n",
		"6 5 0:6 / /c1 rw - cgroup none rw,cpuacct\n7 5 0:7 / /c2 rw - cgroup none "
		"rw,cpu\n",
		{{"cpu", "/c2/y", false}, {"cpuacct", "/c1/x", false}}},
};

static struct cgroup_hier *by_name(struct cgroup_place *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->hiers[i].name, name) == 0)
			return &p->hiers[i];
	return NULL;
}

static void parse(struct cgroup_place *p, const char *text)
{
	struct buf b = {0};
	buf_str(&b, text);
	cgroup_place_parse(p, &b);
	assert_null(b.data);
}

static void many_hosts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		const struct host *h = &hosts[i];
		_cleanup_cgroup_place_ struct cgroup_place p;
		_cleanup_free_ char *mounts = str_dup(h->mounts);
		parse(&p, h->cgroup);
		cgroup_mounts_parse(&p, mounts, strlen(mounts));
		assert_true(p.mounts_read);
		for (const struct expect *x = h->expect; x->name; x++) {
			struct cgroup_hier *hier = by_name(&p, x->name);
			if (!hier)
				fail_msg("%s: no hierarchy '%s'", h->what, x->name);
			if (!x->path) {
				if (hier->mount)
					fail_msg("%s: %s", h->what, hier->mount);
				continue;
			}
			if (!hier->mount)
				fail_msg("%s: '%s' not found", h->what, x->name);
			_cleanup_free_ char *path = cgroup_hier_path(hier, "");
			if (strcmp(path, x->path) != 0)
				fail_msg("%s: %s, not %s", h->what, path, x->path);
			assert_int_equal(hier->readonly, x->readonly);
		}
	}
}

static void lines_that_are_none(void **state)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	parse(&p, "\n:::\nx:memory:/\n4:memory\n5:pids:relative\n1::/v1-without-a-name\n7:cpu:/ok");
	assert_int_equal(p.n, 1);
	assert_string_equal(p.hiers[0].own, "/ok");
	assert_int_equal(p.hiers[0].ctls, CTL_CPU);
}

static void more_than_fit(void **state)
{
	struct buf b = {0};
	for (int i = 1; i <= 100; i++)
		buf_fmt(&b, "%d:name=h%d:/\n", i, i);
	_cleanup_cgroup_place_ struct cgroup_place p;
	cgroup_place_parse(&p, &b);
	assert_int_equal(p.n, CGROUP_HIERS_MAX);
	_cleanup_cgroup_place_ struct cgroup_place none;
	cgroup_place_parse(&none, &b);
	assert_int_equal(none.n, 0);
}

static void usual_places(void **state)
{
	_cleanup_cgroup_place_ struct cgroup_place p, q;
	parse(&p, "5:cpu,cpuacct:/u\n1:name=systemd:/\n0::/v\n");
	cgroup_mounts_usual(&p);
	_cleanup_free_ char *cpu = cgroup_hier_path(cgroup_hier_find(&p, CTL_CPUACCT), "nidus-x");
	assert_string_equal(cpu, "/sys/fs/cgroup/cpu,cpuacct/u/nidus-x");
	_cleanup_free_ char *named = cgroup_hier_path(by_name(&p, "name=systemd"), "nidus-x");
	assert_string_equal(named, "/sys/fs/cgroup/systemd/nidus-x");
	_cleanup_free_ char *v2 = cgroup_hier_path(cgroup_hier_v2(&p), "");
	assert_string_equal(v2, "/sys/fs/cgroup/unified/v");
	parse(&q, "0::/\n");
	cgroup_mounts_usual(&q);
	_cleanup_free_ char *alone = cgroup_hier_path(cgroup_hier_v2(&q), "nidus-x");
	assert_string_equal(alone, "/sys/fs/cgroup/nidus-x");
}

static void controllers(void **state)
{
	assert_int_equal(cgroup_ctl_list("cpuset cpu io memory hugetlb pids rdma misc\n", ' '),
		CTL_CPUSET | CTL_CPU | CTL_IO | CTL_MEMORY | CTL_HUGETLB | CTL_PIDS | CTL_RDMA |
			CTL_MISC);
	assert_int_equal(cgroup_ctl_list("cpu,cpuacct", ','), CTL_CPU | CTL_CPUACCT);
	assert_int_equal(cgroup_ctl_list("name=systemd", ','), CTL_NAMED);
	assert_int_equal(cgroup_ctl_list("", ','), 0);
	assert_int_equal(cgroup_ctl_list("cp,cpux,new", ','), 0);
	assert_int_equal(cgroup_ctl_bit("blkio", 5), CTL_IO);
	assert_string_equal(cgroup_ctl_name(CTL_IO, true), "io");
	assert_string_equal(cgroup_ctl_name(CTL_IO, false), "blkio");
	assert_string_equal(cgroup_ctl_name(CTL_CPU | CTL_IO, false), "?");
}

static void own_place(void **state)
{
	_cleanup_cgroup_place_ struct cgroup_place p = {0};
	_cleanup_err_ nd_err *e = cgroup_place_read(&p);
	assert_null(e);
	if (!p.n)
		skip();
	e = cgroup_mounts_read(&p);
	assert_null(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_hosts),
		cmocka_unit_test(lines_that_are_none),
		cmocka_unit_test(more_than_fit),
		cmocka_unit_test(usual_places),
		cmocka_unit_test(controllers),
		cmocka_unit_test(own_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
