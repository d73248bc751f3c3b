/* What processes use, from /proc: see cgroup-usage.h.  A process's time includes that of
 * the children it waited for, so the sum over those alive misses nothing that was
 * reaped inside.  Memory is resident pages less the shared ones (proc_pid_statm(5)). */
#include "container/cgroup-usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "container/cgroup-pids.h"

enum { CHILDREN_MAX = 1 << 20, PROCESSES_MAX = 1 << 16 };

bool usage_parse(const char *stat_line, struct usage *ret)
{
	/* Field 2 is the name in parentheses and may hold anything, also parentheses. */
	const char *p = strrchr(stat_line, ')');
	uint64_t ticks = 0, threads = 0;
	if (!p || p[1] != ' ')
		return false;
	p += 2;
	for (int field = 3; field <= 20; field++) {
		if (field >= 14 && field <= 17)
			ticks += strtoull(p, NULL, 10);
		if (field == 20)
			threads = strtoull(p, NULL, 10);
		p = strchr(p, ' ');
		if (!p)
			return false;
		p++;
	}
	*ret = (struct usage){.cpu_ns = ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK)),
		.threads = threads};
	return true;
}

static void add_process(pid_t pid, struct usage *sum)
{
	char path[64], text[1024];
	struct usage one;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	/* One that ended meanwhile counts nothing. */
	if (file_read_line(AT_FDCWD, path, text, sizeof text) <= 0 || !usage_parse(text, &one))
		return;
	sum->cpu_ns += one.cpu_ns;
	sum->threads += one.threads;
	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	unsigned long long resident, shared;
	if (file_read_line(AT_FDCWD, path, text, sizeof text) > 0 &&
		sscanf(text, "%*u %llu %llu", &resident, &shared) == 2 && resident > shared)
		sum->memory += (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* /proc/PID/task/PID/children (CONFIG_PROC_CHILDREN), breadth first. */
static void descendants(pid_t leader, struct pids *ret)
{
	pids_add(ret, leader);
	for (size_t i = 0; i < ret->n && ret->n < PROCESSES_MAX; i++) {
		_cleanup_buf_ struct buf text = {0};
		_cleanup_free_ char *path =
			str_fmt("/proc/%d/task/%d/children", (int)ret->v[i], (int)ret->v[i]);
		nd_err *e = file_read(AT_FDCWD, path, CHILDREN_MAX, &text);
		err_free(e);
		for (char *p = text.data, *end; p && *p; p = end) {
			pid_t pid = (pid_t)strtol(p, &end, 10);
			if (end == p)
				break;
			pids_add(ret, pid);
			end += strspn(end, " \n");
		}
	}
}

nd_err *usage_read(const struct cgroup *c, pid_t leader, struct usage *ret)
{
	_cleanup_pids_ struct pids p = {0};
	if (c->n)
		pids_list(&c->dirs[0], &p);
	else if (leader > 0)
		descendants(leader, &p);
	else
		return err_new(ND_ABSENT, NULL, "the container has neither a cgroup nor a process");
	*ret = (struct usage){0};
	for (size_t i = 0; i < p.n; i++)
		add_process(p.v[i], ret);
	return NULL;
}
