/* Running another program: no shell, a deadline, its output kept.  The child gets
 * default signal dispositions and an empty mask, and dies with its parent. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "str.h"

struct spawn {
	const char *const *argv; /* argv[0] is looked up in PATH unless it has a slash */
	const char *const *env;  /* NULL: ours */
	const char *input;       /* given on stdin; NULL: /dev/null */
	int64_t deadline_ms;     /* after it the child gets SIGKILL; 0: 10 s */
	size_t output_max;       /* of stdout and stderr together; 0: 64 KiB; the rest is dropped */
	int keep_fd; /* one descriptor the child inherits under its own number; 0 or -1: none */
};

/* Runs to the end.  A non-zero status is an error whose detail is the last output;
 * ret_output (may be NULL) gets stdout and stderr together in any case. */
nd_must nd_err *spawn_run(const struct spawn *s, struct buf *ret_output);
/* As spawn_run, but any exit status is a result (128+N for signal N). */
nd_must nd_err *spawn_status(const struct spawn *s, struct buf *ret_output, int *ret_status);
/* Path of a program in PATH and the sbin directories; NULL when there is none.  The caller frees.
 */
char *program_find(const char *name);

int64_t now_ms(void);      /* CLOCK_MONOTONIC */
int64_t now_real_ms(void); /* CLOCK_REALTIME */
/* RFC 3339 in UTC with milliseconds; `text` holds at least 32 bytes. */
void time_text(int64_t real_ms, char *text);
/* waitpid(2) restarted after signals; exit status as a shell gives it (128+N). */
int wait_status(pid_t pid);
int status_of_wait(int wstatus);
