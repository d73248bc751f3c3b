/* The life of a run in its monitor: prepare, start, watch, end.  One loop waits for
 * everything: signals and SIGCHLD through signalfd(2), output, questions, time limits.  Waiting
 * for children is by SIGCHLD and waitpid(2), because the places without pidfds (gVisor) have that
 * too. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "container/cgroup.h"
#include "kernel/names.h"
#include "supervise/backoff.h"
#include "supervise/channel.h"
#include "supervise/control.h"
#include "supervise/data.h"
#include "supervise/run.h"

enum { STOP_MS = 10000, KILL_WAIT_MS = 15000, START_MS = 600000 };

void run_event(struct run *r, const char *what, const char *fmt, ...)
{
	char *text = NULL;
	if (fmt) {
		va_list ap;
		va_start(ap, fmt);
		text = str_vfmt(fmt, ap);
		va_end(ap);
	}
	r->events = mem_grow(r->events, r->n_events + 1, sizeof *r->events);
	r->events[r->n_events++] = (struct event){now_ms() - r->begin_ms, what, text};
}

void run_warn(struct run *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	_cleanup_free_ char *text = str_vfmt(fmt, ap);
	va_end(ap);
	run_event(r, "warning", "%s", text);
	if (r->foreground && r->req->tell.warning)
		r->req->tell.warning(r->req->tell.arg, text);
	else
		attach_tell(r, CH_WARNING, text, strlen(text), true);
}

/* True when there was an error; it has been told as a warning. */
static bool warn_if(struct run *r, nd_err *e)
{
	if (!e)
		return false;
	_cleanup_free_ char *line = err_line(e);
	run_warn(r, "%s", line);
	err_free(e);
	return true;
}

static void signal_ready(void *arg, short revents);

static nd_err *signals_open(struct run *r)
{
	static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
		SIGIO, SIGPWR, SIGCHLD, SIGPIPE};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		sigaddset(&set, sig);
	/* Our caller may have ignored it, and then children are not to be waited for. */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &set, &r->old_mask);
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return err_sys(errno, "signalfd", "for the run's signals");
	loop_add(&r->loop, r->signal_fd, POLLIN, signal_ready, r);
	return NULL;
}

static void unkillable(void *arg)
{
	struct run *r = arg;
	run_event(r, "unkillable", "pid %d", (int)r->c.pid);
	if (!r->error)
		r->error = err_detail(err_new(ND_BUSY, "unkillable",
					      "the workload does not end although it got SIGKILL"),
			"pid %d; /proc/%d/stack says where in the kernel it waits", (int)r->c.pid,
			(int)r->c.pid);
	r->wanted_status = 125;
	r->loop.stop = true;
}

void run_end(struct run *r, const char *why, int status)
{
	if (!r->why) {
		r->why = why;
		r->wanted_status = status;
	}
	r->ending = true;
	loop_clear(&r->loop, &r->restart);
	loop_clear(&r->loop, &r->stop);
	if (!r->running) {
		r->loop.stop = true;
		return;
	}
	run_event(r, "kill", "%s", why);
	container_kill_all(&r->c);
	if (!r->kill.at_ms) {
		r->kill = (struct loop_timer){.fire = unkillable, .arg = r};
		loop_after(&r->loop, &r->kill, KILL_WAIT_MS);
	}
}

static void stop_timed_out(void *arg)
{
	struct run *r = arg;
	run_end(r, r->why, r->wanted_status);
}

/* Sends what the workload is to stop at; a first process that would not even notice is
 * ended at once, as it would have been anywhere else. */
static void ask_to_stop(struct run *r)
{
	int sig = r->req->stop_signal ? r->req->stop_signal : SIGTERM;
	int64_t limit = r->req->stop_timeout_ms >= 0 ? r->req->stop_timeout_ms : STOP_MS;
	if (r->req->spec.ns[NS_PID].mode == NS_NEW && signal_would_be_dropped(r->c.pid, sig)) {
		container_kill_all(&r->c);
		return;
	}
	signal_send(r->c.pid, r->c.pid_fd, sig);
	r->stop = (struct loop_timer){.fire = stop_timed_out, .arg = r};
	loop_after(&r->loop, &r->stop, limit);
}

void run_stop(struct run *r, const char *why)
{
	if (r->ending)
		return;
	if (!r->running) {
		run_end(r, why, 0);
		return;
	}
	r->why = why;
	r->ending = true;
	run_event(r, "stop", "%s", why);
	ask_to_stop(r);
}

