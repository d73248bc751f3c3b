/* cgroups: which version, and what can be done with each controller.  A trial makes a group
 * of its own (group.h), writes a limit and reads it back; where it is cheap the limit has to
 * bite.  Facts are asked of the hierarchy that carries the controller, v1 before v2, as nidus
 * run does. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"
#include "probe/group.h"
#include "probe/trial.h"
#include "probe/trials.h"

static const char *version_of(const struct group *g)
{
	return g->only_leaf ? "v2, leaf" : g->above ? "v2, above" : g->v2 ? "v2" : "v1";
}

/* The hierarchy of a controller.  NULL: r says why. */
static struct cgroup_hier *hier_of(struct fact_result *r, struct cgroup_place *p, uint32_t ctl)
{
	if (!group_place(r, p))
		return NULL;
	struct cgroup_hier *h = cgroup_hier_find(p, ctl), *v2 = cgroup_hier_v2(p);
	if (h && !h->v2)
		return h;
	/* cgroup_hier_find knows v2's controllers only once they were read. */
	char text[512] = "";
	_cleanup_free_ char *file =
		v2 && v2->mount ? str_fmt("%s/cgroup.controllers", v2->mount) : NULL;
	if (file && file_read_line(AT_FDCWD, file, text, sizeof text) >= 0 &&
		(cgroup_ctl_list(text, ' ') & ctl))
		return v2;
	fact_set(r, FACT_ABSENT, "no hierarchy here has this controller",
		"/proc/self/cgroup names none on v1; %s%s%s", file ? file : "v2 is not mounted",
		file ? ": " : "", file ? (*text ? text : "(empty)") : "");
	return NULL;
}

/* Where the trial could make no group, but nidus run can once it moved processes. */
static void judge_no_group(struct fact_result *r, const struct group *g)
{
	if (!g->only_leaf)
		return;
	fact_works(r,
		"likely: the group holds processes (EBUSY of subtree_control), all of which may "
		"be moved into a leaf of it; a trial moves none");
	snprintf(r->value, sizeof r->value, "%s", version_of(g));
}

void try_cgroup_version(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	size_t v1 = 0, v2 = 0;
	_cleanup_buf_ struct buf where = {0};
	if (!group_place(r, &p))
		return;
	for (size_t i = 0; i < p.n; i++) {
		const struct cgroup_hier *h = &p.hiers[i];
		if (!h->mount)
			continue;
		*(h->v2 ? &v2 : &v1) += 1;
		buf_fmt(&where, "%s%s%s", where.len ? ", " : "", h->mount,
			h->readonly ? " (read-only)" : "");
	}
	if (!v1 && !v2) {
		fact_set(r, FACT_ABSENT, "no hierarchy is mounted",
			"/proc/self/cgroup names %zu, /proc/self/mountinfo no mount of them", p.n);
		return;
	}
	fact_works(r, "mounted: %s", where.data);
	snprintf(r->value, sizeof r->value, "%s%s%s", v1 ? "v1" : "", v1 && v2 ? "+" : "",
		v2 ? "v2" : "");
}

static int nothing(void)
{
	return 0;
}

/* The hierarchy in which processes are held together: v2, else v1's first that can be written. */
static struct cgroup_hier *main_hier(struct fact_result *r, struct cgroup_place *p)
{
	if (!group_place(r, p))
		return NULL;
	struct cgroup_hier *h = cgroup_hier_v2(p);
	if (h && h->mount)
		return h;
	for (size_t i = 0; i < p->n; i++)
		if (p->hiers[i].mount && !(p->hiers[i].ctls & CTL_CPUSET))
			return &p->hiers[i];
	fact_set(r, FACT_ABSENT, "no hierarchy is mounted",
		"/proc/self/mountinfo shows none of those in /proc/self/cgroup");
	return NULL;
}

