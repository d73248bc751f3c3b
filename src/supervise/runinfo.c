/* Reading and writing what a run's folder says: see runinfo.h. */
#include "supervise/runinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/sys.h"
#include "supervise/procjson.h"

enum { RUN_JSON_MAX = 4 << 20 };

const char *run_status_name(enum run_status s)
{
	static const char *const names[] = {[RUN_CREATED] = "created",
		[RUN_RUNNING] = "running",
		[RUN_RESTARTING] = "restarting",
		[RUN_STOPPING] = "stopping",
		[RUN_EXITED] = "exited",
		[RUN_LOST] = "lost"};
	return names[s];
}

static uint64_t pid_ns_inode(void)
{
	struct stat st;
	return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static void request_json(struct json_out *o, const struct run_request *r, const char *id,
	const char *name, int64_t created_ms)
{
	jo_open(o, NULL, '{');
	jo_int(o, "version", 1);
	jo_str(o, "id", id);
	jo_str(o, "name", name);
	jo_int(o, "created_ms", created_ms);
	jo_int(o, "monitor", getpid());
	jo_uint(o, "pid_ns", pid_ns_inode());
	jo_str(o, "image", r->image);
	jo_str(o, "image_id", r->image_id);
	jo_str(o, "command_line", r->command_line);
	jo_strv(o, "args", &r->spec.args);
	jo_bool(o, "detach", r->detach);
	jo_bool(o, "rm", r->rm);
	jo_bool(o, "asks_ready", r->ready.kind != READY_NONE);
	jo_bool(o, "tty", r->spec.tty);
	jo_bool(o, "interactive", r->interactive);
	/* For those who clean up after a kill, when only this file tells. */
	jo_str(o, "cgroup_parent", r->spec.cgroup_parent);
	jo_str(o, "root_state", r->spec.rootfs.state_dir);
	jo_bool(o, "own_user_ns", r->spec.ns[NS_USER].mode == NS_NEW);
	jo_bool(o, "own_pid_ns", r->spec.ns[NS_PID].mode == NS_NEW);
	jo_int(o, "stop_signal", r->stop_signal);
	jo_int(o, "stop_timeout_ms", r->stop_timeout_ms);
	/* The rest is for inspect; a run that leaves nothing behind is rarely asked. */
	if (!r->rm || r->detach) {
		jo_str(o, "hostname", r->spec.hostname);
		jo_bool(o, "privileged", r->spec.privileged);
		jo_bool(o, "health", r->health.argv.n > 0);
		jo_strv(o, "annotations", &r->annotations);
		jo_strv(o, "volumes", &r->volumes);
	}
	jo_strv(o, "labels", &r->labels);
	jo_strv(o, "ports", &r->ports);
	jo_str(o, "network", r->network);
	jo_str(o, "restart", restart_name(r->restart.policy));
	jo_int(o, "memory_limit", r->spec.limits.memory);
	process_json(o, "process", &r->spec);
	jo_close(o, '}');
}

nd_err *runinfo_write(const struct run_dir *d, const struct run_request *r, const char *name,
	int64_t created_ms, int *ret_fd)
{
	struct json_out o = {.indent = -1};
	request_json(&o, r, d->id, name, created_ms);
	buf_str(&o.b, "\n");
	/* Not renamed into place: who reads a torn one finds no pid link yet either, and takes
	 * the run for one that is being made. */
	int fd = openat(d->fd, "run.json", O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	nd_err *e = NULL;
	if (fd < 0)
		e = err_sys(errno, "open", "run.json of run %.12s", d->id);
	else if (!fd_write_all(fd, o.b.data, o.b.len))
		e = err_sys(errno, "write", "run.json of run %.12s", d->id);
	buf_done(&o.b);
	if (e) {
		fd_close(fd);
		return e;
	}
	*ret_fd = fd;
	return NULL;
}

void runinfo_append_exit(int fd, int status)
{
	char line[32];
	int n = snprintf(line, sizeof line, "exit %d\n", status);
	/* Best effort: on a full disk the waiter hears "unknown". */
	if (fd >= 0 && write(fd, line, (size_t)n) < 0)
		return;
}

bool runinfo_exit_appended(int fd, int *ret_status)
{
	char text[64];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return false;
	off_t from = st.st_size > 40 ? st.st_size - 40 : 0;
	ssize_t n = pread(fd, text, sizeof text - 1, from);
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *line = strstr(text, "\nexit ");
	return line && sscanf(line, "\nexit %d", ret_status) == 1;
}

uint64_t pid_start_time(pid_t pid)
{
	char path[40], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name in parentheses may hold anything; fields count from after the last ')'. */
	const char *p = strrchr(text, ')');
	uint64_t value = 0;
	if (!p || sscanf(p + 1,
			  " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			  "%*s %*s %" SCNu64,
			  &value) != 1)
		return 0;
	return value;
}

static nd_err *request_read(const struct json_at *o, struct run_info *i)
{
	uint64_t ns = 0;
	TRY(json_get_str(o, "name", &i->name));
	TRY(json_get_i64(o, "created_ms", &i->created_ms));
	TRY(json_get_i64(o, "monitor", &i->monitor_pid));
	TRY(json_get_u64(o, "pid_ns", &ns));
	TRY(json_get_str(o, "image", &i->image));
	TRY(json_get_str(o, "image_id", &i->image_id));
	TRY(json_get_str(o, "command_line", &i->command_line));
	TRY(json_get_strv(o, "args", &i->args));
	TRY(json_get_bool(o, "detach", &i->detach));
	TRY(json_get_bool(o, "rm", &i->rm));
	TRY(json_get_bool(o, "asks_ready", &i->asks_ready));
	TRY(json_get_bool(o, "tty", &i->tty));
	TRY(json_get_bool(o, "interactive", &i->interactive));
	TRY(json_get_str(o, "cgroup_parent", &i->cgroup_parent));
	TRY(json_get_str(o, "root_state", &i->root_state));
	TRY(json_get_bool(o, "own_user_ns", &i->own_user_ns));
	TRY(json_get_bool(o, "own_pid_ns", &i->own_pid_ns));
	TRY(json_get_i64(o, "stop_signal", &i->stop_signal));
	TRY(json_get_i64(o, "stop_timeout_ms", &i->stop_timeout_ms));
	struct json_at process;
	TRY(json_get_obj(o, "process", &process));
	TRY(json_get_strv(&process, "env", &i->env));
	TRY(json_get_str(&process, "cwd", &i->cwd));
	TRY(json_get_str(&process, "user", &i->user));
	TRY(json_get_i64(o, "memory_limit", &i->memory_limit));
	TRY(json_get_str(o, "hostname", &i->hostname));
	TRY(json_get_bool(o, "privileged", &i->privileged));
	TRY(json_get_bool(o, "health", &i->has_health));
	TRY(json_get_strv(o, "annotations", &i->annotations));
	TRY(json_get_strv(o, "volumes", &i->volumes));
	TRY(json_get_strv(o, "labels", &i->labels));
	TRY(json_get_strv(o, "ports", &i->ports));
	TRY(json_get_str(o, "network", &i->network));
	TRY(json_get_str(o, "restart", &i->restart));
	i->foreign = ns && ns != pid_ns_inode();
	return NULL;
}

/* The first line is the request; exit lines follow. */
static nd_err *run_json_parse(int dir_fd, struct json_doc *ret)
{
	_cleanup_buf_ struct buf text = {0};
	TRY(file_read(dir_fd, "run.json", RUN_JSON_MAX, &text));
	const char *end = text.data ? strchr(text.data, '\n') : NULL;
	if (!end)
		return err_invalid("run.json: it is not whole");
	return json_parse("run.json", text.data, (size_t)(end - text.data), ret);
}

static nd_err *run_json_read(int dir_fd, struct run_info *i)
{
	_cleanup_json_ struct json_doc doc = {0};
	TRY(run_json_parse(dir_fd, &doc));
	return request_read(&doc.at, i);
}

nd_err *runinfo_process(const struct run_info *i, struct container_spec *s)
{
	_cleanup_json_ struct json_doc doc = {0};
	struct json_at at;
	TRY_WRAP(run_json_parse(i->dir.fd, &doc), "read the state of run %.12s", i->dir.id);
	TRY(json_get_obj(&doc.at, "process", &at));
	return process_read(&at, s);
}

static int64_t link_time_ms(int dir_fd, const char *name)
{
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

void runinfo_refresh(struct run_info *i)
{
	char text[4096], why[64] = "";
	int fd = i->dir.fd;
	/* First the lock: when it is free, nobody changes what is read after it. */
	bool alive = run_dir_alive(&i->dir, false);
	i->pid = 0;
	i->start_time = 0;
	int pid;
	if (link_get(fd, "pid", text, sizeof text) &&
		sscanf(text, "%d %" SCNu64, &pid, &i->start_time) == 2) {
		i->pid = pid;
		i->started_ms = link_time_ms(fd, "pid");
	}
	free(i->cgroup);
	i->cgroup = link_get(fd, "cgroup", text, sizeof text) ? str_dup(text) : NULL;
	free(i->health);
	i->health = link_get(fd, "health", text, sizeof text) ? str_dup(text) : NULL;
	i->ready = i->pid && (!i->asks_ready || link_get(fd, "ready", text, sizeof text));
	bool ended = link_get(fd, "exit", text, sizeof text) &&
		     sscanf(text, "%d %" SCNd64 " %" SCNd64 " %63s", &i->exit_code, &i->ended_ms,
			     &i->started_ms, why) == 4;
	free(i->why);
	i->why = ended ? str_dup(why) : NULL;
	if (alive) {
		bool pausing = str_eq(i->why, "restarting");
		i->status = i->pid    ? RUN_RUNNING
			    : pausing ? RUN_RESTARTING
			    : ended   ? RUN_STOPPING
				      : RUN_CREATED;
	} else if (ended) {
		i->status = RUN_EXITED;
	} else {
		i->status = run_dir_newborn(&i->dir) && !i->pid ? RUN_CREATED : RUN_LOST;
	}
	if (i->status != RUN_RUNNING && i->status != RUN_LOST)
		i->pid = 0;
}

nd_err *runinfo_reload(struct run_info *i)
{
	struct run_info fresh;
	if (i->created_ms) {
		runinfo_refresh(i);
		return NULL;
	}
	struct run_dir dir = i->dir;
	i->dir.fd = -1;
	runinfo_done(i);
	TRY(runinfo_load(dir, &fresh));
	*i = fresh;
	return NULL;
}

nd_err *runinfo_load(struct run_dir dir, struct run_info *ret)
{
	struct run_info i = {.dir = dir, .stop_timeout_ms = -1};
	nd_err *e = run_json_read(dir.fd, &i);
	if (e && err_root(e)->errnum && err_root(e)->errnum != ENOENT) {
		runinfo_done(&i);
		return err_wrap(e, "read the state of run %.12s", dir.id);
	}
	err_free(e);
	if (!i.name) {
		char name[48];
		run_name_from_id(dir.id, name);
		i.name = str_dup(name);
	}
	runinfo_refresh(&i);
	*ret = i;
	return NULL;
}

nd_err *runinfo_find(const struct state *s, const char *ref, struct run_info *ret)
{
	struct run_dir d;
	TRY(state_find(s, ref, &d));
	return runinfo_load(d, ret);
}

void runinfo_done(struct run_info *i)
{
	run_dir_done(&i->dir);
	char *const texts[] = {i->name, i->image, i->image_id, i->command_line, i->network,
		i->restart, i->cwd, i->user, i->hostname, i->cgroup_parent, i->root_state,
		i->cgroup, i->why, i->health};
	for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
		free(texts[k]);
	struct strv *const lists[] = {
		&i->args, &i->env, &i->labels, &i->annotations, &i->ports, &i->volumes};
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		strv_done(lists[k]);
	*i = (struct run_info){.dir.fd = -1};
}

static int by_creation(const void *a, const void *b)
{
	const struct run_info *x = a, *y = b;
	if (x->created_ms != y->created_ms)
		return x->created_ms < y->created_ms ? -1 : 1;
	return strcmp(x->dir.id, y->dir.id);
}

nd_err *runinfo_all(const struct state *s, struct run_infos *ret)
{
	_cleanup_strv_ struct strv ids = {0};
	TRY(state_list(s, &ids));
	struct run_infos l = {mem_alloc((ids.n + 1) * sizeof *l.v), 0};
	for (size_t i = 0; i < ids.n; i++) {
		struct run_dir d;
		nd_err *e = run_dir_open(s, ids.v[i], &d);
		if (!e)
			e = runinfo_load(d, &l.v[l.n]);
		/* Gone meanwhile: a --rm run ended. */
		if (e && err_root(e)->errnum == ENOENT) {
			err_free(e);
			continue;
		}
		if (e) {
			run_infos_done(&l);
			return e;
		}
		struct stat st;
		if (l.v[l.n].foreign || fstatat(s->runs_fd, ids.v[i], &st, 0) < 0)
			runinfo_done(&l.v[l.n]);
		else
			/* Closed, because there may be more runs than descriptors. */
			run_dir_done(&l.v[l.n++].dir);
	}
	qsort(l.v, l.n, sizeof *l.v, by_creation);
	*ret = l;
	return NULL;
}

void run_infos_done(struct run_infos *l)
{
	for (size_t i = 0; i < l->n; i++)
		runinfo_done(&l->v[i]);
	free(l->v);
	*l = (struct run_infos){0};
}

int runinfo_pidfd(struct run_info *i, pid_t *ret_pid)
{
	*ret_pid = 0;
	if (i->pid <= 0 || i->foreign)
		return -1;
	int fd = sys_pidfd_open(i->pid, 0);
	/* The number may have been given to another process since we read it.  Whoever has
	 * it now started later, unless it is the one we mean. */
	if ((fd < 0 && errno == ESRCH) || pid_start_time(i->pid) != i->start_time) {
		fd_close(fd);
		return -1;
	}
	*ret_pid = i->pid;
	return fd;
}
