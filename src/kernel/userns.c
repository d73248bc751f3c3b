/* Children in user namespaces: see userns.h. */
#include "kernel/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/subid.h"

void userns_maps_one(struct userns_maps *ret)
{
	*ret = (struct userns_maps){
		.uids = {{0, geteuid(), 1}}, .gids = {{0, getegid(), 1}}, .n = 1};
}

bool userns_maps_subordinate(struct userns_maps *ret)
{
	struct subid_range u, g;
	if (!subid_find(geteuid(), &u, &g))
		return false;
	userns_maps_one(ret);
	ret->uids[1] = (struct userns_extent){1, u.start, u.count};
	ret->gids[1] = (struct userns_extent){1, g.start, g.count};
	ret->n = 2;
	return true;
}

static nd_err *write_by_helper(
	pid_t pid, const char *helper, const struct userns_extent *v, size_t n)
{
	_cleanup_strv_ struct strv argv = {0};
	strv_add(&argv, helper);
	strv_fmt(&argv, "%d", (int)pid);
	for (size_t i = 0; i < n; i++) {
		strv_fmt(&argv, "%u", v[i].inside);
		strv_fmt(&argv, "%u", v[i].outside);
		strv_fmt(&argv, "%u", v[i].count);
	}
	return spawn_run(
		&(struct spawn){.argv = (const char *const *)argv.v, .deadline_ms = 5000}, NULL);
}

static nd_err *write_file(pid_t pid, const char *file, const char *text)
{
	char path[48];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	if (!file_poke(AT_FDCWD, path, text))
		return err_sys(errno, "write", "%s (%s)", path, text);
	return NULL;
}

static nd_err *write_maps(pid_t pid, const struct userns_maps *m)
{
	if (m->n > 1) {
		TRY_WRAP(write_by_helper(pid, "newuidmap", m->uids, m->n), "map user ids");
		TRY_WRAP(write_by_helper(pid, "newgidmap", m->gids, m->n), "map group ids");
		return NULL;
	}
	_cleanup_free_ char *uid = str_fmt("0 %u 1", m->uids[0].outside);
	_cleanup_free_ char *gid = str_fmt("0 %u 1", m->gids[0].outside);
	/* One's own gid may only be mapped with setgroups(2) denied (CVE-2014-8989). */
	TRY(write_file(pid, "setgroups", "deny"));
	TRY(write_file(pid, "uid_map", uid));
	return write_file(pid, "gid_map", gid);
}

/* Tells the parent how unshare(2) went, then waits for the maps. */
static void become_root(int tell_fd, int wait_fd, pid_t parent)
{
	char byte;
	int err = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
	if (!fd_write_all(tell_fd, &err, sizeof err) || err)
		_exit(1);
	if (fd_read_full(wait_fd, &byte, 1) != 1)
		_exit(1);
	(void)!setgroups(0, NULL); /* denied with one id: then there are none to drop that matter */
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(1);
	/* Behind the change of ids, which clears it: prctl(2). */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static nd_err *raise_child(const struct userns_maps *maps, pid_t pid, int hear_fd, int go_fd)
{
	int err = ECHILD;
	if (fd_read_full(hear_fd, &err, sizeof err) != sizeof err)
		return err_new(ND_BUG, "child-died", "the child died before it had a namespace");
	if (err)
		return err_sys(err, "unshare", "CLONE_NEWUSER");
	TRY(write_maps(pid, maps));
	if (!fd_write_all(go_fd, "", 1))
		return err_sys(errno, "write", "to the child");
	return NULL;
}

nd_err *userns_fork(const struct userns_maps *maps, pid_t *ret_pid)
{
	int up[2], down[2];
	pid_t self = getpid();
	if (pipe2(up, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for a child");
	if (pipe2(down, O_CLOEXEC) < 0) {
		int err = errno;
		fd_close(up[0]);
		fd_close(up[1]);
		return err_sys(err, "pipe2", "for a child");
	}
	pid_t pid = fork();
	int err = errno;
	if (pid == 0) {
		fd_close(up[0]);
		fd_close(down[1]);
		become_root(up[1], down[0], self);
		fd_close(up[1]);
		fd_close(down[0]);
		*ret_pid = 0;
		return NULL;
	}
	fd_close(up[1]);
	fd_close(down[0]);
	nd_err *e =
		pid < 0 ? err_sys(err, "fork", "a child") : raise_child(maps, pid, up[0], down[1]);
	fd_close(up[0]);
	fd_close(down[1]);
	if (e && pid > 0) {
		kill(pid, SIGKILL);
		wait_status(pid);
	}
	*ret_pid = pid;
	return e;
}
