/* Ending and waiting for runs from outside of their monitor. */
#pragma once

#include "supervise/runinfo.h"

/* Stop signal, at most `timeout_ms` (-1: the run's own), SIGKILL; returns when the
 * monitor has cleaned up.  sig 0: the run's own; SIGKILL: at once.  A run that does not run is
 * success. */
nd_must nd_err *run_stop_now(struct run_info *i, int64_t timeout_ms, int sig);
/* One signal to the workload; "not-running" when there is none. */
nd_must nd_err *run_kill(struct run_info *i, int sig);
/* Until the run is over; its exit status.  "monitor-lost" where nobody saw it. */
nd_must nd_err *run_wait(struct run_info *i, int *ret_status);

/* Until the process is gone; false when it is still there after the time. */
bool process_wait(pid_t pid, int pid_fd, uint64_t start_time, int64_t limit_ms);
