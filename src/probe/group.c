/* A trial's own cgroup: see group.h.  It carries a lock (flock) for as long as its maker
 * lives, so that a group left by a killed trial is told from one in use and removed by the
 * next.  On v2 a controller is given to children only by a group without processes of its own
 * (cgroup-v2.rst), so the groups above are tried too, as nidus run does. */
#include "probe/group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "probe/trial.h"

#define PREFIX "nidus-probe-"
enum { GONE_TRIES = 200, TURN_TRIES = 2000, GONE_STEP_US = 1000 };

bool group_place(struct fact_result *r, struct cgroup_place *p)
{
	*p = (struct cgroup_place){0};
	nd_err *e = cgroup_place_read(p);
	if (!e && p->n)
		e = cgroup_mounts_read(p);
	if (e) {
		_cleanup_free_ char *line = err_line(e);
		fact_refused(r, err_root(e)->errnum, "read", "%s", line);
		err_free(e);
		return false;
	}
	if (!p->n && access("/proc/self/cgroup", F_OK) < 0)
		fact_refused(r, errno, "open /proc/self/cgroup", "nothing else tells the cgroup");
	else if (!p->n)
		fact_set(r, FACT_ABSENT, "this process is in no cgroup",
			"/proc/self/cgroup is empty");
	return p->n > 0;
}

/* Ends what is in a group and removes it, waiting for the last process to be gone.  A frozen
 * one of v1 does not even die of SIGKILL before it is thawed. */
static bool remove_group(int parent_fd, const char *name, int fd)
{
	char text[1024];
	file_poke(fd, "freezer.state", "THAWED");
	_cleanup_fd_ int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	ssize_t n = procs < 0 ? -1 : fd_read_full(procs, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	for (char *save, *pid = strtok_r(text, "\n", &save); pid;
		pid = strtok_r(NULL, "\n", &save)) {
		uint64_t number;
		if (str_to_u64(pid, &number) && number > 1 && (pid_t)number != getpid())
			kill((pid_t)number, SIGKILL);
	}
	unlinkat(fd, "inner", AT_REMOVEDIR);
	for (int i = 0; i < GONE_TRIES; i++) {
		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return true;
		if (errno != EBUSY)
			return false;
		usleep(GONE_STEP_US);
	}
	return false;
}

/* Groups of trials that were killed: nobody holds their lock. */
static void sweep(const char *parent)
{
	_cleanup_closedir_ DIR *d = opendir(parent);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!str_starts(e->d_name, PREFIX))
			continue;
		_cleanup_fd_ int fd =
			openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_group(dirfd(d), e->d_name, fd);
	}
}

/* Makes and locks PARENT/nidus-probe-RANDOM. */
static bool make_at(const char *parent, struct group *g)
{
	sweep(parent);
	/* Another trial may sweep it away between mkdir and flock. */
	for (int i = 0; i < 8; i++) {
		uint32_t random = 0;
		struct stat st;
		if (getrandom(&random, sizeof random, 0) < 0)
			random = (uint32_t)getpid();
		_cleanup_free_ char *path = str_fmt("%s/" PREFIX "%08x", parent, random);
		if (mkdir(path, 0755) < 0)
			return false;
		g->lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (g->lock_fd >= 0 && flock(g->lock_fd, LOCK_EX | LOCK_NB) == 0 &&
			stat(path, &st) == 0) {
			g->path = steal_ptr(&path);
			g->parent = str_dup(parent);
			return true;
		}
		fd_done(&g->lock_fd);
	}
	errno = EAGAIN;
	return false;
}

/* The groups in `parent` that are no trials'. */
static void list_groups(const char *parent, struct strv *ret)
{
	_cleanup_closedir_ DIR *d = opendir(parent);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_type == DT_DIR && e->d_name[0] != '.' && !str_starts(e->d_name, PREFIX))
			strv_add(ret, e->d_name);
}

/* Whether a group was made in `parent` since: a run that began meanwhile may count on the
 * controller that was switched on. */
static bool others_came(const struct group *g)
{
	_cleanup_strv_ struct strv now = {0};
	list_groups(g->parent, &now);
	for (size_t i = 0; i < now.n; i++)
		if (!strv_has(&g->others, now.v[i]))
			return true;
	return false;
}

static bool group_has(const struct group *g, const char *file, uint32_t ctl)
{
	char text[512] = "";
	return group_read(g, file, text, sizeof text) && (cgroup_ctl_list(text, ' ') & ctl) == ctl;
}

/* Trials take turns beneath a v2 group: what one switches on there makes the groups of another
 * invalid, or is switched off under it.  A lock that is not had in time is done without. */
static int take_turn(const char *parent)
{
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < TURN_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		usleep(GONE_STEP_US);
	return fd;
}

/* Has the controller, switched on for it if need be. */
static bool equip(struct group *g, uint32_t ctl)
{
	if (!ctl || group_has(g, "cgroup.controllers", ctl))
		return true;
	const char *name = cgroup_ctl_name(ctl, true);
	_cleanup_free_ char *file = str_fmt("%s/cgroup.subtree_control", g->parent);
	_cleanup_free_ char *on = str_fmt("+%s", name);
	list_groups(g->parent, &g->others);
	if (!file_poke(AT_FDCWD, file, on))
		return false;
	g->switched = str_dup(name);
	return true;
}

