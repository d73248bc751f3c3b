/* What the verbs that take runs as operands share. */
#pragma once

#include "supervise/runinfo.h"

/* Calls `fn` for each run named, or for all there are; an error is printed and the next
 * run gets its turn.  `ref` is the run as the user wrote it, or its id with `all`.  With
 * `ignore` a run that is not there is no error.  Returns the exit status: 0, or 125 if any failed.
 */
struct runs_choice {
	char **args;
	size_t n_args;
	bool all, ignore;
	bool (*wanted)(const struct run_info *i); /* narrows `all`; NULL: every run */
};
int runs_each(const struct runs_choice *c,
	nd_err *(*fn)(const struct state *s, struct run_info *i, const char *ref, void *arg),
	void *arg);
/* True for a run that is alive. */
bool run_is_live(const struct run_info *i);

/* "3 minutes ago", "Up 2 hours" without the word; `text` holds 32 bytes. */
void ago_text(int64_t ms, char *text);
