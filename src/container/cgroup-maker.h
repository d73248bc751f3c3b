/* The work in progress of cgroup_create: cgroup-create.c makes the groups, cgroup-apply.c
 * writes limits and device rules into them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "container/cgroup-limits.h"
#include "container/cgroup.h"

struct maker {
	const struct container_spec *s;
	struct plan *plan;
	struct cgroup_place place;
	struct cgroup c;
	char *sub;         /* the group's name beneath our own */
	uint32_t want;     /* controllers of limits (and CTL_DEVICES) */
	uint32_t core;     /* a v2 group is needed for itself: unified keys */
	bool whole;        /* one group in every hierarchy, for a writable view */
	char *why[16];     /* by controller: why it is not to be had */
	bool rules_wanted; /* device rules that forbid anything */
};

/* Remembers the first reason for each of the controllers, and frees the error. */
void maker_refuse(struct maker *m, uint32_t ctls, nd_err *why);

nd_must nd_err *maker_apply_limits(struct maker *m);
nd_must nd_err *maker_apply_rules(struct maker *m);

/* Writes settings into a group, those that depend on old values in an order that works. */
nd_must nd_err *cgroup_write_settings(const struct cgroup_dir *d, const struct cgroup_settings *s);