void run_restart(struct run *r, const char *why)
{
	if (r->ending || !r->running)
		return;
	run_event(r, "restart", "%s", why);
	r->again = true;
	ask_to_stop(r);
}

void run_signal(struct run *r, int sig)
{
	if (!r->running) {
		run_end(r, "signal", 128 + sig);
		return;
	}
	char name[16];
	run_event(r, "signal", "%s", signal_name(sig, name));
	if (r->req->spec.ns[NS_PID].mode == NS_NEW && signal_would_be_dropped(r->c.pid, sig)) {
		run_end(r, "signal", 128 + sig);
		return;
	}
	if (sig == SIGKILL)
		run_end(r, "signal", 0);
	else
		signal_send(r->c.pid, r->c.pid_fd, sig);
}

static void deadline_passed(void *arg)
{
	struct run *r = arg;
	if (!r->error)
		r->error = report_deadline(r);
	run_end(r, "deadline", 124);
}

static void start_again(void *arg);

static bool oom_seen(struct run *r)
{
	_cleanup_cgroup_ struct cgroup group = CGROUP_NONE;
	err_free(cgroup_load(r->c.cgroup, &group));
	if (!cgroup_oom_kills(&group))
		return false;
	run_warn(r,
		"the kernel killed the workload, because its memory limit of %lld bytes was "
		"reached",
		(long long)r->req->spec.limits.memory);
	return true;
}

/* The workload has been reaped: what was it, and does it come back? */
static void workload_ended(struct run *r, int wstatus)
{
	int64_t lived = now_ms() - r->started_ms;
	r->running = false;
	r->status = status_of_wait(wstatus);
	if (r->status == 128 + SIGKILL && r->req->spec.limits.memory > 0)
		r->oom = oom_seen(r);
	run_event(r, "exit", "%d", r->status);
	/* Without a pid namespace of its own, what it started lives on. */
	if (r->req->spec.ns[NS_PID].mode != NS_NEW)
		container_kill_all(&r->c);
	bool was_waiting = r->ready.waiting;
	ready_stop(r, false);
	health_stop(r);
	streams_drain(r);
	loop_clear(&r->loop, &r->kill);
	loop_clear(&r->loop, &r->stop);
	r->dirty = warn_if(r, container_cleanup(&r->c)) || r->dirty;
	container_done(&r->c);
	r->c = (struct container){.pid_fd = -1, .pty_fd = -1};
	unlinkat(r->dir.fd, "cgroup", 0);
	char asked[8];
	bool may_restart = !r->ending && (r->again || r->req->restart.policy != RESTART_NO);
	if (may_restart && link_get(r->dir.fd, "stop", asked, sizeof asked)) {
		r->why = "stopped";
		may_restart = false;
	}
	enum restart_answer answer =
		!may_restart ? RESTART_NEVER
		: r->again   ? RESTART_AGAIN
			     : restart_decide(&r->req->restart, r->status, r->restarts);
	r->again = false;
	if (answer == RESTART_AGAIN) {
		int64_t delay = restart_delay_ms(lived, &r->failures);
		run_exit_link(r, "restarting");
		r->restart = (struct loop_timer){.fire = start_again, .arg = r};
		loop_after(&r->loop, &r->restart, delay);
		run_event(r, "restart", "in %lld ms", (long long)delay);
		return;
	}
	if (!r->error && !r->why && answer == RESTART_TOO_OFTEN)
		r->error = report_restarts(r);
	else if (!r->error && !r->why && was_waiting)
		r->error = report_died(r);
	if (r->error && !r->wanted_status && !r->status)
		r->wanted_status = 125;
	r->loop.stop = true;
}

