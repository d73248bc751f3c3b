/* Reclaiming: see reclaim.h.  A process is only killed if it surely is the run's: it is in
 * the run's own cgroup, or has the number and the start time that the monitor wrote down. */
#include "supervise/reclaim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "container/cgroup.h"
#include "net/net.h"
#include "supervise/control.h"
#include "supervise/data.h"
#include "supervise/stop.h"
#include "kernel/sys.h"

enum { KILL_MS = 5000 };

void reclaimed_done(struct reclaimed *r)
{
	strv_done(&r->lines);
}

static void process_reclaim(struct run_info *i, bool dry, struct reclaimed *ret)
{
	pid_t pid;
	_cleanup_fd_ int pid_fd = runinfo_pidfd(i, &pid);
	if (pid <= 0)
		return;
	strv_fmt(&ret->lines, "run %.12s: process %d", i->dir.id, (int)pid);
	if (!dry && signal_send(pid, pid_fd, SIGKILL))
		process_wait(pid, pid_fd, i->start_time, KILL_MS);
}

static nd_err *cgroups_reclaim(struct run_info *i, bool dry, struct reclaimed *ret)
{
	_cleanup_cgroup_ struct cgroup group = CGROUP_NONE;
	if (i->cgroup)
		TRY(cgroup_load(i->cgroup, &group));
	/* Killed between making the groups and writing them down: their names tell. */
	if (!group.n)
		TRY(cgroup_find(i->cgroup_parent, i->dir.id, &group));
	for (size_t k = 0; k < group.n; k++)
		if (access(group.dirs[k].path, F_OK) == 0)
			strv_fmt(
				&ret->lines, "run %.12s: cgroup %s", i->dir.id, group.dirs[k].path);
	if (dry || !group.n)
		return NULL;
	TRY(cgroup_kill(&group, KILL_MS));
	return cgroup_remove(&group, KILL_MS);
}

