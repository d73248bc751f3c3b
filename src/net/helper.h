/* A program that serves one container's network and must not outlive it: started with
 * its readiness on a descriptor, killed by a watcher as soon as the container is gone,
 * whatever happened to nidus. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "net/proxy.h"

struct helper {
	pid_t pid;     /* 0: none */
	int pid_fd;    /* -1 where there are no pidfds */
	pid_t watcher; /* 0: none */
};
#define HELPER_NONE ((struct helper){.pid_fd = -1})

struct helper_start {
	const char *const *argv; /* argv[0] is a path */
	/* Inherited under these numbers, from 3; -1 ends.  1 is the pipe below: the helper
	 * is ready when it has written something to it. */
	const int *keep;
	size_t n_keep;
	int64_t deadline_ms;
	struct proxy proxy; /* for the watcher; helper_fd is filled here */
};
/* The error's detail is what the helper said.  Code "helper-timeout", "helper-died". */
nd_must nd_err *helper_run(const struct helper_start *s, struct helper *ret);
/* Kills and reaps; fine when it is gone already. */
void helper_stop(struct helper *h);
/* Start time of a process in clock ticks (field 22 of /proc/PID/stat); 0: no such process.
 * With the pid it names one process for ever (within a boot). */
uint64_t process_start_time(pid_t pid);
