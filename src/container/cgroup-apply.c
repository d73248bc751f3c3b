/* Limits and device rules written into a container's groups, and what is done where one cannot
 * be: see cgroup.h.  A limit whose controller is not to be had is an error, unless another
 * mechanism promises the same, or the user asked for best effort. */
#include "container/cgroup-maker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/devrules.h"

static struct cgroup_dir *dir_of(struct cgroup *c, uint32_t ctl)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->dirs[i].ctls & ctl && !c->dirs[i].spare)
			return &c->dirs[i];
	return NULL;
}

/* A CPU or node that the place does not have: v1 says EACCES or EINVAL, v2 takes it and
 * ignores it. */
static nd_err *check_cpuset(const struct cgroup_dir *d, const struct cgroup_setting *t)
{
	char have[4096];
	struct cpu_list part, whole;
	_cleanup_free_ char *above = str_dup(d->path);
	*strrchr(above, '/') = '\0';
	_cleanup_free_ char *file = str_fmt("%s/%s%s", above, t->file, d->v2 ? ".effective" : "");
	if (file_read_line(AT_FDCWD, file, have, sizeof have) < 0 ||
		!cpu_list_parse(have, &whole) || !cpu_list_parse(t->value, &part) ||
		cpu_list_within(&part, &whole))
		return NULL;
	return err_detail(err_invalid("%s: %s is not within %s, which is what this place has",
				  t->option, t->value, have),
		"%s reads '%s'", file, have);
}

static nd_err *write_setting(const struct cgroup_dir *d, const struct cgroup_setting *t)
{
	if (str_starts(t->file, "cpuset."))
		TRY(check_cpuset(d, t));
	_cleanup_free_ char *path = str_fmt("%s/%s", d->path, t->file);
	if (file_poke(AT_FDCWD, path, t->value))
		return NULL;
	int err = errno;
	nd_err *e = err_sys(err, "write", "'%s' to %s", t->value, path);
	if (err == EINVAL || err == ERANGE)
		err_code(e, "limit-refused");
	if (err == EINVAL && str_eq(t->file, "memory.limit_in_bytes"))
		err_remedy(e, "memory may not exceed the limit of memory and swap together: give "
			      "--memory-swap too");
	if (err == EBUSY)
		err_remedy(e, "the container uses more than this now");
	return err_wrap(e, "%s", t->option);
}

nd_err *cgroup_write_settings(const struct cgroup_dir *d, const struct cgroup_settings *s)
{
	/* Some pairs must be written in the order that the old values allow (limit and memsw,
	 * quota and period): what was refused is tried again after the rest. */
	_cleanup_free_ bool *again = mem_alloc(s->n * sizeof *again);
	for (size_t i = 0; i < s->n; i++) {
		_cleanup_err_ nd_err *e = write_setting(d, &s->v[i]);
		if (!e)
			continue;
		if (err_root(e)->errnum != EINVAL || s->n == 1)
			return steal_ptr(&e);
		again[i] = true;
	}
	for (size_t i = 0; i < s->n; i++)
		if (again[i])
			TRY(write_setting(d, &s->v[i]));
	return NULL;
}

static const char *limit_need(uint32_t ctl)
{
	switch (ctl) {
	case CTL_MEMORY:
		return "limit.memory";
	case CTL_CPU:
		return "limit.cpu";
	case CTL_CPUSET:
		return "limit.cpuset";
	case CTL_PIDS:
		return "limit.pids";
	default:
		return "limit.unified";
	}
}

static nd_err *unenforceable(struct maker *m, uint32_t ctl, const char *options, const char *why)
{
	nd_err *e = err_new(
		ND_ABSENT, "limit-unenforceable", "%s cannot be enforced here: %s", options, why);
	if (ctl)
		err_detail(e, "the %s controller of cgroups would keep this limit",
			cgroup_ctl_name(ctl, false));
	return err_remedy(e,
		"leave the limit out, or add --best-effort to run without it; it can be kept "
		"where this controller is mounted below /sys/fs/cgroup and its tree is "
		"writable: as root, in a subtree delegated to the user, or in a container "
		"started with --privileged");
}

