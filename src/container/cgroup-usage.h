/* What a container's processes use, from /proc: for what no cgroup accounts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "container/cgroup.h"

struct usage {
	uint64_t cpu_ns, memory, threads;
};

/* The processes are those of the groups; without groups, `leader` and its descendants. */
nd_must nd_err *usage_read(const struct cgroup *c, pid_t leader, struct usage *ret);

/* One /proc/PID/stat line; pages are of the system's size. Pure. */
bool usage_parse(const char *stat_line, struct usage *ret);

/* The number behind `key ` at a line's start, or (key NULL) the first number; "max" is none. */
bool stat_value(const char *text, const char *key, uint64_t *ret);
/* The sum of the numbers behind each " key" of io.stat or blkio files. */
bool stat_sum(const char *text, const char *key, uint64_t *ret);
