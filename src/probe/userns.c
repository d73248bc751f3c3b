/* User namespaces and the kinds of id map.  A namespace only counts when its owner can
 * use its rights: distributions let it be made and then strip the capabilities (AppArmor's
 * kernel.apparmor_restrict_unprivileged_userns, since Ubuntu 23.10).  The rules for maps
 * are in user_namespaces(7). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/subid.h"
#include "kernel/sys.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { IDS_WANTED = 1000 }; /* the least that a distribution's tree wants */

/* What the place says about user namespaces: the files that explain a refusal. */
static void add_settings(struct fact_result *r)
{
	static const char *const files[] = {
		"/proc/sys/user/max_user_namespaces",
		"/proc/sys/kernel/unprivileged_userns_clone",
		"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		"/proc/self/attr/current",
	};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char text[80];
		size_t n = strlen(r->evidence);
		if (file_read_line(AT_FDCWD, files[i], text, sizeof text) > 0)
			snprintf(r->evidence + n, sizeof r->evidence - n, "; %s: %s", files[i],
				text);
	}
}

/* Its owner must be able to use a capability in it: another namespace asks for CAP_SYS_ADMIN.
 * Not sethostname, say: podman's seccomp profile refuses that whatever the rights. */
static bool prove_rights(struct fact_result *r)
{
	if (unshare(CLONE_NEWUTS) == 0)
		return true;
	int err = errno;
	fact_refused(r, err, "unshare(CLONE_NEWUTS)",
		"the user namespace was made and mapped, but its owner has no rights in it");
	snprintf(r->reason, sizeof r->reason, "made, but without rights in it: %s", strerror(err));
	r->state = FACT_BROKEN;
	add_settings(r);
	return false;
}

void try_userns(struct fact_result *r)
{
	const char *op;
	uid_t uid = geteuid();
	if (!trial_enter_userns(&op)) {
		fact_refused(r, errno, op, "as uid %u", uid);
		add_settings(r);
		return;
	}
	if (geteuid() != 0) {
		fact_set(r, FACT_BROKEN, "the id map has no effect",
			"uid %u mapped to 0, but geteuid() gives %u", uid, geteuid());
		return;
	}
	if (prove_rights(r))
		fact_works(r,
			"unshare(CLONE_NEWUSER) as uid %u, mapped to 0, and it could make a UTS "
			"namespace in it",
			uid);
}

void try_userns_nested(struct fact_result *r)
{
	const char *op;
	for (int level = 1; level <= 3; level++) {
		if (!trial_enter_userns(&op)) {
			fact_refused(r, errno, op, "at level %d", level);
			add_settings(r);
			return;
		}
	}
	if (prove_rights(r))
		fact_works(r, "three user namespaces, one in the other, each mapping its root");
}

/* One id, and not to 0: what a workload gets that keeps its uid. */
void try_userns_map_one(struct fact_result *r)
{
	uid_t uid = geteuid();
	char map[64];
	if (unshare(CLONE_NEWUSER) < 0) {
		fact_refused(r, errno, "unshare(CLONE_NEWUSER)", "as uid %u", uid);
		add_settings(r);
		return;
	}
	snprintf(map, sizeof map, "12345 %u 1\n", uid);
	if (!file_poke(AT_FDCWD, "/proc/self/uid_map", map)) {
		fact_refused(r, errno, "write uid_map", "\"12345 %u 1\"", uid);
		return;
	}
	if (geteuid() != 12345)
		fact_set(r, FACT_BROKEN, "the id map has no effect",
			"uid %u mapped to 12345, geteuid() gives %u", uid, geteuid());
	else
		fact_works(r, "uid %u became 12345 in its own user namespace", uid);
}

/* A child in a new user namespace that waits until `go` is written or closed; then it calls
 * setgroups and, where more than one id is mapped, becomes uid and gid 1000. */
struct mapped_child {
	pid_t pid;
	int go_fd;
};

static bool mapped_child_start(struct mapped_child *c, bool many)
{
	int go[2], ready[2];
	char byte;
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return false;
	c->pid = trial_fork();
	if (c->pid == 0) {
		gid_t groups[] = {0, 1000};
		fd_close(go[1]);
		int err = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
		fd_write_all(ready[1], &err, sizeof err);
		if (err || read(go[0], &byte, 1) != 1)
			_exit(1);
		if (setgroups(many ? 2 : 1, groups) < 0)
			_exit(2);
		if (!many)
			_exit(0);
		if (setresgid(1000, 1000, 1000) < 0)
			_exit(3);
		_exit(setresuid(1000, 1000, 1000) < 0 || getuid() != 1000 ? 4 : 0);
	}
	int err = errno;
	fd_close(go[0]);
	fd_close(ready[1]);
	if (c->pid > 0 && fd_read_full(ready[0], &err, sizeof err) != (ssize_t)sizeof err)
		err = EPIPE;
	fd_close(ready[0]);
	c->go_fd = go[1];
	errno = err;
	return c->pid > 0 && err == 0;
}

static void mapped_child_judge(
	struct fact_result *r, struct mapped_child *c, bool many, const char *how)
{
	static const char *const steps[] = {NULL, NULL, "setgroups", "setresgid", "setresuid"};
	fd_write_all(c->go_fd, "x", 1);
	fd_close(c->go_fd);
	int status = wait_status(c->pid);
	if (status == 2 && !many)
		fact_set(r, FACT_DENIED, "setgroups was given up in this user namespace",
			"%s; then setgroups failed in the child; /proc/self/setgroups here says "
			"deny, which is inherited",
			how);
	else if (status == 0)
		fact_works(r, "%s; a child in the namespace then %s", how,
			many ? "took groups 0 and 1000 and uid 1000" : "called setgroups");
	else
		fact_set(r, FACT_BROKEN, "the mapped ids cannot be taken",
			"%s; then %s failed in the child (status %d)", how,
			status > 1 && status < 5 ? steps[status] : "the child", status);
}

