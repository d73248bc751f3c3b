/* The cgroups of one container: made, limited, joined, watched, killed and removed.
 * A group is made only in the hierarchies that a limit or the device rules need, at
 * OWN/nidus-ID (or OWN/PARENT/ID), where OWN is our own group there, so that limits around
 * us go on holding.  v1, v2 and hybrid differ in file names and in how a process gets in:
 * into v2 by clone3(CLONE_INTO_CGROUP), Linux 5.7; into v1 by the child writing "0"
 * to `tasks`.  Any other write waits for a grace period (cgroup_threadgroup_rwsem).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "container/spec.h"
#include "kernel/cgroup.h"
#include "plan/plan.h"

struct cgroup_dir {
	uint32_t ctls; /* controllers of this hierarchy (v2: those that are enabled for us) */
	bool v2;
	bool spare;  /* made only so that a writable view is whole; carries no limit */
	char *name;  /* "cpu,cpuacct", "name=systemd"; "" for v2 */
	char *path;  /* whole path of the group in our mount namespace */
	char *mount; /* of the hierarchy; NULL in a loaded one */
	int join_fd; /* v1: `tasks`, until cgroup_joined; else -1 */
};

struct cgroup {
	struct cgroup_dir *dirs;
	size_t n;           /* 0: no group was needed, or none could be made */
	int clone_fd;       /* for clone_args.cgroup with CLONE_INTO_CGROUP; -1: none on v2 */
	uint64_t nproc;     /* weaker rung of the pids limit: RLIMIT_NPROC; 0: not used */
	char *cpu_affinity; /* weaker rung of a cpuset: sched_setaffinity; NULL: not used */
};

#define CGROUP_NONE ((struct cgroup){.clone_fd = -1})

/* Makes the groups and writes limits and device rules; fills the needs "cgroup",
 * "device-rules" and "limit.*" of the plan.  Error code "limit-unenforceable" where a
 * limit that was asked for cannot be kept and s->best_effort is not set. */
nd_must nd_err *cgroup_create(
	const struct container_spec *s, struct plan *plan, struct cgroup *ret);

/* In the child, before it unshares its cgroup namespace and before it drops
 * privileges: joins v1 groups, and v2 too unless it was cloned into it.  Works for a
 * loaded one as well.  No allocation.  False leaves errno. */
bool cgroup_join_child(const struct cgroup *c, bool cloned_into);
/* Opens clone_fd of a loaded one, so that another process of the container can be cloned into
 * it: `leader` is one of its processes, in our pid namespace.  Where a workload that manages
 * cgroups itself has taken the controllers of its own group, no process may be put
 * there; then it is the leader's group beneath.  Nothing to do, and no error, on v1. */
nd_must nd_err *cgroup_reopen(struct cgroup *c, pid_t leader);
/* In the child, once it is in its own user namespace: the weaker rungs, if any were taken. */
bool cgroup_weaker_child(const struct cgroup *c);
/* In the parent, once the child has joined: closes clone_fd and the join descriptors. */
void cgroup_joined(struct cgroup *c);

/* The record's form, one group a line: "v1 pids /sys/fs/cgroup/pids/nidus/ID".  Free it.
 * NULL when there are none. */
char *cgroup_save(const struct cgroup *c);
nd_must nd_err *cgroup_load(const char *text, struct cgroup *ret); /* NULL gives none */
void cgroup_done(struct cgroup *c);
#define _cleanup_cgroup_ _cleanup_(cgroup_done)

/* Mounts the container's view on the directory target_fd (O_PATH; "/sys/fs/cgroup" in the
 * new root), in the child after it joined, unshared its mount and cgroup namespaces,
 * and while the place's own tree is still there (place_fd is its root): our own groups are bound
 * from it, which needs no right that a user namespace lacks.  `name` is target_fd's absolute name
 * where it can be trusted, else NULL.  Changes the working directory.  Where no group is ours, the
 * view is empty. */
nd_must nd_err *cgroup_mount_view(
	const struct cgroup *c, int place_fd, int target_fd, const char *name, bool writable);
/* The place's whole /sys/fs/cgroup, read-only: for a container without a cgroup namespace. */
nd_must nd_err *cgroup_mount_place(int place_fd, int target_fd);

struct cgroup_stats {
	/* UINT64_MAX: not known here. */
	uint64_t cpu_ns, cpu_user_ns, cpu_system_ns, throttled, throttled_ns;
	uint64_t memory, memory_limit, memory_peak, swap; /* memory without inactive file pages */
	uint64_t pids, pids_limit;
	uint64_t io_read, io_write, io_reads, io_writes;
	uint64_t oom_kills;
};
/* Reads what the groups say; time, memory and processes that they do not account are summed over
 * the processes in them, or without any group over `leader` (in our pid namespace) and its
 * descendants. */
nd_must nd_err *cgroup_stats(const struct cgroup *c, pid_t leader, struct cgroup_stats *ret);
/* Processes killed for want of memory so far; 0 where there is no memory group. */
uint64_t cgroup_oom_kills(const struct cgroup *c);
/* Number of processes now, groups beneath included; -1 where there is no group. */
int64_t cgroup_processes(const struct cgroup *c);

/* SIGKILL to every process in the groups and beneath, until none is left. */
nd_must nd_err *cgroup_kill(struct cgroup *c, int64_t deadline_ms);
/* Stops or continues all of them (freezer). */
nd_must nd_err *cgroup_freeze(struct cgroup *c, bool frozen, int64_t deadline_ms);
/* Removes the groups and all beneath, deepest first.  Groups that are gone are success. */
nd_must nd_err *cgroup_remove(struct cgroup *c, int64_t deadline_ms);
/* Writes new limits (those that are set) into existing groups; nothing is written when the
 * container lacks the group for one of them. */
nd_must nd_err *cgroup_update(struct cgroup *c, const struct cgroup_limits *limits);

/* The groups of a run, by name alone, wherever in the visible tree they are; those inside another
 * run's are not looked at.  `parent` as in the spec. */
nd_must nd_err *cgroup_find(const char *parent, const char *id, struct cgroup *ret);
