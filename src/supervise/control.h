/* Signals to a workload, from its monitor and from the verbs. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* The kernel drops a signal to the first process of a pid namespace that has no handler for it
 * (pid_namespaces(7)); everywhere else the same signal would end the process.  True when
 * that is what would happen, so that the sender can do what was meant. */
bool signal_would_be_dropped(pid_t pid, int sig);
/* pid_fd -1: by number.  False leaves errno. */
bool signal_send(pid_t pid, int pid_fd, int sig);
