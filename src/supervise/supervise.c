/* Entry of a run: checks, folder, and who is its monitor.  In the foreground that is this
 * process.  A detached run, and one with a terminal (whose user may detach from it), gets a
 * process of its own: it is forked and not executed, so nothing is loaded again; the pair of
 * sockets made before is its first client (see channel.h). */
#include "supervise/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "supervise/client.h"
#include "supervise/data.h"
#include "supervise/reclaim.h"
#include "supervise/run.h"

void run_request_init(struct run_request *r)
{
	*r = (struct run_request){.stop_timeout_ms = -1, .sig_proxy = true};
	spec_init(&r->spec);
}

void run_request_done(struct run_request *r)
{
	spec_done(&r->spec);
	ready_done(&r->ready);
	health_done(&r->health);
	char *const texts[] = {r->name, r->detach_keys, r->image, r->image_id, r->command_line,
		r->network, r->pidfile, r->cidfile};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	struct strv *const lists[] = {&r->labels, &r->annotations, &r->ports, &r->volumes};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strv_done(lists[i]);
	*r = (struct run_request){0};
}

static nd_err *request_check(const struct run_request *q)
{
	if (q->name && !run_name_valid(q->name))
		return err_invalid("--name: '%s' must begin with a letter or digit and have only "
				   "letters, digits, '_', '.', '-'",
			q->name);
	if (q->rm && q->restart.policy != RESTART_NO && q->restart.policy != RESTART_ON_FAILURE)
		return err_invalid("--rm and --restart %s exclude each other",
			restart_name(q->restart.policy));
	if (q->log.driver == LOG_PASSTHROUGH && (q->detach || q->spec.tty))
		return err_invalid("--log-driver passthrough is for runs in the foreground without "
				   "a terminal");
	if (q->ready.kind == READY_LOG && q->log.driver == LOG_PASSTHROUGH)
		return err_invalid("--ready log: cannot see output that is passed through");
	return NULL;
}

/* Makes the folder.  A name held by a run that is dead and would have been removed by
 * itself (or may be: --replace) is freed first. */
static nd_err *folder_make(struct run *r)
{
	struct run_request *q = r->req;
	nd_err *e = run_dir_make(&r->state, q->spec.id, q->name, &r->dir);
	if (!e || !str_eq(err_find_code(e), "name-in-use"))
		return e;
	_cleanup_runinfo_ struct run_info holder = {.dir.fd = -1};
	nd_err *found = runinfo_find(&r->state, q->name, &holder);
	if (found) {
		err_free(found);
		return e;
	}
	bool dead = holder.status == RUN_LOST || holder.status == RUN_EXITED;
	if (!q->replace && !(dead && holder.rm))
		return e;
	err_free(e);
	TRY(run_remove(&r->state, &holder, q->replace));
	return run_dir_make(&r->state, q->spec.id, q->name, &r->dir);
}

/* Nothing has been started: all that was prepared goes.  Where something cannot be taken
 * back, the folder stays for gc to find. */
static void abandon(struct run *r)
{
	struct run_request *q = r->req;
	nd_err *e = q->cleanup ? q->cleanup(q, q->arg) : NULL;
	if (!e)
		e = data_remove(r->dir.id);
	if (!e)
		e = run_dir_remove(&r->state, r->dir.id, q->name);
	err_free(e);
}

static nd_err *prepare(struct run *r)
{
	struct run_request *q = r->req;
	TRY(request_check(q));
	if (!q->spec.id) {
		char id[65];
		TRY(run_id_make(id));
		q->spec.id = str_dup(id);
	}
	if (q->name)
		snprintf(r->name, sizeof r->name, "%s", q->name);
	else
		run_name_from_id(q->spec.id, r->name);
	if (!q->command_line)
		q->command_line = strv_join(&q->spec.args, " ");
	TRY(state_open(&r->state));
	TRY(folder_make(r));
	nd_err *e = q->prepare ? q->prepare(q, q->arg) : NULL;
	if (e)
		abandon(r);
	return e;
}

