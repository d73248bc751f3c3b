/* Limits as data: see cgroup-limits.h.  v1 files: Documentation/admin-guide/cgroup-v1;
 * v2: cgroup-v2.rst.  On v1 memsw counts memory and swap together, on v2 swap alone. */
#include "container/cgroup-limits.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "kernel/cgroup.h"

enum {
	PERIOD_MIN_US = 1000,
	PERIOD_MAX_US = 1000000,
	PERIOD_DEFAULT_US = 100000,
	QUOTA_MIN_US = 1000,
	PIDS_MAX = 4194304, /* PID_MAX_LIMIT */
};

static nd_err *check_memory(const struct cgroup_limits *l)
{
	if (l->memory < 0)
		return err_invalid(
			"--memory: %" PRId64 " is not a number of bytes above 0", l->memory);
	if (l->memory_swap < -1)
		return err_invalid("--memory-swap: %" PRId64
				   " is neither a number of bytes nor -1 (no limit)",
			l->memory_swap);
	if (l->memory_swap > 0 && !l->memory)
		return err_invalid("--memory-swap: needs --memory too, as it counts memory and "
				   "swap together");
	if (l->memory_swap > 0 && l->memory_swap < l->memory)
		return err_invalid("--memory-swap: %" PRId64 " is less than --memory %" PRId64
				   "; it counts memory and swap together",
			l->memory_swap, l->memory);
	if (l->memory_reservation < 0)
		return err_invalid("--memory-reservation: %" PRId64
				   " is not a number of bytes above 0",
			l->memory_reservation);
	if (l->memory && l->memory_reservation > l->memory)
		return err_invalid("--memory-reservation: %" PRId64
				   " is more than --memory %" PRId64,
			l->memory_reservation, l->memory);
	return NULL;
}

static nd_err *check_cpu(const struct cgroup_limits *l)
{
	if (l->cpu_period_us &&
		(l->cpu_period_us < PERIOD_MIN_US || l->cpu_period_us > PERIOD_MAX_US))
		return err_invalid("--cpu-period: %" PRId64
				   " is not between %d and %d microseconds",
			l->cpu_period_us, PERIOD_MIN_US, PERIOD_MAX_US);
	if (l->cpu_quota_us != 0 && l->cpu_quota_us != -1 && l->cpu_quota_us < QUOTA_MIN_US)
		return err_invalid("--cpus: a quota of %" PRId64
				   " microseconds a period is less than %d, the kernel's least",
			l->cpu_quota_us, QUOTA_MIN_US);
	struct cpu_list list;
	if (l->cpuset_cpus && *l->cpuset_cpus && !cpu_list_parse(l->cpuset_cpus, &list))
		return err_invalid(
			"--cpuset-cpus: '%s' is not a list of CPUs such as 0-3,7", l->cpuset_cpus);
	if (l->cpuset_mems && *l->cpuset_mems && !cpu_list_parse(l->cpuset_mems, &list))
		return err_invalid("--cpuset-mems: '%s' is not a list of memory nodes such as 0-1",
			l->cpuset_mems);
	return NULL;
}

/* What a unified key may be: a file of a controller, never one that moves processes. */
static bool unified_key_ok(const char *key, size_t len)
{
	const char *dot = memchr(key, '.', len);
	if (!dot || dot == key)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)key[i]) && !strchr("._-", key[i]))
			return false;
	return !str_starts(key, "cgroup.") || str_starts(key, "cgroup.max.");
}

nd_err *limits_check(const struct cgroup_limits *l)
{
	TRY(check_memory(l));
	TRY(check_cpu(l));
	if (l->pids < -1 || l->pids > PIDS_MAX)
		return err_invalid("--pids-limit: %" PRId64
				   " is not between 1 and %d, or 0 or -1 for none",
			l->pids, PIDS_MAX);
	for (size_t i = 0; i < l->unified.n; i++) {
		const char *pair = l->unified.v[i], *eq = strchr(pair, '=');
		if (!eq || !unified_key_ok(pair, (size_t)(eq - pair)))
			return err_invalid("--cgroup-conf: '%s' is not FILE=VALUE with a file of "
					   "cgroup v2, such as memory.high=64M",
				pair);
	}
	return NULL;
}