void try_cgroup_create(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	_cleanup_group_ struct group g = GROUP_NONE;
	struct cgroup_hier *h = main_hier(r, &p);
	if (!h || !group_make(r, h, 0, &g))
		return;
	int status = group_run(&g, nothing);
	if (status < 0) {
		fact_refused(r, errno, g.v2 ? "write cgroup.procs" : "write tasks",
			"a child could not join the group %s", g.path);
		return;
	}
	fact_works(r, "a group was made beneath %s and a child joined it", g.parent);
	snprintf(r->value, sizeof r->value, "%s", version_of(&g));
}

/* A group in the group, with a limit that is its own: what a container with a writable
 * cgroup needs. */
void try_cgroup_delegate(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	_cleanup_group_ struct group g = GROUP_NONE;
	struct cgroup_hier *h = hier_of(r, &p, CTL_PIDS);
	char text[64] = "";
	if (!h)
		return;
	if (!group_make(r, h, CTL_PIDS, &g)) {
		judge_no_group(r, &g);
		return;
	}
	if (g.v2 && !group_write(&g, "cgroup.subtree_control", "+pids")) {
		fact_refused(r, errno, "write subtree_control", "+pids in %s", g.path);
		return;
	}
	if (mkdirat(g.lock_fd, "inner", 0755) < 0) {
		fact_refused(r, errno, "mkdir", "a group in the group %s", g.path);
		return;
	}
	if (!group_write(&g, "inner/pids.max", "5"))
		fact_refused(r, errno, "write pids.max", "in a group of the group %s", g.path);
	else if (!group_read(&g, "inner/pids.max", text, sizeof text) || strcmp(text, "5") != 0)
		fact_set(r, FACT_BROKEN, "the limit does not stay", "pids.max reads %s", text);
	else
		fact_works(r, "a group made beneath %s, one more in it, and pids.max written there",
			g.parent);
	snprintf(r->value, sizeof r->value, "%s", version_of(&g));
}

struct limit {
	uint32_t ctl;
	const char *file[2], *text[2]; /* v1, v2; text NULL: made by fill_limit */
};

/* The number of a whole disk, for limits that name one: "8:0". */
static bool disk_number(char *text, size_t size)
{
	_cleanup_closedir_ DIR *d = opendir("/sys/block");
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[300];
		snprintf(path, sizeof path, "/sys/block/%s/dev", e->d_name);
		if (e->d_name[0] != '.' && file_read_line(AT_FDCWD, path, text, size) > 0)
			return true;
	}
	return false;
}

/* The text to write.  False: there is nothing here to set it for. */
static bool fill_limit(const struct limit *l, const struct group *g, char *text, size_t size)
{
	char from[512];
	if (l->text[g->v2]) {
		snprintf(text, size, "%s", l->text[g->v2]);
		return true;
	}
	if (l->ctl == CTL_CPUSET) {
		_cleanup_free_ char *path = str_fmt(
			"%s/%s", g->parent, g->v2 ? "cpuset.cpus.effective" : "cpuset.cpus");
		if (file_read_line(AT_FDCWD, path, from, sizeof from) <= 0)
			return false;
		/* The first processor of "0-3,8". */
		snprintf(text, size, "%.*s", (int)strspn(from, "0123456789"), from);
		return true;
	}
	if (!disk_number(from, sizeof from))
		return false;
	snprintf(text, size, g->v2 ? "%.40s rbps=1048576" : "%.40s 1048576", from);
	return true;
}