/* In the monitor, because run.json names its pid. */
static nd_err *describe(struct run *r)
{
	TRY(runinfo_write(&r->dir, r->req, r->name, r->created_ms, &r->json_fd));
	if (!r->req->cidfile)
		return NULL;
	int fd = open(r->req->cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	nd_err *e = NULL;
	if (fd < 0 || !fd_write_all(fd, r->dir.id, 64))
		e = err_sys(errno, "write", "--cidfile %s", r->req->cidfile);
	fd_close(fd);
	return e;
}

static void run_free(struct run *r)
{
	loop_done(&r->loop);
	fd_done(&r->json_fd);
	run_dir_done(&r->dir);
	state_done(&r->state);
	plan_done(&r->plan);
	for (size_t i = 0; i < r->n_events; i++)
		free(r->events[i].text);
	free(r->events);
	cause_done(&r->cause);
	err_free(r->error);
}

/* Descriptors that our caller left open are not the monitor's business: it would keep a
 * pipe from ending or a lock held.  What survived our own execve(2) is not CLOEXEC; what
 * nidus opened is. */
static void strays_close(const struct container_spec *s)
{
	_cleanup_closedir_ DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	while (d && (e = readdir(d))) {
		uint64_t fd;
		if (!str_to_u64(e->d_name, &fd) || fd < 3 || fcntl((int)fd, F_GETFD) != 0)
			continue;
		bool wanted = false;
		for (size_t i = 0; i < s->n_keep_fds; i++)
			wanted = wanted || s->keep_fds[i] == (int)fd;
		for (size_t i = 0; i < NS_COUNT; i++)
			wanted = wanted || (s->ns[i].mode == NS_JOIN && s->ns[i].fd == (int)fd);
		if (!wanted)
			close((int)fd);
	}
}

static _Noreturn void monitor_main(struct run *r, int channel_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3 && null_fd >= 0; i++)
		dup2(null_fd, i);
	fd_close(null_fd);
	strays_close(&r->req->spec);
	fd_set_nonblock(channel_fd);
	attach_add(r, channel_fd, true);
	nd_err *e = describe(r);
	if (e)
		run_failed(r, e);
	else
		run_monitor(r);
	_exit(0);
}

/* Forks the monitor away: a session of its own, child of init. */
static nd_err *monitor_fork(struct run *r, int *ret_fd)
{
	int sp[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0)
		return err_sys(errno, "socketpair", "to the monitor");
	pid_t pid = fork();
	if (pid == 0) {
		close(sp[0]);
		setsid();
		pid = fork();
		if (pid == 0)
			monitor_main(r, sp[1]);
		_exit(pid < 0 ? errno : 0);
	}
	int err = errno;
	fd_close(sp[1]);
	if (pid > 0)
		err = wait_status(pid);
	if (err) {
		fd_close(sp[0]);
		return err_sys(err, "fork", "the monitor");
	}
	*ret_fd = sp[0];
	return NULL;
}

static nd_err *in_background(struct run *r, struct run_result *ret)
{
	struct run_request *q = r->req;
	int fd = -1;
	nd_err *e = monitor_fork(r, &fd);
	/* The lock is the monitor's alone from now on. */
	run_dir_done(&r->dir);
	if (e) {
		abandon(r);
		return e;
	}
	struct client_options o = {.fd = fd,
		.id = r->dir.id,
		.until_ready = q->detach,
		.tty = q->spec.tty && !q->detach,
		.input = q->interactive && !q->detach,
		.sig_proxy = true,
		.detach_keys = q->detach_keys,
		.warning = q->tell.warning,
		.started = q->tell.started,
		.arg = q->tell.arg};
	struct client_result got = {0};
	e = client_run(&o, &got);
	fd_close(fd);
	ret->status = got.status;
	ret->detached = got.detached;
	if (e && str_eq(err_find_code(e), "monitor-lost"))
		err_free(run_reclaim_id(&r->state, r->dir.id));
	return e;
}

static nd_err *in_foreground(struct run *r, struct run_result *ret)
{
	r->foreground = true;
	nd_err *e = describe(r);
	if (e)
		run_failed(r, e);
	else
		run_monitor(r);
	ret->status = r->status;
	return steal_ptr(&r->error);
}

nd_err *supervise_run(struct run_request *q, struct run_result *ret)
{
	struct run r = {.req = q,
		.state.runs_fd = -1,
		.dir.fd = -1,
		.json_fd = -1,
		.signal_fd = -1,
		.stdin_fd = -1,
		.listen_fd = -1,
		.c = {.pid = -1, .pid_fd = -1, .pty_fd = -1},
		.out.fd = -1,
		.out.copy_fd = -1,
		.err.fd = -1,
		.err.copy_fd = -1,
		.log.fd = -1,
		.ready = {.fd = -1, .workload_fd = -1},
		.created_ms = now_real_ms(),
		.begin_ms = now_ms()};
	*ret = (struct run_result){.status = 125};
	nd_err *e = prepare(&r);
	if (!e) {
		memcpy(ret->id, r.dir.id, sizeof ret->id);
		e = q->detach || q->spec.tty ? in_background(&r, ret) : in_foreground(&r, ret);
	}
	run_free(&r);
	return report_refusal(e);
}
