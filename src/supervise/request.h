/* What a run is asked to be, beside its container: name, life time, readiness,
 * restart, log, health.  Plain data with parsers for the options' texts; nothing
 * here touches the system.  cli/run.c fills it, supervise_run() carries it out.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum ready_kind { READY_NONE, READY_CMD, READY_TCP, READY_HTTP, READY_FD, READY_NOTIFY, READY_LOG };

struct ready_spec {
	enum ready_kind kind;
	char *text;       /* as given: what reports say was waited for */
	struct strv argv; /* READY_CMD: through "/bin/sh -c" only where it needs a shell */
	char *host;       /* READY_TCP, READY_HTTP: numeric; NULL: 127.0.0.1, then ::1 */
	uint16_t port;
	char *path;    /* READY_HTTP: request target, "/healthz?x=1" */
	int fd;        /* READY_FD: its number in the container, from 3 */
	regex_t regex; /* READY_LOG, compiled */
};
/* "CMD", "[\"CMD\",\"ARG\"]", "tcp:[HOST:]PORT", "http://HOST[:PORT]/PATH", "fd:N",
 * "notify", "log:REGEX".  Errors begin with "--ready: ". */
nd_must nd_err *ready_parse(const char *text, struct ready_spec *ret);
void ready_done(struct ready_spec *r);

enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };
struct restart_spec {
	enum restart_policy policy;
	int64_t max; /* restarts; 0: no limit of number */
};
/* "no", "always", "unless-stopped", "on-failure[:N]". */
nd_must nd_err *restart_parse(const char *text, struct restart_spec *ret);
const char *restart_name(enum restart_policy p);

/* LOG_DEFAULT: k8s-file, except for a foreground --rm run, whose output nobody can ask
 * for later: there the workload gets our own stdout and stderr (passthrough). */
enum log_driver { LOG_DEFAULT, LOG_K8S, LOG_JSON, LOG_NONE, LOG_PASSTHROUGH };
struct log_spec {
	enum log_driver driver;
	uint64_t max_size;  /* bytes of one file; 0: 10 MiB */
	uint64_t max_files; /* files kept, the current one counted; 0: 2 */
};
nd_must nd_err *log_driver_parse(const char *text, struct log_spec *l); /* "k8s-file", ... */
nd_must nd_err *log_opt_parse(const char *text, struct log_spec *l);    /* "max-size=10m", ... */

enum health_action { HEALTH_NOTHING, HEALTH_KILL, HEALTH_RESTART, HEALTH_STOP };
struct health_spec {
	struct strv argv;    /* empty: no check */
	int64_t interval_ms; /* 0: 30 s */
	int64_t timeout_ms;  /* 0: 30 s */
	int64_t start_period_ms;
	int64_t retries; /* 0: 3 */
	enum health_action action;
};
/* --health-cmd: as the CMD form of --ready; "none" switches it off. */
nd_must nd_err *health_cmd_parse(const char *text, struct health_spec *h);
nd_must nd_err *health_action_parse(const char *text, struct health_spec *h);
void health_done(struct health_spec *h);
