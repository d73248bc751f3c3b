/* Owners: see owner.h.  Giving files away wants CAP_CHOWN and a user namespace that maps
 * the ids (user_namespaces(7)).  The ladder: root keeps them as they are ("native"); an
 * ordinary user with subordinate ids keeps them shifted by the map that containers get
 * too ("map-HEX", HEX naming the map); else all is the caller's ("squash"). */
#include "store/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "base/spawn.h"

static bool has_cap(unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[cap / 32].effective & 1u << cap % 32;
}

/* How many ids our user namespace has. */
static uint64_t mapped_ids(void)
{
	unsigned long long total = 0, count;
	_cleanup_fclose_ FILE *f = fopen("/proc/self/uid_map", "re");
	if (!f)
		return UINT32_MAX; /* no user namespaces in this kernel, or no /proc */
	while (fscanf(f, "%*u %*u %llu", &count) == 1)
		total += count;
	return total;
}

static void name_map(const struct userns_maps *m, char *name, size_t size)
{
	char hex[SHA256_HEX];
	_cleanup_buf_ struct buf text = {0};
	for (size_t i = 0; i < m->n; i++)
		buf_fmt(&text, "%u %u %u %u ", m->uids[i].outside, m->uids[i].count,
			m->gids[i].outside, m->gids[i].count);
	sha256_hex(text.data, text.len, hex);
	snprintf(name, size, "map-%.12s", hex);
}

void owner_squash(struct store *s)
{
	s->squash = true;
	s->devices = false;
	snprintf(s->owner, sizeof s->owner, "squash");
	userns_maps_one(&s->maps);
}

void owner_ask(struct store *s)
{
	s->squash = s->devices = false;
	s->maps = (struct userns_maps){0};
	if (geteuid() == 0 && has_cap(CAP_CHOWN) && mapped_ids() > 1) {
		s->devices = has_cap(CAP_MKNOD);
		snprintf(s->owner, sizeof s->owner, "native");
	} else if (geteuid() != 0 && userns_maps_subordinate(&s->maps)) {
		name_map(&s->maps, s->owner, sizeof s->owner);
	} else {
		owner_squash(s);
	}
}

nd_err *owner_prove(struct store *s)
{
	pid_t pid;
	if (s->maps.n < 2)
		return NULL;
	nd_err *e = userns_fork(&s->maps, &pid);
	if (!e && pid == 0)
		_exit(0);
	if (!e) {
		wait_status(pid);
		return NULL;
	}
	_cleanup_free_ char *line = err_line(e);
	err_free(e);
	free(s->note);
	s->note = str_fmt("all files of the image belong to you, because subordinate ids cannot "
			  "be mapped: %s",
		line);
	owner_squash(s);
	return store_use_owner(s);
}

nd_err *owner_fork(const struct store *s, pid_t *ret_pid)
{
	pid_t self = getpid();
	/* With one id the namespace only adds rights, as to set capabilities of files. */
	if (s->maps.n && geteuid() != 0) {
		nd_err *e = userns_fork(&s->maps, ret_pid);
		if (!e || s->maps.n > 1)
			return e;
		err_free(e);
	}
	*ret_pid = fork();
	if (*ret_pid < 0)
		return err_sys(errno, "fork", "a child");
	if (*ret_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(1);
	}
	return NULL;
}

static _Noreturn void run_child(nd_err *(*fn)(void *arg), void *arg, int tell_fd)
{
	struct err_wire wire;
	nd_err *e = fn(arg);
	if (e) {
		err_to_wire(e, &wire);
		(void)!fd_write_all(tell_fd, &wire, sizeof wire);
	}
	_exit(e != NULL);
}

nd_err *owner_run(const struct store *s, nd_err *(*fn)(void *arg), void *arg)
{
	int pipe_fds[2];
	pid_t pid;
	struct err_wire wire;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for a child");
	nd_err *e = owner_fork(s, &pid);
	if (!e && pid == 0) {
		fd_close(pipe_fds[0]);
		run_child(fn, arg, pipe_fds[1]);
	}
	fd_close(pipe_fds[1]);
	if (e) {
		fd_close(pipe_fds[0]);
		return e;
	}
	ssize_t n = fd_read_full(pipe_fds[0], &wire, sizeof wire);
	fd_close(pipe_fds[0]);
	int status = wait_status(pid);
	if (status == 0)
		return NULL;
	if (n == sizeof wire)
		return err_from_wire(&wire);
	return err_new(
		ND_BUG, "child-died", "a child for work on files died with status %d", status);
}

nd_err *owner_tree_remove(const struct store *s, int dir_fd, const char *name)
{
	struct userns_maps maps;
	pid_t pid;
	nd_err *e = tree_remove(dir_fd, name);
	int err = e ? err_root(e)->errnum : 0;
	if (!e || geteuid() == 0 || (err != EACCES && err != EPERM) ||
		!userns_maps_subordinate(&maps))
		return e;
	nd_err *no_child = userns_fork(&maps, &pid);
	if (no_child) {
		err_free(no_child);
		return e;
	}
	if (pid == 0)
		_exit(tree_remove(dir_fd, name) != NULL);
	if (wait_status(pid) != 0)
		return e;
	err_free(e);
	return NULL;
}
