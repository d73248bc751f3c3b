/* What is known of a run from its folder: run.json, the links, the lock.  Written by the
 * monitor, read by every verb; see state.h for the files. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/json.h"
#include "supervise/state.h"
#include "supervise/supervise.h"

enum run_status {
	RUN_CREATED, /* alive, workload not there yet */
	RUN_RUNNING,
	RUN_RESTARTING, /* alive, waiting before the next start */
	RUN_STOPPING,   /* alive, being taken down */
	RUN_EXITED,
	RUN_LOST, /* the monitor was killed: nobody saw the end */
};
const char *run_status_name(enum run_status s);

struct run_info {
	struct run_dir dir;
	/* from run.json */
	char *name, *image, *image_id, *command_line, *network, *restart, *cwd, *user, *hostname;
	char *cgroup_parent, *root_state; /* spec.rootfs.state_dir */
	struct strv args, env, labels, annotations, ports, volumes;
	int64_t created_ms; /* CLOCK_REALTIME */
	int64_t stop_signal, stop_timeout_ms;
	int64_t monitor_pid;
	int64_t memory_limit;
	bool asks_ready; /* --ready was given */
	bool detach, rm, tty, interactive, privileged, has_health;
	bool foreign; /* made in another pid namespace: its pids mean nothing here */
	bool own_user_ns, own_pid_ns;
	/* from the links and the lock */
	enum run_status status;
	pid_t pid;           /* 0: not running */
	uint64_t start_time; /* of pid, in ticks: /proc/PID/stat field 22 */
	char *cgroup;
	int exit_code; /* RUN_EXITED */
	int64_t ended_ms;
	char *why; /* of the end: "exited", "stopped", "deadline", ... */
	char *health;
	int64_t started_ms;
	bool ready;
};

/* Writes run.json; returns the open file, to which the exit line is appended. */
nd_must nd_err *runinfo_write(const struct run_dir *d, const struct run_request *r,
	const char *name, int64_t created_ms, int *ret_fd);
/* Appends the exit status for those who wait on the open file. */
void runinfo_append_exit(int fd, int status);
/* The status appended so far; false: none yet. */
bool runinfo_exit_appended(int fd, int *ret_status);

/* Reads all; takes `dir` over also on failure.  A folder whose run.json is missing or
 * unreadable (killed before, or on a full disk) still gives id, status, name from its id. */
nd_must nd_err *runinfo_load(struct run_dir dir, struct run_info *ret);
nd_must nd_err *runinfo_find(const struct state *s, const char *ref, struct run_info *ret);
/* The process part of its container, for another process in it; args stay empty. */
nd_must nd_err *runinfo_process(const struct run_info *i, struct container_spec *s);
/* Reads the links and the lock again. */
void runinfo_refresh(struct run_info *i);
/* And run.json too, where it was not there before. */
nd_must nd_err *runinfo_reload(struct run_info *i);
void runinfo_done(struct run_info *i);
#define _cleanup_runinfo_ _cleanup_(runinfo_done)

struct run_infos {
	struct run_info *v;
	size_t n;
};
/* Every run of this place, oldest first; runs of other pid namespaces are left out.  Their
 * folders are closed again: open by id what is to be acted upon. */
nd_must nd_err *runinfo_all(const struct state *s, struct run_infos *ret);
void run_infos_done(struct run_infos *l);
#define _cleanup_run_infos_ _cleanup_(run_infos_done)

/* Start time of a process in clock ticks since boot; 0 when there is none. */
uint64_t pid_start_time(pid_t pid);
/* A descriptor of the workload, only if it surely is the process that the monitor
 * started; -1 when it is gone.  *ret_pid gets its number.  Where the place has no pidfds
 * (gVisor) the answer is -1 and *ret_pid is set. */
int runinfo_pidfd(struct run_info *i, pid_t *ret_pid);
