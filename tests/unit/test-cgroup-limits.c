/* Tests of container/cgroup-limits.c, and of a record's cgroup lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "container/cgroup-limits.h"
#include "container/cgroup-usage.h"
#include "container/cgroup.h"

/* "file=value ..." of all settings, in order. */
static char *written(const struct cgroup_limits *l, bool v2, bool fresh)
{
	_cleanup_settings_ struct cgroup_settings s = {0};
	struct buf b = {0};
	limits_settings(l, UINT32_MAX, v2, fresh, &s);
	for (size_t i = 0; i < s.n; i++)
		buf_fmt(&b, "%s%s=%s", i ? " " : "", s.v[i].file, s.v[i].value);
	return buf_steal(&b);
}

static void expect(const struct cgroup_limits *l, bool v2, bool fresh, const char *want)
{
	_cleanup_free_ char *got = written(l, v2, fresh);
	assert_string_equal(got, want);
}

static void files(void **state)
{
	const struct cgroup_limits l = {.memory = 1 << 20,
		.memory_swap = 3 << 20,
		.memory_reservation = 1 << 19,
		.cpu_quota_us = 50000,
		.cpu_period_us = 100000,
		.cpu_shares = 512,
		.cpuset_cpus = "0-1",
		.cpuset_mems = "0",
		.pids = 10};
	expect(&l, false, true,
		"memory.limit_in_bytes=1048576 memory.memsw.limit_in_bytes=3145728 "
		"memory.soft_limit_in_bytes=524288 cpu.shares=512 cpu.cfs_quota_us=50000 "
		"cpuset.cpus=0-1 cpuset.mems=0 pids.max=10");
	expect(&l, true, true,
		"memory.max=1048576 memory.swap.max=2097152 memory.low=524288 cpu.weight=59 "
		"cpu.max=50000 100000 cpuset.cpus=0-1 cpuset.mems=0 pids.max=10");
	assert_int_equal(limits_controllers(&l), CTL_MEMORY | CTL_CPU | CTL_CPUSET | CTL_PIDS);
}

static void defaults_are_not_written(void **state)
{
	const struct cgroup_limits none = {0};
	expect(&none, false, true, "");
	expect(&none, true, true, "");
	assert_int_equal(limits_controllers(&none), 0);
	const struct cgroup_limits off = {
		.memory = 4096, .memory_swap = -1, .pids = -1, .cpu_quota_us = -1};
	expect(&off, false, true, "memory.limit_in_bytes=4096");
	expect(&off, true, true, "memory.max=4096 cpu.max=max");
	expect(&off, false, false,
		"memory.limit_in_bytes=4096 memory.memsw.limit_in_bytes=-1 cpu.cfs_quota_us=-1 "
		"pids.max=max");
	expect(&off, true, false, "memory.max=4096 memory.swap.max=max cpu.max=max pids.max=max");
	const struct cgroup_limits empty = {.cpuset_cpus = (char *)"", .cpuset_mems = (char *)""};
	assert_int_equal(limits_controllers(&empty), 0);
}

static void weights(void **state)
{
	assert_int_equal(cpu_shares_to_weight(0), 0);
	assert_int_equal(cpu_shares_to_weight(1), 1);
	assert_int_equal(cpu_shares_to_weight(2), 1);
	assert_int_equal(cpu_shares_to_weight(1024), 100);
	assert_int_equal(cpu_shares_to_weight(262144), 10000);
	assert_int_equal(cpu_shares_to_weight(UINT64_MAX), 10000);
	for (uint64_t s = 2, last = 0; s <= 262144; s = s * 5 / 4 + 1) {
		assert_true(cpu_shares_to_weight(s) >= last);
		last = cpu_shares_to_weight(s);
	}
}

static void refused(struct cgroup_limits l, const char *option)
{
	_cleanup_err_ nd_err *e = limits_check(&l);
	if (!e)
		fail_msg("%s was accepted", option);
	_cleanup_free_ char *line = err_line(e);
	assert_int_equal(e->kind, ND_INVALID);
	if (!str_starts(line, option))
		fail_msg("'%s' does not begin with %s", line, option);
}

