/* A process at a monitor's socket: the one that asked for the run, or `nidus attach`.
 * Carries bytes, sizes and signals both ways until the run ends, is ready, or its user detaches.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct client_options {
	int fd;         /* to the monitor */
	const char *id; /* of the run, for `started` and messages */
	bool until_ready;
	bool tty;   /* the workload has a terminal: ours goes raw */
	bool input; /* what comes on our stdin goes to it */
	bool sig_proxy;
	const char *detach_keys; /* NULL: "ctrl-p,ctrl-q" */
	void (*warning)(void *arg, const char *text);
	void (*started)(void *arg, const char *id, const char *plan_json);
	void *arg;
};

struct client_result {
	int status;
	bool detached;
};

/* Code "monitor-lost" when the monitor went away without a word. */
nd_must nd_err *client_run(const struct client_options *o, struct client_result *ret);