static void limit(struct fact_result *r, const struct limit *l)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	_cleanup_group_ struct group g = GROUP_NONE;
	char text[64], got[256] = "", op[32];
	struct cgroup_hier *h = hier_of(r, &p, l->ctl);
	if (!h)
		return;
	if (!group_make(r, h, l->ctl, &g)) {
		judge_no_group(r, &g);
		return;
	}
	const char *file = l->file[g.v2];
	snprintf(op, sizeof op, "write %.24s", file);
	if (!fill_limit(l, &g, text, sizeof text)) {
		fact_set(r, FACT_UNKNOWN, "there is nothing here to set a limit for",
			"a group was made, but there is no value to write to %s", file);
		return;
	}
	if (!group_write(&g, file, text)) {
		fact_refused(r, errno, op, "\"%s\" in %s", text, g.path);
		return;
	}
	/* io.max adds the limits that were left out. */
	if (!group_read(&g, file, got, sizeof got) || !str_starts(got, text))
		fact_set(r, FACT_BROKEN, "the limit does not stay",
			"wrote \"%s\" to %s, reads \"%s\"", text, file, got);
	else
		fact_works(r, "a group made beneath %s; \"%s\" written to %s and read back",
			g.parent, text, file);
	snprintf(r->value, sizeof r->value, "%s", version_of(&g));
}

void try_cgroup_cpu(struct fact_result *r)
{
	limit(r, &(struct limit){
			 CTL_CPU, {"cpu.cfs_quota_us", "cpu.max"}, {"50000", "50000 100000"}});
}

void try_cgroup_cpuset(struct fact_result *r)
{
	limit(r, &(struct limit){CTL_CPUSET, {"cpuset.cpus", "cpuset.cpus"}, {NULL, NULL}});
}

void try_cgroup_memory(struct fact_result *r)
{
	limit(r, &(struct limit){CTL_MEMORY, {"memory.limit_in_bytes", "memory.max"},
			 {"67108864", "67108864"}});
}

void try_cgroup_io(struct fact_result *r)
{
	limit(r, &(struct limit){
			 CTL_IO, {"blkio.throttle.read_bps_device", "io.max"}, {NULL, NULL}});
}

void try_cgroup_hugetlb(struct fact_result *r)
{
	limit(r, &(struct limit){CTL_HUGETLB, {"hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max"},
			 {"4194304", "4194304"}});
}

static int fork_in_it(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 && errno == EAGAIN ? 0 : 1;
}

/* The one limit that is cheap to run into. */
void try_cgroup_pids(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	_cleanup_group_ struct group g = GROUP_NONE;
	struct cgroup_hier *h = hier_of(r, &p, CTL_PIDS);
	if (!h)
		return;
	if (!group_make(r, h, CTL_PIDS, &g)) {
		judge_no_group(r, &g);
		return;
	}
	if (!group_write(&g, "pids.max", "1")) {
		fact_refused(r, errno, "write pids.max", "\"1\" in %s", g.path);
		return;
	}
	int status = group_run(&g, fork_in_it);
	if (status < 0)
		fact_refused(r, errno, "write cgroup.procs", "a child could not join %s", g.path);
	else if (status != 0)
		fact_set(r, FACT_BROKEN, "the limit is not kept",
			"with pids.max 1 a process in the group could still fork");
	else
		fact_works(r, "a group made beneath %s with pids.max 1; fork in it gave EAGAIN",
			g.parent);
	snprintf(r->value, sizeof r->value, "%s", version_of(&g));
}