static void ranges(void **state)
{
	refused((struct cgroup_limits){.memory = -1}, "--memory:");
	refused((struct cgroup_limits){.memory_swap = -2}, "--memory-swap:");
	refused((struct cgroup_limits){.memory_swap = 5}, "--memory-swap:");
	refused((struct cgroup_limits){.memory = 6, .memory_swap = 5}, "--memory-swap:");
	refused((struct cgroup_limits){.memory_reservation = -4}, "--memory-reservation:");
	refused((struct cgroup_limits){.memory = 5, .memory_reservation = 6},
		"--memory-reservation:");
	refused((struct cgroup_limits){.cpu_period_us = 999}, "--cpu-period:");
	refused((struct cgroup_limits){.cpu_period_us = 1000001}, "--cpu-period:");
	refused((struct cgroup_limits){.cpu_quota_us = 999}, "--cpus:");
	refused((struct cgroup_limits){.cpu_quota_us = -2}, "--cpus:");
	refused((struct cgroup_limits){.cpuset_cpus = (char *)"0-"}, "--cpuset-cpus:");
	refused((struct cgroup_limits){.cpuset_mems = (char *)"x"}, "--cpuset-mems:");
	refused((struct cgroup_limits){.pids = -2}, "--pids-limit:");
	refused((struct cgroup_limits){.pids = 4194305}, "--pids-limit:");
	static const char *const keys[] = {"memory.high", "=5", "memory/../x=1", "memory=5",
		"cgroup.procs=0", "cgroup.kill=1", "cgroup.subtree_control=+pids", "../a.b=1",
		".x=1"};
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char *v[] = {(char *)keys[i], NULL};
		refused((struct cgroup_limits){.unified = {v, 1}}, "--cgroup-conf:");
	}
	char *fine[] = {(char *)"memory.high=5", (char *)"hugetlb.2MB.max=0",
		(char *)"cgroup.max.depth=3", NULL};
	struct cgroup_limits l = {.memory = 2 << 20, .memory_swap = -1, .unified = {fine, 3}};
	_cleanup_err_ nd_err *e = limits_check(&l);
	assert_null(e);
	bool core;
	assert_int_equal(limits_unified_controllers(&l, &core), CTL_MEMORY | CTL_HUGETLB);
	assert_true(core);
}

static void lists(void **state)
{
	struct cpu_list a, b;
	static const char *const bad[] = {
		"", ",", "1,", "-1", "1-", "3-1", "a", "1;2", "99999", "1 "};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(cpu_list_parse(bad[i], &a));
	assert_true(cpu_list_parse("0-3,64,8191", &a));
	assert_true(a.bits[0] == 15 && a.bits[1] == 1 && a.bits[127] == 1ull << 63);
	assert_true(cpu_list_parse("2,64", &b));
	assert_true(cpu_list_within(&b, &a));
	assert_false(cpu_list_within(&a, &b));
}

static void record(void **state)
{
	const char *text = "v1 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/a b/nidus-x\n"
			   "v2 - /no/such/cgroup/nidus-x\n";
	_cleanup_cgroup_ struct cgroup c = CGROUP_NONE;
	_cleanup_err_ nd_err *e = cgroup_load(text, &c);
	assert_null(e);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.dirs[0].ctls, CTL_CPU | CTL_CPUACCT);
	assert_string_equal(c.dirs[0].path, "/sys/fs/cgroup/cpu,cpuacct/a b/nidus-x");
	assert_true(c.dirs[1].v2 && c.dirs[1].join_fd == -1 && c.clone_fd == -1);
	_cleanup_free_ char *again = cgroup_save(&c);
	assert_string_equal(again, text);
	/* Groups that are gone: nothing to kill, nothing to remove, nothing to count. */
	e = cgroup_kill(&c, 100);
	assert_null(e);
	e = cgroup_remove(&c, 100);
	assert_null(e);
	assert_int_equal(cgroup_oom_kills(&c), 0);
	static const char *const bad[] = {"v3 x /a", "v1 /a", "v1  /a", "v1 x a", "x",
		"v1 pids /sys/fs/cgroup/pids/../../../../etc/x"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_cgroup_ struct cgroup none = CGROUP_NONE;
		_cleanup_err_ nd_err *wrong = cgroup_load(bad[i], &none);
		assert_non_null(wrong);
	}
	_cleanup_cgroup_ struct cgroup none = CGROUP_NONE;
	e = cgroup_load(NULL, &none);
	assert_null(e);
	assert_int_equal(none.n, 0);
}

static void statistics(void **state)
{
	uint64_t v = 7;
	assert_true(stat_value("anon 5\ninactive_file 12\n", "inactive_file", &v) && v == 12);
	assert_false(stat_value("anon 5\nactive_file 12\n", "file", &v));
	assert_true(stat_value("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill", &v) &&
		    v == 3);
	assert_true(stat_value("9223372036854771712\n", NULL, &v) && v == UINT64_MAX);
	assert_true(stat_value("18446744073709551615\n", NULL, &v) && v == UINT64_MAX);
	assert_false(stat_value("max\n", NULL, &v));
	assert_true(stat_value("4096\n", NULL, &v) && v == 4096);
	assert_true(stat_sum("8:0 rbytes=10 wbytes=1 rios=2\n8:16 rbytes=5 wbytes=2 rios=2\n",
			    "rbytes", &v) &&
		    v == 15);
	assert_true(stat_sum("8:0 Read 10\n8:0 Write 4\n8:16 Read 1\nTotal 15\n", "Read", &v) &&
		    v == 11);
	assert_true(stat_sum("", "Read", &v) && v == 0);
	struct usage u;
	assert_true(usage_parse(
		"12 (a) b) S 1 1 1 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 7 0 99 1 2", &u));
	assert_true(u.cpu_ns == 1000000000 && u.threads == 7);
	assert_false(usage_parse("12 (a) S 1 1", &u));
	assert_false(usage_parse("", &u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(defaults_are_not_written),
		cmocka_unit_test(weights),
		cmocka_unit_test(ranges),
		cmocka_unit_test(lists),
		cmocka_unit_test(record),
		cmocka_unit_test(statistics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