/* RLIMIT_NPROC counts like the pids controller where the container has one user id and
 * a user namespace of its own (Linux 5.14), unless that id is the machine's root, who is exempt:
 * hence a trial. */
static bool nproc_holds(const struct container_spec *s)
{
	if (s->ns[NS_USER].mode != NS_NEW || s->uid_maps.n != 1 || s->uid_maps.v[0].count != 1)
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit none = {0, 0};
		if (setrlimit(RLIMIT_NPROC, &none) < 0)
			_exit(1);
		pid_t inner = fork();
		if (inner == 0)
			_exit(0);
		if (inner > 0)
			waitpid(inner, NULL, 0);
		_exit(inner < 0 && errno == EAGAIN ? 0 : 1);
	}
	int status;
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* A limit without its controller: the weaker rungs, else the error. */
static nd_err *limit_without(struct maker *m, uint32_t ctl)
{
	const struct cgroup_limits *l = &m->s->limits;
	const char *why = m->why[__builtin_ctz(ctl)], *need = limit_need(ctl);
	if (!why)
		why = m->place.n ? "no cgroup hierarchy has the controller"
				 : "this place has no cgroups";
	plan_leave(m->plan, need, "cgroup", why, NULL);
	if (ctl == CTL_PIDS && l->pids_soft) {
		plan_took(m->plan, need, "none", "the default limit is not kept", false);
		return NULL;
	}
	if (ctl == CTL_PIDS && nproc_holds(m->s)) {
		m->c.nproc = (uint64_t)l->pids;
		plan_took(m->plan, need, "RLIMIT_NPROC", NULL, false);
		return NULL;
	}
	_cleanup_free_ char *options = limits_options(l, ctl);
	if (!m->s->best_effort)
		return unenforceable(m, ctl, options, why);
	if (ctl == CTL_CPUSET && l->cpuset_cpus && *l->cpuset_cpus) {
		m->c.cpu_affinity = str_dup(l->cpuset_cpus);
		plan_took(m->plan, need, "sched_setaffinity",
			"the container starts on these CPUs and may leave them", true);
		plan_warn(m->plan, "%s: only a start on these CPUs, as %s", options, why);
		return NULL;
	}
	plan_took(m->plan, need, "none", "no limit is kept", true);
	plan_warn(m->plan, "%s: not enforced, as %s", options, why);
	return NULL;
}

static nd_err *limit_with(struct maker *m, uint32_t ctl, const struct cgroup_dir *d)
{
	_cleanup_settings_ struct cgroup_settings s = {0};
	limits_settings(&m->s->limits, ctl, d->v2, true, &s);
	_cleanup_err_ nd_err *e = cgroup_write_settings(d, &s);
	if (!e) {
		plan_took(m->plan, limit_need(ctl), "cgroup", NULL, false);
		return NULL;
	}
	/* A value that the kernel finds wrong is the user's to mend; the rest is the place's doing.
	 */
	const nd_err *root = err_root(e);
	if (root->kind == ND_INVALID)
		return steal_ptr(&e);
	maker_refuse(m, ctl, steal_ptr(&e));
	return limit_without(m, ctl);
}

static const struct cgroup_dir *dir_v2(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->dirs[i].v2)
			return &c->dirs[i];
	return NULL;
}