/* Waits until the group says that it is frozen. */
static bool frozen(const struct group *g)
{
	char text[256];
	for (int i = 0; i < 300; i++) {
		_cleanup_fd_ int fd = openat(g->lock_fd, g->v2 ? "cgroup.events" : "freezer.state",
			O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : fd_read_full(fd, text, sizeof text - 1);
		if (n < 0)
			return false;
		text[n] = '\0';
		if (strstr(text, g->v2 ? "frozen 1" : "FROZEN"))
			return true;
		usleep(1000);
	}
	errno = ETIMEDOUT;
	return false;
}

__attribute__((noreturn)) static void sleep_in_it(void)
{
	for (;;)
		pause();
}

/* A child that sleeps in the group, already joined; -1 leaves errno. */
static pid_t sleeper_in(const struct group *g)
{
	int ready[2], err = EAGAIN;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = trial_fork();
	if (pid == 0) {
		err = group_enter(g) ? 0 : errno;
		fd_write_all(ready[1], &err, sizeof err);
		if (err)
			_exit(1);
		sleep_in_it();
	}
	fd_close(ready[1]);
	if (pid > 0 && fd_read_full(ready[0], &err, sizeof err) != (ssize_t)sizeof err)
		err = EPIPE;
	fd_close(ready[0]);
	errno = err;
	return pid > 0 && !err ? pid : -1;
}

void try_cgroup_freezer(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	_cleanup_group_ struct group g = GROUP_NONE;
	if (!group_place(r, &p))
		return;
	struct cgroup_hier *h = cgroup_hier_find(&p, CTL_FREEZER);
	h = h ? h : cgroup_hier_v2(&p);
	if (!h) {
		fact_set(r, FACT_ABSENT, "no hierarchy here can freeze",
			"neither v1 freezer nor v2");
		return;
	}
	if (!group_make(r, h, 0, &g))
		return;
	pid_t pid = sleeper_in(&g);
	const char *file = g.v2 ? "cgroup.freeze" : "freezer.state";
	if (pid < 0)
		fact_refused(r, errno, "write cgroup.procs", "a child could not join %s", g.path);
	else if (!group_write(&g, file, g.v2 ? "1" : "FROZEN"))
		fact_refused(r, errno, g.v2 ? "write cgroup.freeze" : "write freezer.state",
			"in %s", g.path);
	else if (!frozen(&g))
		fact_refused(
			r, errno, "freeze", "%s never said that its process is frozen", g.path);
	else
		fact_works(r, "a child in a group beneath %s was frozen", g.parent);
	group_write(&g, file, g.v2 ? "0" : "THAWED");
	if (pid > 0) {
		kill(pid, SIGKILL);
		wait_status(pid);
	}
	snprintf(r->value, sizeof r->value, "%s", version_of(&g));
}

void try_cgroup_kill(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	_cleanup_group_ struct group g = GROUP_NONE;
	if (!group_place(r, &p))
		return;
	struct cgroup_hier *h = cgroup_hier_v2(&p);
	if (!h) {
		fact_set(r, FACT_ABSENT, "there is no v2 hierarchy here",
			"/proc/self/cgroup has no 0::");
		return;
	}
	if (!group_make(r, h, 0, &g))
		return;
	pid_t pid = sleeper_in(&g);
	if (pid < 0)
		fact_refused(r, errno, "write cgroup.procs", "a child could not join %s", g.path);
	else if (!group_write(&g, "cgroup.kill", "1"))
		fact_refused(r, errno, "write cgroup.kill", "in %s", g.path);
	else if (wait_status(pid) != 128 + SIGKILL)
		fact_set(r, FACT_BROKEN, "it does not kill", "the child in %s ended otherwise",
			g.path);
	else
		fact_works(r, "a child in a group beneath %s was killed through cgroup.kill",
			g.parent);
}

void try_clone3_into_cgroup(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	_cleanup_group_ struct group g = GROUP_NONE;
	if (!group_place(r, &p))
		return;
	struct cgroup_hier *h = cgroup_hier_v2(&p);
	if (!h) {
		fact_set(r, FACT_ABSENT, "there is no v2 hierarchy here",
			"/proc/self/cgroup has no 0::");
		return;
	}
	if (!group_make(r, h, 0, &g))
		return;
	struct clone_args a = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)g.lock_fd};
	pid_t pid = sys_clone3(&a);
	if (pid == 0) {
		/* Where it is, it reads itself. */
		char text[8192];
		const char *name = strrchr(g.path, '/');
		_exit(trial_read("/proc/self/cgroup", text, sizeof text) > 0 && strstr(text, name)
				? 0
				: 1);
	}
	if (pid < 0)
		fact_refused(r, errno, "clone3(CLONE_INTO_CGROUP)", "into %s", g.path);
	else if (wait_status(pid) != 0)
		fact_set(r, FACT_BROKEN, "the child is not in the group", "cloned into %s", g.path);
	else
		fact_works(
			r, "a child cloned into a group beneath %s found itself there", g.parent);
}
