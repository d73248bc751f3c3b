/* kernel/mountinfo.c and kernel/cgroup.c: any text as mountinfo, as /proc/PID/cgroup (before the
 * first NUL), and as lists of devices and CPUs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "container/cgroup-limits.h"
#include "container/cgroup-usage.h"
#include "container/devrules.h"
#include "kernel/cgroup.h"
#include "kernel/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static void mounts(const char *text, size_t len)
{
	struct buf b = {0};
	struct mountinfo_iter it;
	struct mountinfo m;
	size_t lines = 1, seen = 0;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	buf_add(&b, text, len);
	mountinfo_start(&it, b.data, b.len);
	while (mountinfo_next(&it, &m)) {
		seen++;
		expect(m.id >= 0 && m.parent >= 0 && m.target[0] == '/' && *m.type);
		expect(strlen(m.root) + strlen(m.options) + strlen(m.tags) + strlen(m.source) +
				strlen(m.super) <
			len);
	}
	expect(seen + it.bad <= lines);
	buf_done(&b);
}

static void groups(const char *cgroup, const char *text, size_t len)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	struct buf b = {0}, t = {0};
	buf_str(&b, cgroup);
	buf_add(&t, text, len);
	cgroup_place_parse(&p, &b);
	expect(p.n <= CGROUP_HIERS_MAX);
	cgroup_mounts_usual(&p);
	cgroup_mounts_parse(&p, t.data, t.len);
	for (size_t i = 0; i < p.n; i++) {
		expect(p.hiers[i].own[0] == '/');
		if (!p.hiers[i].mount)
			continue;
		_cleanup_free_ char *path = cgroup_hier_path(&p.hiers[i], "x");
		expect(path[0] == '/');
	}
	buf_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *s = str_ndup((const char *)data, size);
	size_t first = strlen(s), rest = first < size ? first + 1 : size;
	struct device_rule r;
	struct cpu_list l;
	struct usage u;
	uint64_t v;
	mounts((const char *)data, size);
	groups(s, (const char *)data + rest, size - rest);
	if (devrule_parse(s, &r)) {
		char text[DEVRULE_TEXT];
		struct device_rule again;
		devrule_text(&r, text);
		expect(devrule_parse(text, &again) && again.major == r.major &&
			again.minor == r.minor);
	}
	if (cpu_list_parse(s, &l))
		expect(cpu_list_within(&l, &l));
	(void)usage_parse(s, &u);
	(void)stat_sum(s, "rbytes", &v);
	(void)stat_value(s, "oom_kill", &v);
	return 0;
}