/* How many ids from 0 on are mapped here, at most 65536: all that can be handed on. */
static unsigned ids_here(const char *file)
{
	_cleanup_fclose_ FILE *f = fopen(file, "re");
	unsigned inside, outside, count, here = 0;
	while (f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3)
		if (inside <= here && inside + (uint64_t)count > here)
			here = inside + (uint64_t)count > 65536 ? 65536 : inside + count;
	return here;
}

void try_userns_map_full(struct fact_result *r)
{
	static const char *const files[] = {"uid_map", "gid_map"};
	unsigned uids = ids_here("/proc/self/uid_map"), gids = ids_here("/proc/self/gid_map");
	unsigned n = uids < gids ? uids : gids;
	struct mapped_child c;
	char path[64], map[32];
	if (n <= IDS_WANTED) {
		fact_set(r, FACT_DENIED, "too few ids are mapped here to hand them on",
			"/proc/self/uid_map and gid_map give %u ids from 0 on", n);
		return;
	}
	if (!mapped_child_start(&c, true)) {
		fact_refused(r, errno, "unshare(CLONE_NEWUSER)", "as uid %u", geteuid());
		add_settings(r);
		return;
	}
	snprintf(map, sizeof map, "0 0 %u\n", n);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", c.pid, files[i]);
		if (!file_poke(AT_FDCWD, path, map)) {
			fact_refused(r, errno, i ? "write gid_map" : "write uid_map",
				"\"0 0 %u\" by uid %u", n, geteuid());
			return;
		}
	}
	mapped_child_judge(r, &c, true, "the ids mapped here were mapped onto themselves");
	if (r->state == FACT_WORKS)
		snprintf(r->value, sizeof r->value, "%u", n);
}

static bool run_newidmap(struct fact_result *r, const char *program, pid_t pid, unsigned own,
	const struct subid_range *range)
{
	char args[4][24];
	snprintf(args[0], sizeof args[0], "%d", pid);
	snprintf(args[1], sizeof args[1], "%u", own);
	snprintf(args[2], sizeof args[2], "%u", range->start);
	snprintf(args[3], sizeof args[3], "%u", range->count);
	const char *argv[] = {program, args[0], "0", args[1], "1", "1", args[2], args[3], NULL};
	struct spawn s = {.argv = argv, .deadline_ms = 500};
	_cleanup_buf_ struct buf out = {0};
	int status = 0;
	_cleanup_err_ nd_err *e = spawn_status(&s, &out, &status);
	if (!e && status == 0)
		return true;
	if (out.data)
		str_rtrim(out.data);
	bool absent = e && e->kind == ND_ABSENT;
	fact_set(r, absent ? FACT_ABSENT : FACT_DENIED, "",
		"%s %s 0 %s 1 1 %s %s: status %d: %.200s", program, args[0], args[1], args[2],
		args[3], status, out.data ? out.data : "");
	snprintf(r->op, sizeof r->op, "%s", program);
	snprintf(r->reason, sizeof r->reason, "%s: %s", program,
		absent ? "not installed" : "refused to write the map");
	return false;
}

void try_userns_map_subids(struct fact_result *r)
{
	struct subid_range u, g;
	if (!subid_find(getuid(), &u, &g) || u.count <= IDS_WANTED || g.count <= IDS_WANTED) {
		fact_set(r, FACT_ABSENT, "no subordinate ids for this user",
			"/etc/subuid and /etc/subgid do not both give uid %u more than %d ids",
			getuid(), IDS_WANTED);
		return;
	}
	struct mapped_child c;
	if (!mapped_child_start(&c, true)) {
		fact_refused(r, errno, "unshare(CLONE_NEWUSER)", "as uid %u", geteuid());
		return;
	}
	if (!run_newidmap(r, "newuidmap", c.pid, getuid(), &u) ||
		!run_newidmap(r, "newgidmap", c.pid, getgid(), &g))
		return;
	mapped_child_judge(
		r, &c, true, "newuidmap and newgidmap mapped own id and the subordinate ones");
	if (r->state == FACT_WORKS)
		snprintf(r->value, sizeof r->value, "%u+%u", u.start, u.count);
}

void try_userns_setgroups(struct fact_result *r)
{
	struct mapped_child c;
	char path[64], map[64];
	/* The parent writes: from within, only a namespace that gave setgroups up may map a gid. */
	if (!mapped_child_start(&c, false)) {
		fact_refused(r, errno, "unshare(CLONE_NEWUSER)", "as uid %u", geteuid());
		return;
	}
	snprintf(path, sizeof path, "/proc/%d/gid_map", c.pid);
	snprintf(map, sizeof map, "0 %u 1\n", getegid());
	if (!file_poke(AT_FDCWD, path, map)) {
		fact_refused(r, errno, "write gid_map",
			"\"0 %u 1\" for a child's user namespace whose setgroups says allow",
			getegid());
		return;
	}
	snprintf(path, sizeof path, "/proc/%d/uid_map", c.pid);
	snprintf(map, sizeof map, "0 %u 1\n", geteuid());
	if (!file_poke(AT_FDCWD, path, map)) {
		fact_refused(r, errno, "write uid_map", "\"0 %u 1\"", geteuid());
		return;
	}
	mapped_child_judge(r, &c, false, "one uid and gid mapped, setgroups allowed");
}
