/* Limits of `nidus run`: cgroup and resource limits from their options. */
#include <math.h>
#include <string.h>

#include "cli/run_spec.h"
#include "kernel/names.h"

enum { PIDS_DEFAULT = 2048 };

static nd_err *parse_cpus(const char *text, struct cgroup_limits *l)
{
	char *end;
	double cpus = strtod(text, &end);
	if (*text < '0' || *text > '9' || *end || !isfinite(cpus) || cpus < 0 || cpus > 65536)
		return err_invalid(
			"--cpus: '%s' is not a number of processors (as 0.5 or 2)", text);
	if (cpus == 0)
		return NULL;
	l->cpu_period_us = 100000;
	l->cpu_quota_us = (int64_t)(cpus * 100000 + 0.5);
	/* The kernel's least quota is 1 ms (sched_cfs_bandwidth). */
	if (l->cpu_quota_us < 1000)
		return err_invalid(
			"--cpus: %s is less than the smallest share that the kernel takes, 0.01",
			text);
	return NULL;
}

static nd_err *parse_ulimit(const char *text, struct container_spec *s)
{
	const char *eq = strchr(text, '=');
	_cleanup_free_ char *name = str_ndup(text, eq ? (size_t)(eq - text) : strlen(text));
	int resource;
	if (!eq || !rlimit_number(name, &resource))
		return err_invalid(
			"--ulimit: '%s' is not NAME=SOFT[:HARD] with a name as nofile, nproc, core",
			text);
	_cleanup_strv_ struct strv parts = {0};
	strv_split(&parts, eq + 1, ':');
	rlim_t v[2];
	for (size_t i = 0; i < parts.n; i++) {
		uint64_t n;
		if (str_eq(parts.v[i], "-1") || str_eq(parts.v[i], "unlimited"))
			n = RLIM_INFINITY;
		else if (!str_to_u64(parts.v[i], &n))
			return err_invalid(
				"--ulimit: '%s' is not a number, -1 or unlimited", parts.v[i]);
		if (i < 2)
			v[i] = n;
	}
	if (parts.n > 2)
		return err_invalid("--ulimit: '%s' has more than two limits", text);
	if (parts.n == 1)
		v[1] = v[0];
	if (v[0] > v[1])
		return err_invalid("--ulimit: in '%s' the soft limit is above the hard one", text);
	spec_add_rlimit(s, resource, v[0], v[1]);
	return NULL;
}

static nd_err *parse_swap(const struct run_opts *o, struct cgroup_limits *l)
{
	uint64_t bytes;
	if (!o->memory_swap)
		return NULL;
	if (!o->memory)
		return err_invalid("--memory-swap: wants --memory as well");
	if (str_eq(o->memory_swap, "-1")) {
		l->memory_swap = -1;
		return NULL;
	}
	if (!str_to_bytes(o->memory_swap, &bytes) || bytes > INT64_MAX)
		return err_invalid(
			"--memory-swap: '%s' is not a size (as 512m) or -1", o->memory_swap);
	if (bytes < o->memory)
		return err_invalid(
			"--memory-swap: %s is less than --memory; it is memory and swap together",
			o->memory_swap);
	l->memory_swap = (int64_t)bytes;
	return NULL;
}

nd_err *run_limits(const struct run_opts *o, struct container_spec *s)
{
	struct cgroup_limits *l = &s->limits;
	if (o->memory > INT64_MAX || o->memory_reservation > INT64_MAX)
		return err_invalid("--memory: larger than the kernel can count");
	l->memory = (int64_t)o->memory;
	l->memory_reservation = (int64_t)o->memory_reservation;
	TRY(parse_swap(o, l));
	if (o->cpus && (o->cpu_quota || o->cpu_period))
		return err_invalid("--cpus: cannot go with --cpu-quota or --cpu-period");
	if (o->cpus)
		TRY(parse_cpus(o->cpus, l));
	if (o->cpu_quota)
		l->cpu_quota_us = o->cpu_quota;
	if (o->cpu_period)
		l->cpu_period_us = o->cpu_period;
	if (o->cpu_shares < 0)
		return err_invalid("--cpu-shares: must not be negative");
	l->cpu_shares = (uint64_t)o->cpu_shares;
	l->cpuset_cpus = str_dup(o->cpuset_cpus);
	l->cpuset_mems = str_dup(o->cpuset_mems);
	/* podman's default, and as there no error where it cannot be kept. */
	l->pids = o->has_pids_limit ? (o->pids_limit > 0 ? o->pids_limit : 0) : PIDS_DEFAULT;
	l->pids_soft = !o->has_pids_limit;
	for (size_t i = 0; i < o->cgroup_conf.n; i++)
		if (!strchr(o->cgroup_conf.v[i], '='))
			return err_invalid(
				"--cgroup-conf: '%s' is not FILE=VALUE", o->cgroup_conf.v[i]);
	strv_copy(&l->unified, &o->cgroup_conf);
	for (size_t i = 0; i < o->ulimits.n; i++)
		TRY(parse_ulimit(o->ulimits.v[i], s));
	s->cgroup_parent = str_dup(o->cgroup_parent);
	if (o->has_oom_score_adj) {
		s->has_oom_score_adj = true;
		s->oom_score_adj = (int)o->oom_score_adj;
	}
	return NULL;
}
