/* The ladders of limits and device rules as data: see cgroup-ladders.h. */
#include "container/cgroup-ladders.h"

#include <unistd.h>

#include "container/cgroup-limits.h"
#include "kernel/cgroup.h"

#define LADDER(rows, count, name, no)                                                              \
	{                                                                                          \
		.need = name, .rungs = rows, .n = count, .stride = sizeof(struct rung),            \
		.refusal = no                                                                      \
	}
#define NOT_KEPT "none", "no limit is kept"

static const struct rung group_rungs[] = {
	{"a group of its own", NULL, "cgroup.create"},
	{"none", "no limits and no device rules", NULL},
};
static const struct ladder group = LADDER(group_rungs, 2, "cgroup", NULL);

static const struct rung rule_rungs[] = {
	{"v1 devices or v2 BPF program", NULL, "cgroup.devices"},
	{"nodes alone", "what can be reached depends on the device nodes that are given", NULL},
};
static const struct ladder rules = LADDER(rule_rungs, 2, "device-rules", NULL);

/* The last rung of each is for --best-effort alone. */
static const struct rung memory_rungs[] = {
	{"cgroup", NULL, "cgroup.memory"},
	{NOT_KEPT, NULL},
};
static const struct rung cpu_rungs[] = {
	{"cgroup", NULL, "cgroup.cpu"},
	{NOT_KEPT, NULL},
};
static const struct rung cpuset_rungs[] = {
	{"cgroup", NULL, "cgroup.cpuset"},
	{"sched_setaffinity", "the container starts on these CPUs and may leave them", NULL},
};
static const struct rung pids_rungs[] = {
	{"cgroup", NULL, "cgroup.pids"},
	{NOT_KEPT, NULL},
};
/* With one id in a user namespace of its own the kernel counts the same. */
static const struct rung pids_user_rungs[] = {
	{"cgroup", NULL, "cgroup.pids"},
	{"RLIMIT_NPROC", NULL, "userns.map.one"},
	{NOT_KEPT, NULL},
};

enum { MEMORY, CPU, CPUSET, PIDS, PIDS_USER, N_LIMITS };

#define LIMIT(rows, less, name, option)                                                            \
	LADDER(rows, ARRAY_SIZE(rows) - (less), name,                                              \
		(less) ? option " cannot be enforced here (--best-effort goes without)." : NULL)
#define LIMITS(less)                                                                               \
	{                                                                                          \
		[MEMORY] = LIMIT(memory_rungs, less, "limit.memory", "--memory"),                  \
		[CPU] = LIMIT(cpu_rungs, less, "limit.cpu", "--cpus"),                             \
		[CPUSET] = LIMIT(cpuset_rungs, less, "limit.cpuset", "--cpuset-cpus"),             \
		[PIDS] = LIMIT(pids_rungs, less, "limit.pids", "--pids-limit"),                    \
		[PIDS_USER] = LIMIT(pids_user_rungs, less, "limit.pids", "--pids-limit"),          \
	}
static const struct ladder strict[N_LIMITS] = LIMITS(1), lenient[N_LIMITS] = LIMITS(0);

size_t cgroup_ladders(const struct container_spec *s, const struct ladder *ret[CGROUP_LADDERS_MAX])
{
	const struct cgroup_limits *l = &s->limits;
	const struct ladder *limits = s->best_effort ? lenient : strict;
	uint32_t ctls = limits_controllers(l);
	bool one_id = geteuid() && s->ns[NS_USER].mode == NS_NEW && s->uid_maps.n == 1 &&
		      s->uid_maps.v[0].count == 1;
	size_t n = 0;
	if (ctls || l->unified.n || s->n_device_rules)
		ret[n++] = &group;
	if (s->n_device_rules)
		ret[n++] = &rules;
	if (ctls & CTL_MEMORY)
		ret[n++] = &limits[MEMORY];
	if (ctls & CTL_CPU)
		ret[n++] = &limits[CPU];
	if (ctls & CTL_CPUSET)
		ret[n++] = &limits[CPUSET];
	if (ctls & CTL_PIDS && l->pids_soft)
		ret[n++] = &lenient[PIDS];
	else if (ctls & CTL_PIDS)
		ret[n++] = &limits[one_id ? PIDS_USER : PIDS];
	return n;
}
