/* What a container's child and its parent say to each other while it is made: one
 * SOCK_SEQPACKET pair (unix(7)), so that each message is whole.  The socket is CLOEXEC:
 * its end is the news that the workload was executed.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "plan/plan.h"

enum wire_kind { WIRE_ERR = 1, WIRE_TOOK, WIRE_LEFT, WIRE_WARN, WIRE_PTY, WIRE_PIDFD, WIRE_GO };

struct wire_plan {
	char need[32], rung[64], text[288]; /* text: the promise, the reason or the warning */
	uint32_t weaker;
};

struct wire_msg {
	uint32_t kind;
	union {
		struct err_wire err;
		struct wire_plan plan;
	};
};

/* Child's side.  A failed send means that the parent is gone: the caller exits. */
void wire_took(int sock, const char *need, const char *rung, const char *promise, bool weaker);
void wire_left(int sock, const char *need, const char *rung, const nd_err *why);
void wire_warn(int sock, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sends what was told so far; before execve(2), and done by wire_err(). */
void wire_flush(int sock);
void wire_err(int sock, const nd_err *e);
nd_must nd_err *wire_send_fd(int sock, enum wire_kind kind, int fd);
/* Waits for the parent's go; exits the process when the parent is gone. */
void wire_wait_go(int sock);

/* Parent's side. */
bool wire_go(int sock);
/* Reads until the child's end closes; plan messages go into `plan`, descriptors into
 * *ret_pid_fd and *ret_pty_fd (either may be NULL), and an error is the result.  NULL: the
 * end came without one. */
struct wire_patience {
	int64_t until_ms; /* now_ms(); 0: for ever */
	int cancel_fd;
	bool (*cancelled)(void *arg); /* asked when cancel_fd is readable; true ends the wait */
	void *arg;
};
/* As above with an end to the patience: codes "start-timeout" and "cancelled". `w` may be NULL. */
nd_must nd_err *wire_read_all(int sock, const struct wire_patience *w, struct plan *plan,
	int *ret_pid_fd, int *ret_pty_fd);