/* The pid link goes before the process is reaped: a number in it is never another's. */
static void reap_workload(struct run *r)
{
	siginfo_t info = {0};
	int wstatus;
	if (waitid(P_PID, (id_t)r->c.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
		return;
	unlinkat(r->dir.fd, "pid", 0);
	if (waitpid(r->c.pid, &wstatus, WNOHANG) == r->c.pid)
		workload_ended(r, wstatus);
}

static void signal_ready(void *arg, short revents)
{
	struct run *r = arg;
	struct signalfd_siginfo info;
	while (!r->loop.stop && read(r->signal_fd, &info, sizeof info) == sizeof info) {
		int sig = (int)info.ssi_signo;
		if (sig == SIGCHLD) {
			probe_reap(&r->ready.probe);
			probe_reap(&r->health.probe);
			if (r->running)
				reap_workload(r);
			/* Most often the end: one read less. */
			return;
		}
		if (sig == SIGPIPE || (sig == SIGHUP && !r->foreground))
			continue;
		if (r->foreground)
			run_signal(r, sig);
		else
			run_stop(r, "monitor-signalled");
	}
}

static void pidfile_write(struct run *r)
{
	if (!r->req->pidfile)
		return;
	char text[24];
	int n = snprintf(text, sizeof text, "%d", (int)r->c.pid);
	int fd = open(r->req->pidfile,
		O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0 || !fd_write_all(fd, text, (size_t)n))
		run_warn(r, "--pidfile: %s: %s", r->req->pidfile, strerror(errno));
	fd_close(fd);
}

static int64_t start_limit(const struct run *r)
{
	int64_t limit = START_MS;
	if (r->req->ready.kind != READY_NONE && r->req->ready_timeout_ms)
		limit = r->req->ready_timeout_ms;
	if (r->req->deadline_ms && r->req->deadline_ms < limit)
		limit = r->req->deadline_ms;
	return now_ms() + limit;
}

/* Signals are blocked while the container is made: one that means the end ends it. */
static bool start_cancelled(void *arg)
{
	struct run *r = arg;
	struct signalfd_siginfo info;
	while (read(r->signal_fd, &info, sizeof info) == sizeof info)
		switch (info.ssi_signo) {
		case SIGHUP:
		case SIGINT:
		case SIGQUIT:
		case SIGTERM:
			if (info.ssi_signo != SIGHUP || r->foreground)
				r->early_signal = (int)info.ssi_signo;
			break;
		default:
			break; /* there is nobody to pass it on to */
		}
	return r->early_signal != 0;
}

static nd_err *start(struct run *r)
{
	TRY(streams_open(r));
	TRY(ready_open(r));
	plan_done(&r->plan);
	r->c = (struct container){.pid_fd = -1, .pty_fd = -1};
	struct container_hooks hooks = r->req->hooks;
	hooks.until_ms = start_limit(r);
	hooks.cancel_fd = r->signal_fd;
	hooks.cancelled = start_cancelled;
	hooks.cancel_arg = r;
	nd_err *e = container_start(&r->req->spec, &hooks, &r->plan, &r->c);
	if (e && r->early_signal && str_eq(err_find_code(e), "cancelled"))
		r->wanted_status = 128 + r->early_signal;
	if (e)
		return e;
	r->running = true;
	r->started_ms = now_ms();
	r->started_real_ms = now_real_ms();
	char text[64];
	snprintf(text, sizeof text, "%d %llu", (int)r->c.pid,
		(unsigned long long)pid_start_time(r->c.pid));
	if (!link_set(r->dir.fd, "pid", text))
		run_warn(r,
			"the state directory takes no more: %s; this run cannot be stopped by "
			"name",
			strerror(errno));
	if (r->c.cgroup)
		link_set(r->dir.fd, "cgroup", r->c.cgroup);
	run_event(r, "start", "pid %d", (int)r->c.pid);
	pidfile_write(r);
	streams_started(r);
	if (r->req->ready.kind != READY_NONE || r->req->restart.policy != RESTART_NO)
		report_look(r);
	return NULL;
}

/* The workload runs: those who asked are told, readiness and health are watched. */
static void started(struct run *r)
{
	for (size_t i = 0; i < r->plan.warnings.n; i++)
		run_warn(r, "%s", r->plan.warnings.v[i]);
	bool told = r->foreground ? r->req->tell.started != NULL : r->n_clients > 0;
	if (told && !r->restarts) {
		struct json_out o = {.indent = -1};
		plan_json(&r->plan, &o, NULL);
		if (r->foreground)
			r->req->tell.started(r->req->tell.arg, r->dir.id, o.b.data);
		else
			attach_tell(r, CH_STARTED, o.b.data, o.b.len, true);
		buf_done(&o.b);
	}
	ready_started(r);
	health_started(r);
	if (!r->req->rm)
		err_free(run_record_write(r));
}

static void start_again(void *arg)
{
	struct run *r = arg;
	r->restarts++;
	unlinkat(r->dir.fd, "exit", 0);
	nd_err *e = start(r);
	if (!e) {
		started(r);
		return;
	}
	/* What can pass (no pids, no memory) counts as one more failure. */
	streams_drain(r);
	if (err_root(e)->kind == ND_LIMIT &&
		restart_decide(&r->req->restart, 125, r->restarts) == RESTART_AGAIN) {
		_cleanup_free_ char *line = err_line(e);
		run_event(r, "start-failed", "%s", line);
		err_free(e);
		loop_after(&r->loop, &r->restart, restart_delay_ms(0, &r->failures));
		return;
	}
	r->error = err_wrap(e, "start the workload again");
	run_end(r, "start-failed", 125);
}

void run_exit_link(struct run *r, const char *why)
{
	char text[128];
	snprintf(text, sizeof text, "%d %lld %lld %s", r->status, (long long)now_real_ms(),
		(long long)r->started_real_ms, why);
	if (!link_set(r->dir.fd, "exit", text))
		run_event(r, "state-lost", "%s", strerror(errno));
}

static int status_of_error(const nd_err *e)
{
	const char *code = err_find_code(e);
	return str_eq(code, "exec-not-found")  ? 127
	       : str_eq(code, "exec-denied")   ? 126
	       : str_eq(code, "start-timeout") ? 124
					       : 125;
}

/* Everything is over: leave the record, or nothing at all with --rm. */
static void finish(struct run *r)
{
	if (r->wanted_status)
		r->status = r->wanted_status;
	if (!r->why)
		r->why = r->error ? err_find_code(r->error) : "exited";
	if (!r->why)
		r->why = "failed";
	r->over = true;
	char asked[8];
	if (!r->req->rm && str_eq(r->why, "exited") &&
		link_get(r->dir.fd, "stop", asked, sizeof asked))
		r->why = "stopped";
	ready_done_all(r);
	health_stop(r);
	loop_clear(&r->loop, &r->deadline);
	if (r->log.lost)
		run_warn(r, "%llu bytes of output could not be logged: %s",
			(unsigned long long)r->log.lost, strerror(r->log.lost_errno));
	log_close(&r->log);
	r->logging = false;
	bool left = r->dirty;
	left = warn_if(r, r->req->cleanup ? r->req->cleanup(r->req, r->req->arg) : NULL) || left;
	if (r->req->pidfile)
		unlink(r->req->pidfile);
	bool vanish = r->req->rm || r->json_fd < 0; /* never described: nothing to come back to */
	if (vanish)
		runinfo_append_exit(r->json_fd, r->status);
	if (vanish && !r->req->rm)
		left = warn_if(r, data_remove(r->dir.id)) || left;
	/* Where something could not be taken back, the folder stays for gc to find. */
	if (vanish && !left)
		warn_if(r, run_dir_remove(&r->state, r->dir.id, r->req->name));
	if (vanish)
		return;
	run_exit_link(r, r->why);
	/* For `nidus explain`: a failure that nobody made a report of has a cause too. */
	if (r->status && !r->error)
		report_cause(r);
	nd_err *e = run_record_write(r);
	warn_if(r, err_wrap(e, "the record could not be kept"));
}

/* The last words to those who listen. */
static void tell_end(struct run *r)
{
	if (r->foreground)
		return;
	struct buf packed = {0};
	char text[16];
	if (r->error) {
		err_pack(r->error, &packed);
		attach_tell(r, CH_ERROR, packed.data, packed.len, true);
		buf_done(&packed);
	}
	snprintf(text, sizeof text, "%d", r->status);
	attach_tell(r, CH_EXIT, text, strlen(text), false);
	attach_close(r);
}

void run_failed(struct run *r, nd_err *e)
{
	streams_drain(r);
	if (!r->wanted_status)
		r->wanted_status = status_of_error(e);
	r->error = report_refusal(e);
	finish(r);
	tell_end(r);
}

void run_monitor(struct run *r)
{
	nd_err *e = signals_open(r);
	if (!e && !r->foreground)
		e = attach_open(r);
	if (!e)
		e = start(r);
	if (e) {
		run_failed(r, e);
	} else {
		if (r->req->deadline_ms) {
			r->deadline = (struct loop_timer){.fire = deadline_passed, .arg = r};
			loop_after(&r->loop, &r->deadline, r->req->deadline_ms);
		}
		started(r);
		e = loop_run(&r->loop);
		if (!r->error)
			r->error = e;
		else
			err_free(e);
		finish(r);
		tell_end(r);
	}
	fd_done(&r->signal_fd);
	sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
}