/* What it changed in its root, and its volumes without a name: all called after it. */
static nd_err *data_reclaim(struct run_info *i, bool dry, struct reclaimed *ret)
{
	if (i->root_state && faccessat(AT_FDCWD, i->root_state, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		strv_fmt(&ret->lines, "run %.12s: files %s", i->dir.id, i->root_state);
	return dry ? NULL : data_remove(i->dir.id);
}

static nd_err *network_reclaim(const struct state *s, struct run_info *i)
{
	_cleanup_fd_ int fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s", s->path);
	return net_teardown(fd, i->dir.id, NULL);
}

/* A name is only ours to free if it is claimed by this run. */
static nd_err *folder_remove(const struct state *s, struct run_info *i)
{
	return run_dir_remove(s, i->dir.id, i->name);
}

nd_err *run_reclaim(const struct state *s, struct run_info *i, bool dry, struct reclaimed *ret)
{
	process_reclaim(i, dry, ret);
	TRY_WRAP(cgroups_reclaim(i, dry, ret), "reclaim run %.12s", i->dir.id);
	if (!dry)
		TRY_WRAP(network_reclaim(s, i), "reclaim run %.12s", i->dir.id);
	bool described = i->created_ms != 0;
	if (!i->rm && described)
		return NULL;
	TRY_WRAP(data_reclaim(i, dry, ret), "reclaim run %.12s", i->dir.id);
	strv_fmt(&ret->lines, "run %.12s: its folder", i->dir.id);
	ret->removed = true;
	if (!dry)
		TRY(folder_remove(s, i));
	return NULL;
}

nd_err *run_reclaim_id(const struct state *s, const char *id)
{
	struct run_dir d;
	nd_err *e = run_dir_open(s, id, &d);
	if (e) {
		err_free(e);
		return NULL;
	}
	_cleanup_runinfo_ struct run_info i = {.dir.fd = -1};
	TRY(runinfo_load(d, &i));
	if (run_dir_alive(&i.dir, true))
		return NULL;
	struct reclaimed done = {0};
	e = run_reclaim(s, &i, false, &done);
	reclaimed_done(&done);
	return e;
}

nd_err *run_remove(const struct state *s, struct run_info *i, bool force)
{
	if (i->status != RUN_EXITED && i->status != RUN_LOST) {
		if (!force)
			return err_remedy(err_new(ND_BUSY, "run-alive", "run %.12s (%s) is %s",
						  i->dir.id, i->name, run_status_name(i->status)),
				"'nidus stop %.12s' first, or use --force.", i->dir.id);
		TRY(run_stop_now(i, 0, SIGKILL));
		struct stat st;
		if (fstatat(s->runs_fd, i->dir.id, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return NULL; /* --rm: its monitor has done it */
		runinfo_refresh(i);
	}
	/* Two at once: the other one has it. */
	if (run_dir_alive(&i->dir, true))
		return err_new(ND_BUSY, "run-busy",
			"run %.12s is being removed or has come to life", i->dir.id);
	struct reclaimed done = {0};
	nd_err *e = run_reclaim(s, i, false, &done);
	if (!e && !done.removed)
		e = data_reclaim(i, false, &done);
	if (!e && !done.removed)
		e = folder_remove(s, i);
	reclaimed_done(&done);
	return e;
}

static nd_err *names_gc(
	const struct state *s, bool dry, void (*line)(void *arg, const char *text), void *arg)
{
	int fd = openat(s->runs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(errno, "open", "%s/runs", s->path);
	struct dirent *e;
	while ((e = readdir(d))) {
		struct stat st;
		if (e->d_name[0] != '@' || fstatat(s->runs_fd, e->d_name, &st, 0) == 0 ||
			errno != ENOENT)
			continue;
		_cleanup_free_ char *text = str_fmt("name %s of a run that is gone", e->d_name + 1);
		line(arg, text);
		if (!dry)
			unlinkat(s->runs_fd, e->d_name, 0);
	}
	return NULL;
}

/* Asked by the network whose address a record is. */
static bool run_lives(const char *id, void *arg)
{
	const struct state *s = arg;
	_cleanup_run_dir_ struct run_dir d = {.fd = -1};
	nd_err *e = run_dir_open(s, id, &d);
	if (e) {
		err_free(e);
		return false;
	}
	return run_dir_alive(&d, false) || run_dir_newborn(&d);
}

static nd_err *network_gc(
	const struct state *s, bool dry, void (*line)(void *arg, const char *text), void *arg)
{
	struct net_gc_report n = {0};
	_cleanup_fd_ int fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dry || fd < 0)
		return NULL;
	TRY(net_gc(fd, run_lives, (void *)s, &n));
	const struct {
		size_t n;
		const char *what;
	} kinds[] = {{n.leases, "address"}, {n.links, "link"}, {n.rules, "port rule"},
		{n.helpers, "network helper"}, {n.bridge, "bridge"}};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].n) {
			_cleanup_free_ char *text =
				str_fmt("network: %zu %s%s of runs that are gone", kinds[i].n,
					kinds[i].what, kinds[i].n == 1 ? "" : "s");
			line(arg, text);
		}
	return NULL;
}

/* Changes on disk whose run has no folder: the state lives in /run and is gone after a
 * reboot, the changes are not.  What is younger than that may belong to a run of another
 * state directory, which only root's usual one rules out. */
static bool data_is_wanted(const char *id, void *arg)
{
	const struct state *s = arg;
	struct stat st;
	struct timespec up;
	if (faccessat(s->runs_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (start_euid() == 0 && str_eq(s->path, "/run/nidus"))
		return false;
	_cleanup_free_ char *data = NULL;
	nd_err *e = data_dir(&data);
	_cleanup_free_ char *path = str_fmt("%s/runs/%s", e ? "" : data, id);
	err_free(e);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return stat(path, &st) < 0 || st.st_ctim.tv_sec >= time(NULL) - up.tv_sec;
}

static nd_err *orphans_gc(
	const struct state *s, bool dry, void (*line)(void *arg, const char *text), void *arg)
{
	size_t n = 0;
	if (dry)
		return NULL;
	nd_err *e = data_gc(data_is_wanted, (void *)s, &n);
	if (n) {
		_cleanup_free_ char *text = str_fmt("data: changes of %zu run%s that %s gone", n,
			n == 1 ? "" : "s", n == 1 ? "is" : "are");
		line(arg, text);
	}
	return e;
}

nd_err *runs_gc(
	const struct state *s, bool dry, void (*line)(void *arg, const char *text), void *arg)
{
	_cleanup_strv_ struct strv ids = {0};
	nd_err *first = NULL;
	TRY(state_list(s, &ids));
	for (size_t k = 0; k < ids.n; k++) {
		struct run_dir d;
		_cleanup_runinfo_ struct run_info i = {.dir.fd = -1};
		nd_err *e = run_dir_open(s, ids.v[k], &d);
		if (!e)
			e = runinfo_load(d, &i);
		struct reclaimed done = {0};
		if (!e && !i.foreign && !run_dir_alive(&i.dir, !dry))
			e = run_reclaim(s, &i, dry, &done);
		for (size_t n = 0; n < done.lines.n; n++)
			line(arg, done.lines.v[n]);
		reclaimed_done(&done);
		/* One that cannot be cleaned does not keep the others dirty. */
		if (e && (first || err_root(e)->errnum == ENOENT))
			err_free(e);
		else if (e)
			first = e;
	}
	nd_err *others[] = {names_gc(s, dry, line, arg), network_gc(s, dry, line, arg),
		orphans_gc(s, dry, line, arg)};
	for (size_t k = 0; k < ARRAY_SIZE(others); k++)
		if (first)
			err_free(others[k]);
		else
			first = others[k];
	return first;
}
