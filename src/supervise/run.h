/* One run in the hands of its monitor: private to supervise/.  The files around it each
 * own a part: streams.c its output, ready.c and health.c the asking, attach.c the
 * people at its terminal, report.c what is said when it failed, monitor.c the order of it all. */
#pragma once

#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/loop.h"
#include "explain/cause.h"
#include "supervise/logfile.h"
#include "supervise/runinfo.h"
#include "supervise/state.h"
#include "supervise/supervise.h"

enum { HEAD_BYTES = 8192, TAIL_BYTES = 4096, CLIENTS_MAX = 16 };

/* What happened when, in milliseconds since the run was asked for. */
struct event {
	int64_t ms;
	const char *what; /* static: "start", "ready", "signal", "exit", ... */
	char *text;       /* may be NULL */
};

struct run;

/* A pipe of the workload on its way to the log, to our own stdout or stderr, to clients. */
struct stream {
	struct run *run;
	enum log_stream which;
	int fd;      /* our end; -1: closed */
	int copy_fd; /* our stdout or stderr; -1: not copied */
	struct buf queue;
	struct buf line; /* the line so far, for --ready log:REGEX */
};

struct client {
	struct run *run;
	int fd;
	struct buf *queue; /* whole messages not yet taken */
	size_t n_queue;
	bool front; /* the process that was asked for the run */
};

/* A child of the monitor that asks one question: readiness or health. */
struct probe {
	struct run *run;
	pid_t pid; /* 0: none now */
	int output_fd;
	struct container exec;
	bool is_exec;
	bool timed_out;
	struct loop_timer limit;
	void (*done)(struct run *r, int status, const char *output);
};

struct ready_state {
	bool waiting;
	int fd;            /* READY_FD: read end; READY_NOTIFY: the socket; else -1 */
	int workload_fd;   /* READY_FD: write end, until the workload has it */
	char *last_answer; /* of the last probe, or STATUS= of notify */
	int64_t delay_ms;  /* until the next probe */
	struct probe probe;
	struct loop_timer limit, again;
};

struct health_state {
	struct probe probe;
	struct loop_timer again;
	int64_t started_ms, failures;
	bool healthy, unhealthy;
};

struct run {
	struct run_request *req;
	struct state state;
	struct run_dir dir;
	char name[132];
	int json_fd;
	int64_t created_ms, begin_ms; /* real, monotonic */
	bool foreground;
	struct loop loop;
	int signal_fd;
	sigset_t old_mask;
	/* the workload */
	struct container c;
	bool running;
	int64_t started_ms, started_real_ms;
	struct plan plan;
	struct stream out, err;
	int stdin_fd; /* write end for clients; -1 */
	struct buf input;
	bool input_ended;
	struct log_writer log;
	bool logging;
	bool passthrough;
	/* What it said first and last, for reports: a script that waits for ever says the
	 * reason once, and then fills any buffer with its waiting. */
	char head[HEAD_BYTES], tail[TAIL_BYTES];
	size_t head_len, tail_len;
	bool tail_skipped; /* something between the two is gone */
	bool reached_ready;
	struct ready_state ready;
	struct health_state health;
	/* people */
	int listen_fd;
	struct client *clients[CLIENTS_MAX];
	size_t n_clients;
	/* its end */
	struct loop_timer deadline, restart, kill, stop;
	int64_t restarts;
	int64_t failures;  /* in a row, for the pause before the next start */
	const char *why;   /* static: why it is being ended, or ended; NULL: it is not */
	int wanted_status; /* exit status decided by us (124, 128+N); 0: the workload's */
	bool dirty;        /* something could not be taken back: gc will */
	int early_signal;  /* came while the container was being made */
	bool ending;       /* no more restarts */
	bool again;        /* start again whatever the policy says */
	bool oom;
	bool over;
	int status;
	nd_err *error;
	struct cause_facts seen; /* of the last workload, read before it was reaped */
	struct cause cause;
	struct event *events;
	size_t n_events;
};

/* monitor.c */
void run_event(struct run *r, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void run_warn(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes the whole container down; the run ends when its first process has been reaped. */
void run_end(struct run *r, const char *why, int status);
/* Asks it to stop, as the stop verb does; after the time-out it is taken down. */
void run_stop(struct run *r, const char *why);
void run_restart(struct run *r, const char *why);
void run_signal(struct run *r, int sig);
/* Set-up, workload, end; the result is in r->status and r->error. */
void run_monitor(struct run *r);
/* The same end for a run that could not even begin. */
void run_failed(struct run *r, nd_err *e);
/* The link "exit" from r->status. */
void run_exit_link(struct run *r, const char *why);

/* streams.c */
nd_must nd_err *streams_open(struct run *r);
/* After the start: our copies of the workload's ends go; watching begins. */
void streams_started(struct run *r);
/* Reads what is left and closes. */
void streams_drain(struct run *r);
void streams_pause(struct run *r, bool pause);
void streams_input(struct run *r, const char *data, size_t len);
void streams_input_end(struct run *r);

/* ready.c */
nd_must nd_err *ready_open(struct run *r);
void ready_started(struct run *r);
void ready_output(struct run *r, struct stream *s, const char *data, size_t len);
/* Stops asking; not for good before a restart, whose time limit is the same one. */
void ready_stop(struct run *r, bool for_good);
void ready_done_all(struct run *r);

/* health.c */
void health_started(struct run *r);
void health_stop(struct run *r);

/* probe.c */
nd_must nd_err *probe_exec(struct probe *p, const struct strv *argv, int64_t limit_ms);
nd_must nd_err *probe_net(struct probe *p, const struct ready_spec *spec, int64_t limit_ms);
/* SIGCHLD came: true when this probe ended; its `done` has been called. */
bool probe_reap(struct probe *p);
void probe_kill(struct probe *p);

/* attach.c */
nd_must nd_err *attach_open(struct run *r);
void attach_add(struct run *r, int fd, bool front);
void attach_output(struct run *r, enum log_stream which, const char *data, size_t len);
void attach_tell(struct run *r, char type, const void *data, size_t len, bool front_only);
void attach_pause_input(struct run *r, bool pause);
void attach_close(struct run *r);

/* report.c */
nd_err *report_refusal(nd_err *e); /* code, detail, remedy of what the kernel refused */
bool report_cause(struct run *r);  /* fills r->cause; false: nothing is known */
void report_look(struct run *r);   /* reads what can only be read while the workload is there */
nd_err *report_not_ready(struct run *r);
nd_err *report_died(struct run *r);
nd_err *report_deadline(struct run *r);
nd_err *report_restarts(struct run *r);
nd_must nd_err *run_record_write(struct run *r);
