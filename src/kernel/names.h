/* Names and numbers of what the kernel only knows by number: capabilities, signals,
 * resource limits, errno values, namespaces.  Tables as of Linux 6.18; lookups are
 * forgiving about case and the usual prefix, and say false for anything else, so
 * that the caller, who knows where the word stood, makes the error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "CAP_CHOWN", "chown": 0.  "ALL" is not a capability: callers look for it first. */
bool cap_number(const char *name, unsigned *ret);
/* "CAP_CHOWN"; NULL for a number without a name (a newer kernel's). */
const char *cap_name(unsigned cap);
enum { CAP_KNOWN_LAST = 40 }; /* CAP_CHECKPOINT_RESTORE, Linux 5.9 */

/* "SIGTERM", "term", "15", "RTMIN+3", "SIGRTMAX-1"; 1 to 64. */
bool signal_number(const char *name, int *ret);
/* "SIGTERM", "SIGRTMIN+3"; `text` holds at least 16 bytes and is returned. */
const char *signal_name(int sig, char *text);

/* "nofile", "RLIMIT_NOFILE". */
bool rlimit_number(const char *name, int *ret);
/* "nofile"; NULL for an unknown number. */
const char *rlimit_name(int resource);

/* "EPERM"; only whole, upper-case names. */
bool errno_number(const char *name, int *ret);
/* "EPERM"; NULL for 0 or an unknown number. */
const char *errno_name(int errnum);

struct ns_name {
	const char *oci;   /* "network" */
	const char *proc;  /* "net", as in /proc/PID/ns */
	uint64_t flag;     /* CLONE_NEWNET */
	const char *brief; /* for messages: "network namespace" */
};
/* By either name; NULL if there is none. */
const struct ns_name *ns_by_name(const char *name);
const struct ns_name *ns_by_flag(uint64_t flag);
