/* One `nidus run` on its way from options to a request. */
#pragma once

#include "cli/run_spec.h"
#include "container/secopt.h"
#include "net/net.h"
#include "store/store.h"
#include "supervise/supervise.h"

struct run_job {
	struct run_opts *o;
	struct run_place place;
	char id[65];
	struct run_request r;
	struct store_root image; /* config is empty for roots that are no image */
	struct security_opts secopt;
	const char *network; /* run_namespaces() */
	struct net_request net;
	struct net_state net_state;
	uint8_t mac[6];
	struct strv aliases; /* further names of the container in its /etc/hosts */
	struct plan plan;    /* what was decided before the container */
	bool wants_data;     /* the root is copy-on-write: its changes need a directory */
	char *plan_json;     /* of the container that was started; -d only */
	bool progress_shown;
};

/* run_request.c: life, readiness, log, health from the options. */
nd_must nd_err *run_request_fill(struct run_job *j);
void run_job_done(struct run_job *j);
/* run_net.c: the network part of the request and its hook; then what it takes beforehand. */
nd_must nd_err *run_network(struct run_job *j);
nd_must nd_err *run_network_prepare(struct run_job *j);
/* run_report.c: words for people. */
void run_progress(void *job, uint64_t done, uint64_t total);
int run_report(struct run_job *j, nd_err *e, int status); /* frees e */
void run_warning(void *job, const char *text);
void run_started(void *job, const char *id, const char *plan_json);
/* -d: the run is ready, its id is what scripts go on with. */
void run_detached(struct run_job *j);
/* run_dry.c: the plan from facts, nothing started. */
nd_must nd_err *run_dry(struct run_job *j, int *ret_status);
