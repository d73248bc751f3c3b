/* What a container uses: see cgroup.h.  Each number is one row of a table: which
 * controller, which file on v1 and on v2, which key in it, and the factor to our unit.
 * What no group accounts is summed over the processes. */
#include "container/cgroup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/cgroup-usage.h"

enum { STAT_MAX = 1 << 20 };

#define UNKNOWN UINT64_MAX

bool stat_value(const char *text, const char *key, uint64_t *ret)
{
	if (!text)
		return false;
	if (!key) {
		/* v1 has no word for "no limit" but the largest multiple of a page. */
		char *end;
		uint64_t v = strtoull(text, &end, 10);
		if (end == text)
			return false;
		*ret = v >= 1ull << 62 ? UNKNOWN : v;
		return true;
	}
	size_t n = strlen(key);
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		if (strncmp(p, key, n) != 0 || p[n] != ' ')
			continue;
		*ret = strtoull(p + n + 1, NULL, 10);
		return true;
	}
	return false;
}

bool stat_sum(const char *text, const char *key, uint64_t *ret)
{
	uint64_t sum = 0;
	size_t n = strlen(key);
	if (!text)
		return false;
	/* v2: "8:0 rbytes=1 wbytes=2 ..."; v1: "8:0 Read 1". */
	for (const char *p = strstr(text, key); p; p = strstr(p + n, key))
		if (p > text && p[-1] == ' ' && (p[n] == '=' || p[n] == ' '))
			sum += strtoull(p + n + 1, NULL, 10);
	*ret = sum;
	return true;
}

struct source {
	uint32_t ctl;
	const char *v1, *v1_key, *v2, *v2_key;
	size_t field;
	uint64_t v1_factor, v2_factor; /* to our unit */
	bool sum;
};

#define FIELD(f) offsetof(struct cgroup_stats, f)
enum { US = 1000, TICK = 10000000 }; /* USER_HZ is 100 on every port but alpha and ia64 */

static const struct source sources[] = {
	{CTL_CPUACCT, "cpuacct.usage", NULL, "cpu.stat", "usage_usec", FIELD(cpu_ns), 1, US, false},
	{CTL_CPUACCT, "cpuacct.stat", "user", "cpu.stat", "user_usec", FIELD(cpu_user_ns), TICK, US,
		false},
	{CTL_CPUACCT, "cpuacct.stat", "system", "cpu.stat", "system_usec", FIELD(cpu_system_ns),
		TICK, US, false},
	{CTL_CPU, "cpu.stat", "nr_throttled", "cpu.stat", "nr_throttled", FIELD(throttled), 1, 1,
		false},
	{CTL_CPU, "cpu.stat", "throttled_time", "cpu.stat", "throttled_usec", FIELD(throttled_ns),
		1, US, false},
	{CTL_MEMORY, "memory.usage_in_bytes", NULL, "memory.current", NULL, FIELD(memory), 1, 1,
		false},
	{CTL_MEMORY, "memory.limit_in_bytes", NULL, "memory.max", NULL, FIELD(memory_limit), 1, 1,
		false},
	{CTL_MEMORY, "memory.max_usage_in_bytes", NULL, "memory.peak", NULL, FIELD(memory_peak), 1,
		1, false},
	{CTL_MEMORY, "memory.stat", "total_swap", "memory.swap.current", NULL, FIELD(swap), 1, 1,
		false},
	{CTL_MEMORY, "memory.oom_control", "oom_kill", "memory.events", "oom_kill",
		FIELD(oom_kills), 1, 1, false},
	{CTL_PIDS, "pids.current", NULL, "pids.current", NULL, FIELD(pids), 1, 1, false},
	{CTL_PIDS, "pids.max", NULL, "pids.max", NULL, FIELD(pids_limit), 1, 1, false},
	{CTL_IO, "blkio.throttle.io_service_bytes_recursive", "Read", "io.stat", "rbytes",
		FIELD(io_read), 1, 1, true},
	{CTL_IO, "blkio.throttle.io_service_bytes_recursive", "Write", "io.stat", "wbytes",
		FIELD(io_write), 1, 1, true},
	{CTL_IO, "blkio.throttle.io_serviced_recursive", "Read", "io.stat", "rios", FIELD(io_reads),
		1, 1, true},
	{CTL_IO, "blkio.throttle.io_serviced_recursive", "Write", "io.stat", "wios",
		FIELD(io_writes), 1, 1, true},
};

/* "" when it cannot be read; the caller frees. */
static char *read_file(const struct cgroup_dir *d, const char *file)
{
	_cleanup_free_ char *path = str_fmt("%s/%s", d->path, file);
	struct buf text = {0};
	nd_err *e = file_read(AT_FDCWD, path, STAT_MAX, &text);
	err_free(e);
	return buf_steal(&text);
}

static void read_source(
	const struct cgroup_dir *d, const struct source *s, struct cgroup_stats *ret)
{
	const char *key = d->v2 ? s->v2_key : s->v1_key;
	_cleanup_free_ char *text = read_file(d, d->v2 ? s->v2 : s->v1);
	uint64_t v;
	if (!*text || !(s->sum ? stat_sum : stat_value)(text, key, &v))
		return;
	*(uint64_t *)((char *)ret + s->field) =
		v == UNKNOWN ? v : v * (d->v2 ? s->v2_factor : s->v1_factor);
}

/* podman's and docker's figure: pages that can go at any moment are not the container's. */
static void drop_inactive(const struct cgroup_dir *d, struct cgroup_stats *ret)
{
	uint64_t inactive;
	_cleanup_free_ char *text = read_file(d, "memory.stat");
	if (ret->memory == UNKNOWN ||
		!stat_value(text, d->v2 ? "inactive_file" : "total_inactive_file", &inactive))
		return;
	ret->memory = inactive < ret->memory ? ret->memory - inactive : 0;
}

/* A swap count that v1 keeps only with memsw. */
nd_err *cgroup_stats(const struct cgroup *c, pid_t leader, struct cgroup_stats *ret)
{
	struct cgroup_stats s;
	memset(&s, 0xff, sizeof s);
	s.oom_kills = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct cgroup_dir *d = &c->dirs[i];
		for (size_t k = 0; k < ARRAY_SIZE(sources); k++)
			if (d->ctls & sources[k].ctl)
				read_source(d, &sources[k], &s);
		if (d->ctls & CTL_MEMORY)
			drop_inactive(d, &s);
	}
	if (s.cpu_ns == UNKNOWN || s.memory == UNKNOWN || s.pids == UNKNOWN) {
		struct usage u;
		TRY(usage_read(c, leader, &u));
		s.cpu_ns = s.cpu_ns == UNKNOWN ? u.cpu_ns : s.cpu_ns;
		s.memory = s.memory == UNKNOWN ? u.memory : s.memory;
		s.pids = s.pids == UNKNOWN ? u.threads : s.pids;
	}
	*ret = s;
	return NULL;
}

uint64_t cgroup_oom_kills(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct cgroup_dir *d = &c->dirs[i];
		if (!(d->ctls & CTL_MEMORY))
			continue;
		uint64_t n = 0;
		_cleanup_free_ char *text =
			read_file(d, d->v2 ? "memory.events" : "memory.oom_control");
		return stat_value(text, "oom_kill", &n) ? n : 0;
	}
	return 0;
}
