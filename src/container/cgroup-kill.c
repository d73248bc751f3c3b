/* Ending and stopping everything in a container's groups: see cgroup.h.  v2 has
 * cgroup.kill (Linux 5.14) and cgroup.freeze (5.2).  On v1 the lists of processes are read
 * and signalled until they stay empty; a fork bomb is kept from running ahead by a pids.max
 * of 0, or by the freezer.  A number read from a list may have been reused before it is
 * signalled: a pidfd is taken first, and only what is then still listed gets the signal. */
#include "container/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "container/cgroup-pids.h"
#include "kernel/sys.h"

enum { BATCH = 256 };

/* --- SIGKILL ------------------------------------------------------------------------ */

static void signal_batch(const struct cgroup_dir *d, const pid_t *v, size_t n)
{
	int fds[BATCH];
	bool no_pidfds = false;
	for (size_t i = 0; i < n; i++) {
		fds[i] = v[i] == getpid() ? -1 : sys_pidfd_open(v[i], 0);
		no_pidfds |= fds[i] < 0 && (errno == ENOSYS || errno == EPERM || errno == EMFILE);
	}
	_cleanup_pids_ struct pids again = {0};
	pids_list(d, &again);
	for (size_t i = 0; i < n; i++) {
		if (v[i] != getpid() && pids_has(&again, v[i])) {
			if (fds[i] >= 0)
				sys_pidfd_send_signal(fds[i], SIGKILL);
			else if (no_pidfds)
				kill(v[i], SIGKILL);
		}
		fd_close(fds[i]);
	}
}

/* One pass over one hierarchy; false when nobody was there. */
static bool signal_all(const struct cgroup_dir *d, bool *ret_foreign)
{
	_cleanup_pids_ struct pids p = {0};
	pids_list(d, &p);
	*ret_foreign |= p.foreign;
	for (size_t i = 0; i < p.n; i += BATCH)
		signal_batch(d, p.v + i, p.n - i < BATCH ? p.n - i : BATCH);
	return p.n > 0 || p.foreign;
}

static bool poke(const struct cgroup_dir *d, const char *file, const char *text)
{
	_cleanup_free_ char *path = str_fmt("%s/%s", d->path, file);
	return file_poke(AT_FDCWD, path, text);
}

/* Makes new processes impossible where that can be had. */
static void stop_forks(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->dirs[i].ctls & CTL_PIDS)
			poke(&c->dirs[i], "pids.max", "0");
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

nd_err *cgroup_kill(struct cgroup *c, int64_t deadline_ms)
{
	int64_t end = now_ms() + deadline_ms;
	bool foreign = false;
	long wait_ms = 1;
	for (int pass = 0;; pass++) {
		bool any = false;
		foreign = false;
		if (pass == 1)
			stop_forks(c);
		for (size_t i = 0; i < c->n; i++) {
			const struct cgroup_dir *d = &c->dirs[i];
			if (d->v2 && poke(d, "cgroup.kill", "1")) {
				_cleanup_pids_ struct pids p = {0};
				pids_list(d, &p);
				any |= p.n > 0;
			} else {
				any |= signal_all(d, &foreign);
			}
		}
		/* Killed processes that are frozen die only when they run again. */
		if (any && pass == 0)
			for (size_t i = 0; i < c->n; i++)
				if (!c->dirs[i].v2 && c->dirs[i].ctls & CTL_FREEZER)
					poke(&c->dirs[i], "freezer.state", "THAWED");
		if (!any)
			return NULL;
		if (now_ms() >= end)
			break;
		pause_ms(wait_ms);
		wait_ms = wait_ms < 20 ? wait_ms * 2 : wait_ms;
	}
	nd_err *e = err_new(ND_TIMEOUT, "cgroup-not-empty",
		"%" PRId64 " processes of the container did not end within %" PRId64
		" ms of SIGKILL",
		cgroup_processes(c), deadline_ms);
	if (foreign)
		err_detail(e,
			"some of them belong to another pid namespace and cannot be signalled "
			"from here");
	return e;
}

/* --- freezing ----------------------------------------------------------------------- */

static bool frozen_now(const struct cgroup_dir *d, bool frozen)
{
	char text[256];
	_cleanup_free_ char *path =
		str_fmt("%s/%s", d->path, d->v2 ? "cgroup.events" : "freezer.state");
	_cleanup_buf_ struct buf all = {0};
	nd_err *e = file_read(AT_FDCWD, path, sizeof text, &all);
	if (e) {
		err_free(e);
		return false;
	}
	const char *want =
		d->v2 ? (frozen ? "frozen 1" : "frozen 0") : (frozen ? "FROZEN" : "THAWED");
	return all.data && strstr(all.data, want);
}

nd_err *cgroup_freeze(struct cgroup *c, bool frozen, int64_t deadline_ms)
{
	const struct cgroup_dir *d = NULL;
	for (size_t i = 0; i < c->n; i++)
		if (c->dirs[i].ctls & CTL_FREEZER || c->dirs[i].v2)
			d = &c->dirs[i];
	if (!d)
		return err_new(ND_ABSENT, "cgroup-no-freezer",
			"this container has no group that can be frozen");
	const char *file = d->v2 ? "cgroup.freeze" : "freezer.state";
	int64_t end = now_ms() + deadline_ms;
	for (long wait_ms = 1;; wait_ms = wait_ms < 50 ? wait_ms * 2 : wait_ms) {
		/* v1 may hang in FREEZING when a process forks meanwhile: writing again helps. */
		if (!poke(d, file, d->v2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED")))
			return err_sys(errno, "write", "%s/%s", d->path, file);
		if (frozen_now(d, frozen))
			return NULL;
		if (now_ms() >= end)
			break;
		pause_ms(wait_ms);
	}
	if (frozen)
		poke(d, file, d->v2 ? "0" : "THAWED");
	return err_new(ND_TIMEOUT, "cgroup-not-frozen", "%s was not %s within %" PRId64 " ms",
		d->path, frozen ? "frozen" : "thawed", deadline_ms);
}
