/* Limits as data: the request checked, and turned into the files and values of cgroup
 * v1 and v2.  Pure: no system calls.  Conversions follow runc and crun, so that the
 * same numbers mean the same weight under each runtime.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "container/spec.h"

struct cgroup_setting {
	const char *option; /* the request it comes from: "--memory" */
	char *file, *value;
};

struct cgroup_settings {
	struct cgroup_setting *v;
	size_t n;
};

/* Ranges and combinations; the error names the option and what is allowed. */
nd_must nd_err *limits_check(const struct cgroup_limits *l);
/* The controllers needed (CTL_* bits), without those that only `unified` keys name. */
uint32_t limits_controllers(const struct cgroup_limits *l);
/* Those that `unified` keys name; *ret_core: keys of the core are among them ("cgroup.max.depth").
 */
uint32_t limits_unified_controllers(const struct cgroup_limits *l, bool *ret_core);
/* What to write for one controller, in order.  `fresh`: the group is new, so values
 * that equal its defaults are left out. */
void limits_settings(const struct cgroup_limits *l, uint32_t ctl, bool v2, bool fresh,
	struct cgroup_settings *ret);
void limits_unified_settings(const struct cgroup_limits *l, struct cgroup_settings *ret);
void settings_done(struct cgroup_settings *s);
#define _cleanup_settings_ _cleanup_(settings_done)

/* cpu.shares (2 to 262144, default 1024) as cpu.weight (1 to 10000, default 100). */
uint64_t cpu_shares_to_weight(uint64_t shares);

/* "0-3,7" as a set of numbers. */
struct cpu_list {
	uint64_t bits[128];
};
bool cpu_list_parse(const char *text, struct cpu_list *ret);
bool cpu_list_within(const struct cpu_list *part, const struct cpu_list *whole);
/* The options that ask for a controller, for messages: "--memory, --memory-swap". */
char *limits_options(const struct cgroup_limits *l, uint32_t ctl);