/* A group beneath `parent` that has the controller.  Leaves errno: EBUSY where processes in
 * `parent` are in the way.  A threaded controller can be switched on in spite of them, but then
 * no process gets into the groups beneath. */
static bool make_v2_at(const char *parent, uint32_t ctl, struct group *g)
{
	char type[32] = "";
	g->turn_fd = take_turn(parent);
	bool made = make_at(parent, g) && equip(g, ctl);
	int err = errno;
	if (made && group_read(g, "cgroup.type", type, sizeof type) &&
		str_eq(type, "domain invalid")) {
		made = false;
		err = EBUSY;
	}
	if (!made)
		group_done(g);
	errno = err;
	return made;
}

/* Whether the processes of our group may be moved into a leaf of it, by nidus run: systemd
 * handed it over (Delegate=), or it is the root of our own cgroup namespace. */
static bool may_move(const struct cgroup_hier *h, const char *own)
{
	char v[4];
	return getxattr(own, "trusted.delegate", v, sizeof v) == 1 ||
	       getxattr(own, "user.delegate", v, sizeof v) == 1 ||
	       (strcmp(h->own, "/") == 0 && !cgroup_ns_is_first());
}

static bool make_v2(
	struct fact_result *r, const struct cgroup_hier *h, uint32_t ctl, struct group *g)
{
	_cleanup_free_ char *base = cgroup_hier_path(h, "");
	_cleanup_free_ char *own = str_dup(base);
	if (make_v2_at(base, ctl, g))
		return true;
	int err = errno;
	for (char *slash; strlen(base) > strlen(h->mount) && (slash = strrchr(base, '/'));) {
		*slash = '\0';
		if (make_v2_at(base, ctl, g)) {
			g->above = true;
			return true;
		}
	}
	g->only_leaf = err == EBUSY && may_move(h, own);
	const char *name = ctl ? cgroup_ctl_name(ctl, true) : "(none asked for)";
	fact_refused(r, err, err == EBUSY || err == ENOENT ? "write subtree_control" : "mkdir",
		"a group with the controller %s beneath %s, or above it", name, own);
	if (err == EBUSY)
		snprintf(r->reason, sizeof r->reason,
			"this process's group holds processes, so its children get no controllers");
	if (err != ENOENT)
		return false;
	/* The kernel has the controller, the group above keeps it. */
	r->state = FACT_DENIED;
	snprintf(r->reason, sizeof r->reason,
		"this process's group was not given the controller %s", name);
	return false;
}

/* A new v1 cpuset takes no process until it has processors and nodes. */
static bool fill_cpuset(const struct group *g)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char text[512];
		_cleanup_free_ char *from = str_fmt("%s/%s", g->parent, files[i]);
		if (file_read_line(AT_FDCWD, from, text, sizeof text) <= 0 ||
			!group_write(g, files[i], text))
			return false;
	}
	return true;
}

bool group_make(struct fact_result *r, const struct cgroup_hier *h, uint32_t ctl, struct group *g)
{
	*g = GROUP_NONE;
	g->v2 = h->v2;
	if (!h->mount) {
		fact_set(r, FACT_ABSENT, "its hierarchy is not mounted here",
			"/proc/self/cgroup has \"%s\", /proc/self/mountinfo no mount of it",
			h->v2 ? "0::" : h->name);
		return false;
	}
	if (h->v2)
		return make_v2(r, h, ctl, g);
	_cleanup_free_ char *own = cgroup_hier_path(h, "");
	if (!make_at(own, g)) {
		fact_refused(r, errno, "mkdir", "a group beneath %s", own);
		return false;
	}
	if ((h->ctls & CTL_CPUSET) && !fill_cpuset(g)) {
		fact_refused(r, errno, "write cpuset", "the parent's processors into %s", g->path);
		group_done(g);
		return false;
	}
	return true;
}

void group_done(struct group *g)
{
	if (g->path)
		remove_group(AT_FDCWD, g->path, g->lock_fd);
	if (g->switched && !others_came(g)) {
		_cleanup_free_ char *file = str_fmt("%s/cgroup.subtree_control", g->parent);
		_cleanup_free_ char *off = str_fmt("-%s", g->switched);
		file_poke(AT_FDCWD, file, off);
	}
	fd_done(&g->lock_fd);
	fd_done(&g->turn_fd);
	free(g->path);
	free(g->parent);
	free(g->switched);
	g->path = g->parent = g->switched = NULL;
	strv_done(&g->others);
}

bool group_write(const struct group *g, const char *file, const char *text)
{
	return file_poke(g->lock_fd, file, text);
}

bool group_read(const struct group *g, const char *file, char *text, size_t size)
{
	return file_read_line(g->lock_fd, file, text, size) >= 0;
}

bool group_enter(const struct group *g)
{
	bool joined = group_write(g, g->v2 ? "cgroup.procs" : "tasks", "0");
	/* Copies of the descriptors would hold the locks after the trial's death. */
	fd_close(g->lock_fd);
	fd_close(g->turn_fd);
	return joined;
}

int group_run(const struct group *g, int (*fn)(void))
{
	enum { NOT_JOINED = 100 }; /* and errno */
	pid_t pid = trial_fork();
	if (pid == 0)
		_exit(group_enter(g) ? fn() : NOT_JOINED + errno % NOT_JOINED);
	int status = pid < 0 ? NOT_JOINED + errno : wait_status(pid);
	if (status < NOT_JOINED)
		return status;
	errno = status - NOT_JOINED;
	return -1;
}