static nd_err *apply_unified(struct maker *m)
{
	const struct cgroup_limits *l = &m->s->limits;
	const struct cgroup_dir *d = dir_v2(&m->c);
	_cleanup_settings_ struct cgroup_settings s = {0};
	limits_unified_settings(l, &s);
	for (size_t i = 0; i < s.n; i++) {
		uint32_t bit = cgroup_ctl_bit(s.v[i].file, strcspn(s.v[i].file, "."));
		const char *why = bit ? m->why[__builtin_ctz(bit)] : NULL;
		if (d && (!bit || d->ctls & bit)) {
			TRY(write_setting(d, &s.v[i]));
			continue;
		}
		if (!why)
			why = "there is no cgroup v2 group with this controller";
		if (!m->s->best_effort)
			return unenforceable(m, bit, l->unified.v[i], why);
		plan_leave(m->plan, "limit.unified", "cgroup", why, NULL);
		plan_took(m->plan, "limit.unified", "none", "not written", true);
		plan_warn(m->plan, "--cgroup-conf %s: not written, as %s", l->unified.v[i], why);
	}
	return NULL;
}

nd_err *maker_apply_limits(struct maker *m)
{
	uint32_t ctls = limits_controllers(&m->s->limits);
	for (uint32_t bit = 1; bit <= CTL_NAMED; bit <<= 1) {
		if (!(ctls & bit))
			continue;
		const struct cgroup_dir *d = dir_of(&m->c, bit);
		TRY(d ? limit_with(m, bit, d) : limit_without(m, bit));
	}
	return apply_unified(m);
}

nd_err *maker_apply_rules(struct maker *m)
{
	if (!m->rules_wanted)
		return NULL;
	const struct container_spec *s = m->s;
	const struct cgroup_dir *d = dir_of(&m->c, CTL_DEVICES);
	nd_err *e = NULL;
	if (d && d->v2)
		e = devrules_attach_v2(m->c.clone_fd, s->device_rules, s->n_device_rules);
	else if (d)
		e = devrules_write_v1(d->path, s->device_rules, s->n_device_rules);
	if (e && err_root(e)->kind == ND_INVALID)
		return e;
	if (d && !e) {
		plan_took(m->plan, "device-rules", d->v2 ? "v2 BPF program" : "v1 devices", NULL,
			false);
		return NULL;
	}
	if (e)
		maker_refuse(m, CTL_DEVICES, e);
	const char *why = m->why[__builtin_ctz(CTL_DEVICES)];
	plan_leave(m->plan, "device-rules", d && d->v2 ? "v2 BPF program" : "v1 devices",
		why ? why : "this place has no cgroups", NULL);
	plan_took(m->plan, "device-rules", "nodes alone",
		"no rules: what the container can reach depends on the device nodes it is given",
		false);
	return NULL;
}

nd_err *cgroup_update(struct cgroup *c, const struct cgroup_limits *limits)
{
	TRY(limits_check(limits));
	uint32_t ctls = limits_controllers(limits);
	/* All or nothing, as far as can be told beforehand. */
	for (uint32_t bit = 1; bit <= CTL_NAMED; bit <<= 1) {
		if (!(ctls & bit) || dir_of(c, bit))
			continue;
		_cleanup_free_ char *options = limits_options(limits, bit);
		return err_remedy(err_new(ND_ABSENT, "limit-unenforceable",
					  "%s: the container has no %s cgroup", options,
					  cgroup_ctl_name(bit, false)),
			"start the container with such a limit; it can then be changed");
	}
	for (uint32_t bit = 1; bit <= CTL_NAMED; bit <<= 1) {
		if (!(ctls & bit))
			continue;
		const struct cgroup_dir *d = dir_of(c, bit);
		_cleanup_settings_ struct cgroup_settings s = {0};
		limits_settings(limits, bit, d->v2, false, &s);
		TRY(cgroup_write_settings(d, &s));
	}
	const struct cgroup_dir *v2 = dir_v2(c);
	_cleanup_settings_ struct cgroup_settings s = {0};
	limits_unified_settings(limits, &s);
	if (s.n && !v2)
		return err_new(ND_ABSENT, "limit-unenforceable",
			"%s: the container has no cgroup v2 group", limits->unified.v[0]);
	return s.n ? cgroup_write_settings(v2, &s) : NULL;
}