uint32_t limits_controllers(const struct cgroup_limits *l)
{
	uint32_t ctls = 0;
	if (l->memory || l->memory_swap || l->memory_reservation)
		ctls |= CTL_MEMORY;
	if (l->cpu_quota_us || l->cpu_period_us || l->cpu_shares)
		ctls |= CTL_CPU;
	if ((l->cpuset_cpus && *l->cpuset_cpus) || (l->cpuset_mems && *l->cpuset_mems))
		ctls |= CTL_CPUSET;
	if (l->pids > 0)
		ctls |= CTL_PIDS;
	return ctls;
}

uint32_t limits_unified_controllers(const struct cgroup_limits *l, bool *ret_core)
{
	uint32_t ctls = 0;
	*ret_core = false;
	for (size_t i = 0; i < l->unified.n; i++) {
		const char *key = l->unified.v[i];
		if (str_starts(key, "cgroup."))
			*ret_core = true;
		else
			ctls |= cgroup_ctl_bit(key, strcspn(key, "."));
	}
	return ctls;
}

/* The curve of opencontainers/cgroups and crun since 2025: it goes through
 * (2, 1), (1024, 100) and (262144, 10000), so that defaults meet defaults. */
uint64_t cpu_shares_to_weight(uint64_t shares)
{
	if (shares == 0)
		return 0;
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

static void put(struct cgroup_settings *s, const char *option, const char *file, char *value)
{
	s->v = mem_grow(s->v, s->n + 1, sizeof *s->v);
	s->v[s->n++] = (struct cgroup_setting){option, str_dup(file), value};
}

static char *amount(int64_t v, const char *none)
{
	return v < 0 ? str_dup(none) : str_fmt("%" PRId64, v);
}

static void memory_v1(const struct cgroup_limits *l, bool fresh, struct cgroup_settings *s)
{
	/* memsw may not be below limit: on a new group it is unlimited, so limit comes first. */
	if (l->memory)
		put(s, "--memory", "memory.limit_in_bytes", amount(l->memory, "-1"));
	if (l->memory_swap > 0 || (l->memory_swap < 0 && !fresh))
		put(s, "--memory-swap", "memory.memsw.limit_in_bytes",
			amount(l->memory_swap, "-1"));
	if (l->memory_reservation)
		put(s, "--memory-reservation", "memory.soft_limit_in_bytes",
			amount(l->memory_reservation, "-1"));
}

static void memory_v2(const struct cgroup_limits *l, bool fresh, struct cgroup_settings *s)
{
	if (l->memory)
		put(s, "--memory", "memory.max", amount(l->memory, "max"));
	if (l->memory_swap > 0 || (l->memory_swap < 0 && !fresh))
		put(s, "--memory-swap", "memory.swap.max",
			amount(l->memory_swap < 0 ? -1 : l->memory_swap - l->memory, "max"));
	if (l->memory_reservation)
		put(s, "--memory-reservation", "memory.low", amount(l->memory_reservation, "max"));
}

static void cpu_v1(const struct cgroup_limits *l, bool fresh, struct cgroup_settings *s)
{
	if (l->cpu_shares)
		put(s, "--cpu-shares", "cpu.shares", str_fmt("%" PRIu64, l->cpu_shares));
	if (l->cpu_period_us && !(fresh && l->cpu_period_us == PERIOD_DEFAULT_US))
		put(s, "--cpu-period", "cpu.cfs_period_us", amount(l->cpu_period_us, "-1"));
	if (l->cpu_quota_us > 0 || (l->cpu_quota_us < 0 && !fresh))
		put(s, "--cpus", "cpu.cfs_quota_us", amount(l->cpu_quota_us, "-1"));
}

static void cpu_v2(const struct cgroup_limits *l, struct cgroup_settings *s)
{
	if (l->cpu_shares)
		put(s, "--cpu-shares", "cpu.weight",
			str_fmt("%" PRIu64, cpu_shares_to_weight(l->cpu_shares)));
	if (!l->cpu_quota_us && !l->cpu_period_us)
		return;
	_cleanup_free_ char *quota =
		l->cpu_quota_us > 0 ? amount(l->cpu_quota_us, "max") : str_dup("max");
	put(s, "--cpus", "cpu.max",
		l->cpu_period_us ? str_fmt("%s %" PRId64, quota, l->cpu_period_us)
				 : str_dup(quota));
}

void limits_settings(const struct cgroup_limits *l, uint32_t ctl, bool v2, bool fresh,
	struct cgroup_settings *ret)
{
	if (ctl & CTL_MEMORY)
		(v2 ? memory_v2 : memory_v1)(l, fresh, ret);
	if (ctl & CTL_CPU && v2)
		cpu_v2(l, ret);
	if (ctl & CTL_CPU && !v2)
		cpu_v1(l, fresh, ret);
	if (ctl & CTL_CPUSET && l->cpuset_cpus && *l->cpuset_cpus)
		put(ret, "--cpuset-cpus", "cpuset.cpus", str_dup(l->cpuset_cpus));
	if (ctl & CTL_CPUSET && l->cpuset_mems && *l->cpuset_mems)
		put(ret, "--cpuset-mems", "cpuset.mems", str_dup(l->cpuset_mems));
	if (ctl & CTL_PIDS && (l->pids > 0 || (l->pids < 0 && !fresh)))
		put(ret, "--pids-limit", "pids.max", amount(l->pids, "max"));
}

void limits_unified_settings(const struct cgroup_limits *l, struct cgroup_settings *ret)
{
	for (size_t i = 0; i < l->unified.n; i++) {
		const char *eq = strchr(l->unified.v[i], '=');
		_cleanup_free_ char *file =
			str_ndup(l->unified.v[i], (size_t)(eq - l->unified.v[i]));
		put(ret, "--cgroup-conf", file, str_dup(eq + 1));
	}
}

void settings_done(struct cgroup_settings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].file);
		free(s->v[i].value);
	}
	free(s->v);
	*s = (struct cgroup_settings){0};
}

