/* One run from its request to its exit status: state folder, start, readiness within a
 * deadline, log, restarts, the end, the record.  In the foreground this process is the
 * monitor; a detached run (and one with a terminal, so that its user can detach) has one
 * small monitor process of its own.  Nothing here prints.
 *
 * Order of life, each step safe against SIGKILL because the run's folder is made
 * first and removed last (see state.h): folder and lock, log, container_start() with the
 * hooks, readiness, waiting, container_cleanup(), `cleanup` of the request, record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "container/container.h"
#include "supervise/request.h"

struct run_request {
	/* supervise_run() fills spec.stdio, spec.keep_fds and, if NULL, spec.id; spec.tty is
	 * the caller's.  Everything in here is freed by run_request_done(). */
	struct container_spec spec;
	struct container_hooks hooks; /* handed to every container_start() */
	/* Makes what the run needs outside of its container and its folder (upper directory,
	 * addresses); called in the caller's process once the folder stands, so that a kill at any
	 * moment leaves nothing without an owner.  May be NULL. */
	nd_err *(*prepare)(struct run_request *r, void *arg);
	/* Takes back what `prepare`, the hooks or the caller made outside of the container (links,
	 * port forwards, the upper directory when `rm`); called once, when the run is over, also
	 * after a failed `prepare`.  May be NULL. It must also be possible to do the same later
	 * from the id alone, for gc. */
	nd_err *(*cleanup)(const struct run_request *r, void *arg);
	void *arg;

	char *name;        /* NULL: made from the id */
	bool replace;      /* --replace: a run of that name is removed first */
	bool detach;       /* -d */
	bool rm;           /* --rm */
	bool interactive;  /* -i: stdin stays open; otherwise the workload reads /dev/null */
	char *detach_keys; /* NULL: "ctrl-p,ctrl-q"; "": none */
	bool sig_proxy;    /* forward signals to the workload (the default of podman) */

	int stop_signal;         /* 0: SIGTERM */
	int64_t stop_timeout_ms; /* -1: 10 s */
	int64_t deadline_ms;     /* of the whole run; 0: none */
	struct ready_spec ready;
	int64_t ready_timeout_ms; /* 0: 60 s */
	struct restart_spec restart;
	struct log_spec log;
	struct health_spec health;

	char *image, *image_id;     /* what ROOT named; may be NULL */
	char *command_line;         /* NULL: spec.args joined */
	struct strv labels;         /* "key=value" */
	struct strv annotations;    /* "key=value" */
	struct strv ports, volumes; /* as given, for ps and inspect */
	char *network;              /* mode, for inspect; NULL: host */
	char *pidfile, *cidfile;    /* written once the workload runs; NULL: none */

	/* Told in the caller's process, also for detached runs.  Any may be NULL. */
	struct {
		void (*warning)(void *arg, const char *text);
		/* Once, when the workload has been started (detached: is ready). */
		void (*started)(void *arg, const char *id, const char *plan_json);
		void *arg;
	} tell;
};

struct run_result {
	char id[65];
	int status;    /* what nidus exits with; set in any case, also with an error */
	bool detached; /* -d, or the detach keys: the run goes on */
};

void run_request_init(struct run_request *r);
void run_request_done(struct run_request *r);

/* 64 hex digits.  For callers that need the id (host name, upper directory) beforehand. */
nd_must nd_err *run_id_make(char id[65]);

/* An error is the report of why there is no (more) run: its code is "ready-timeout",
 * "died-before-ready", "deadline", "restart-limit", "exec-not-found", ... and ret->status
 * already has the exit status for it. */
nd_must nd_err *supervise_run(struct run_request *r, struct run_result *ret);
