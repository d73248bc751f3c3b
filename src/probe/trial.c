/* Helpers of trials: see trial.h.  The mount place rests on an own mount namespace
 * with private propagation: mounts made in it are gone with its last process. */
#include "probe/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"

pid_t trial_fork(void)
{
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* In a new pid namespace the parent is seen as 0. */
		if (getppid() != parent && getppid() != 0)
			_exit(1);
	}
	return pid;
}

void trial_in_child(struct fact_result *r, void (*fn)(struct fact_result *r, void *arg), void *arg)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0) {
		fact_refused(r, errno, "pipe2", "no pipe to the trial's child");
		return;
	}
	pid_t pid = trial_fork();
	if (pid < 0) {
		fact_refused(r, errno, "fork", "no child for the trial");
	} else if (pid == 0) {
		fn(r, arg);
		_exit(fd_write_all(fds[1], r, sizeof *r) ? 0 : 1);
	}
	fd_close(fds[1]);
	struct fact_result got;
	/* The record, or the end: the child and all it left behind have closed the pipe. */
	bool whole = pid > 0 && fd_read_full(fds[0], &got, sizeof got) == (ssize_t)sizeof got;
	fd_close(fds[0]);
	if (pid < 0)
		return;
	int status = wait_status(pid);
	if (whole)
		*r = got;
	else if (status == 128 + SIGSYS)
		fact_set(r, FACT_DENIED, "a seccomp filter kills who tries this",
			"the trial's child died of SIGSYS");
	else
		fact_set(r, FACT_BROKEN, "the process that tried it was killed",
			"the trial's child ended with status %d", status);
}

bool trial_map_one(const char *proc_dir, unsigned inside, uid_t uid, gid_t gid, const char **op)
{
	char path[64], map[64];
	/* Absent before Linux 3.19 and in some sandboxes; then no map needs it. */
	snprintf(path, sizeof path, "%s/setgroups", proc_dir);
	if (!file_poke(AT_FDCWD, path, "deny") && errno != ENOENT) {
		*op = "write setgroups";
		return false;
	}
	snprintf(path, sizeof path, "%s/uid_map", proc_dir);
	snprintf(map, sizeof map, "%u %u 1\n", inside, uid);
	if (!file_poke(AT_FDCWD, path, map)) {
		*op = "write uid_map";
		return false;
	}
	snprintf(path, sizeof path, "%s/gid_map", proc_dir);
	snprintf(map, sizeof map, "%u %u 1\n", inside, gid);
	*op = "write gid_map";
	return file_poke(AT_FDCWD, path, map);
}

bool trial_enter_userns(const char **op)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	*op = "unshare(CLONE_NEWUSER)";
	return unshare(CLONE_NEWUSER) == 0 && trial_map_one("/proc/self", 0, uid, gid, op);
}

bool trial_unshare(int flags, const char **op)
{
	if ((flags & CLONE_NEWUSER) && !trial_enter_userns(op))
		return false;
	flags &= ~CLONE_NEWUSER;
	*op = flags == CLONE_NEWNS ? "unshare(CLONE_NEWNS)" : "unshare";
	if (flags && unshare(flags) < 0)
		return false;
	*op = "mount(/, MS_PRIVATE)";
	return !(flags & CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

const char *const trial_places[] = {"/tmp", "/run", "/mnt", "/var", "/dev", "/proc"};
const size_t n_trial_places = ARRAY_SIZE(trial_places);

bool trial_scratch(const char **op)
{
	*op = "mount(tmpfs)";
	errno = ENOENT;
	for (size_t i = 0; i < n_trial_places; i++) {
		if (access(trial_places[i], F_OK) < 0)
			continue;
		if (mount("nidus-probe", trial_places[i], "tmpfs", 0, "mode=0755,size=1m") == 0)
			return chdir(trial_places[i]) == 0;
	}
	return false;
}

struct way {
	int flags;
	void (*fn)(struct fact_result *r);
};

static const char before[] = "before the trial itself";

static void try_way(struct fact_result *r, void *arg)
{
	const struct way *w = arg;
	const char *op;
	if (trial_unshare(w->flags, &op))
		w->fn(r);
	else
		fact_refused(r, errno, op, "%s", before);
}

static void name_way(struct fact_result *r, const char *way)
{
	size_t n = strlen(r->value);
	snprintf(r->value + n, sizeof r->value - n, "%s%s", n ? ", " : "", way);
}

/* Who may not even make the namespaces has been told nothing about the question. */
static bool before_question(const struct fact_result *r)
{
	return str_eq(r->evidence, before);
}

static bool try_one_way(struct fact_result *got, int flags, bool own, struct fact_result *r,
	void (*fn)(struct fact_result *r))
{
	*got = *r;
	trial_in_child(got, try_way, &(struct way){flags | (own ? CLONE_NEWUSER : 0), fn});
	if (got->state != FACT_WORKS)
		return false;
	*r = *got;
	name_way(r, own ? "userns" : "root");
	return true;
}

static void both_ways(
	struct fact_result *r, int flags, void (*fn)(struct fact_result *r), bool own_first)
{
	struct fact_result got[2]; /* as it is, in an own user namespace */
	for (int i = 0; i < 2; i++) {
		bool own = own_first == (i == 0);
		if (try_one_way(&got[own], flags, own, r, fn))
			return;
	}
	bool prefer_own = own_first ? !before_question(&got[1])
				    : before_question(&got[0]) && !before_question(&got[1]);
	*r = got[prefer_own];
	snprintf(r->evidence, sizeof r->evidence,
		"with the privileges at hand: %.120s (%.160s); in an own user namespace: %.120s "
		"(%.160s)",
		got[0].reason, got[0].evidence, got[1].reason, got[1].evidence);
}

void trial_best_way(struct fact_result *r, int flags, void (*fn)(struct fact_result *r))
{
	both_ways(r, flags, fn, false);
}

void trial_userns_first(struct fact_result *r, int flags, void (*fn)(struct fact_result *r))
{
	both_ways(r, flags, fn, true);
}

void fact_of_err(struct fact_result *r, nd_err *e, const char *where)
{
	const nd_err *root = err_root(e);
	const char *detail = err_find_detail(e);
	_cleanup_free_ char *line = err_line(e);
	fact_refused(r, root->errnum, root->op ? root->op : "netlink", "%s: %s%s%s", where, line,
		detail ? "; " : "", detail ? detail : "");
	if (!root->errnum)
		snprintf(r->reason, sizeof r->reason, "%s", line);
	err_free(e);
}

bool trial_has_cap(int cap)
{
	char text[4096];
	if (trial_read("/proc/self/status", text, sizeof text) < 0)
		return geteuid() == 0;
	const char *p = strstr(text, "\nCapEff:");
	return p && (strtoull(p + 8, NULL, 16) >> cap & 1);
}

bool trial_write(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd >= 0 && fd_write_all(fd, text, strlen(text));
}

ssize_t trial_read(const char *path, char *text, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : fd_read_full(fd, text, size - 1);
	if (n >= 0)
		text[n] = '\0';
	return n;
}