static bool list_number(const char **p, unsigned *ret)
{
	unsigned v = 0;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		v = v * 10 + (unsigned)(**p - '0');
		if (v >= 64 * ARRAY_SIZE(((struct cpu_list *)0)->bits))
			return false;
	}
	*ret = v;
	return true;
}

bool cpu_list_parse(const char *text, struct cpu_list *ret)
{
	*ret = (struct cpu_list){0};
	for (const char *p = text;;) {
		unsigned first, last;
		if (!list_number(&p, &first))
			return false;
		last = first;
		if (*p == '-' && (p++, !list_number(&p, &last) || last < first))
			return false;
		for (unsigned i = first; i <= last; i++)
			ret->bits[i / 64] |= 1ull << (i % 64);
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			return false;
	}
}

bool cpu_list_within(const struct cpu_list *part, const struct cpu_list *whole)
{
	for (size_t i = 0; i < ARRAY_SIZE(part->bits); i++)
		if (part->bits[i] & ~whole->bits[i])
			return false;
	return true;
}

char *limits_options(const struct cgroup_limits *l, uint32_t ctl)
{
	_cleanup_settings_ struct cgroup_settings s = {0};
	struct buf b = {0};
	limits_settings(l, ctl, false, false, &s);
	for (size_t i = 0; i < s.n; i++)
		buf_fmt(&b, "%s%s", i ? ", " : "", s.v[i].option);
	return buf_steal(&b);
}
