/* Which cgroup hierarchies this process is in, and where they are mounted.  One read
 * of /proc/self/cgroup gives the hierarchies and our own group in each (cgroups(7));
 * mounts are looked for at the usual places first, because reading mountinfo costs
 * more than all the rest.  Changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* One bit a controller; v2 names differ (blkio is io) but mean the same. */
enum cgroup_ctl {
	CTL_CPU = 1 << 0,
	CTL_CPUACCT = 1 << 1, /* v1 only; on v2 every group accounts its time */
	CTL_CPUSET = 1 << 2,
	CTL_MEMORY = 1 << 3,
	CTL_PIDS = 1 << 4,
	CTL_DEVICES = 1 << 5, /* v1 only; on v2 a BPF program */
	CTL_IO = 1 << 6,      /* v1: blkio */
	CTL_FREEZER = 1 << 7, /* v1 only; on v2 every group can be frozen */
	CTL_HUGETLB = 1 << 8,
	CTL_PERF = 1 << 9,
	CTL_NET_CLS = 1 << 10,
	CTL_NET_PRIO = 1 << 11,
	CTL_RDMA = 1 << 12,
	CTL_MISC = 1 << 13,
	CTL_DMEM = 1 << 14,
	CTL_NAMED = 1 << 15, /* v1 "name=...", without a controller */
};

/* 0 for a name that is not known ("name=x" is CTL_NAMED). */
uint32_t cgroup_ctl_bit(const char *name, size_t len);
/* The v1 or v2 name of a single bit; "?" for anything else. */
const char *cgroup_ctl_name(uint32_t bit, bool v2);
/* Bits of a list separated by `sep`: "cpu,cpuacct" or "cpuset cpu io". */
uint32_t cgroup_ctl_list(const char *text, char sep);

struct cgroup_hier {
	char *name;        /* as the kernel says: "cpu,cpuacct", "name=systemd"; "" is v2 */
	char *own;         /* our group: "/user.slice/..."; may begin with "/.." */
	char *mount;       /* owned; NULL: not mounted, or not looked for */
	const char *below; /* our group beneath the mount: `own`, unless it shows only a part */
	uint32_t ctls;     /* v1: from the name; v2: filled by cgroup_v2_controllers */
	bool v2;
	bool readonly; /* the mount is; known only after mountinfo was read */
};

enum { CGROUP_HIERS_MAX = 32 };

struct cgroup_place {
	struct buf text; /* the strings of hiers[] point into it */
	struct cgroup_hier hiers[CGROUP_HIERS_MAX];
	size_t n;
	bool mounts_read; /* mounts are from mountinfo, not from the usual places */
};

/* Takes apart the text of a /proc/PID/cgroup, which becomes the place's.  Lines that
 * do not follow the format are passed over. */
void cgroup_place_parse(struct cgroup_place *p, struct buf *text);
/* Reads /proc/self/cgroup.  A place without cgroups (no such file) gives n == 0. */
nd_must nd_err *cgroup_place_read(struct cgroup_place *ret);
void cgroup_place_done(struct cgroup_place *p);
#define _cleanup_cgroup_place_ _cleanup_(cgroup_place_done)

/* Assumes the usual places: /sys/fs/cgroup/NAME for v1; for v2 /sys/fs/cgroup, or
 * /sys/fs/cgroup/unified beside v1.  No system calls; false where that cannot be assumed
 * (see cgroup_ns_is_first). */
void cgroup_mounts_usual(struct cgroup_place *p);
/* Finds the mounts in the text of a mountinfo file (changed by the walk). */
void cgroup_mounts_parse(struct cgroup_place *p, char *text, size_t len);
/* cgroup_mounts_parse over /proc/self/mountinfo. */
nd_must nd_err *cgroup_mounts_read(struct cgroup_place *p);

/* Whether we are in the machine's first cgroup namespace.  In another one a path of "/"
 * does not say where in a mount made outside of it we are. */
bool cgroup_ns_is_first(void);
/* The hierarchy that carries a controller; v1 is asked first. NULL if none does. */
struct cgroup_hier *cgroup_hier_find(struct cgroup_place *p, uint32_t ctl);
struct cgroup_hier *cgroup_hier_v2(struct cgroup_place *p);
/* mount + below + "/" + sub (sub may be ""), without doubled slashes; the caller frees. */
char *cgroup_hier_path(const struct cgroup_hier *h, const char *sub);
