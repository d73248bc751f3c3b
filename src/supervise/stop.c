/* Ending and waiting: see stop.h.  The end of a run is the end of its lock, which
 * flock(2) can wait for; where a time limit applies, it is asked again and again with short
 * pauses, because the wait after a SIGKILL is short. */
#include "supervise/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "supervise/control.h"

enum { STOP_MS = 10000, MONITOR_MS = 30000, PAUSE_MAX_MS = 50 };

static void pause_ms(int64_t ms)
{
	nanosleep(&(struct timespec){ms / 1000, (ms % 1000) * 1000000}, NULL);
}

bool process_wait(pid_t pid, int pid_fd, uint64_t start_time, int64_t limit_ms)
{
	int64_t until = now_ms() + limit_ms, pause = 1;
	if (pid_fd >= 0) {
		struct pollfd p = {pid_fd, POLLIN, 0};
		int rc;
		do {
			int64_t left = until - now_ms();
			rc = poll(&p, 1, left > 0 ? (int)left : 0);
		} while (rc < 0 && errno == EINTR);
		return rc > 0;
	}
	while (pid_start_time(pid) == start_time) {
		if (now_ms() >= until)
			return false;
		pause_ms(pause);
		pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
	}
	return true;
}

static nd_err *monitor_stuck(const struct run_info *i)
{
	return err_detail(
		err_new(ND_TIMEOUT, "monitor-stuck",
			"run %.12s is to end, but its monitor does not finish", i->dir.id),
		"its monitor is process %lld", (long long)i->monitor_pid);
}

/* The monitor lets go of the lock when all is cleaned up. */
static nd_err *monitor_wait(struct run_info *i, int64_t limit_ms)
{
	int64_t until = now_ms() + limit_ms, pause = 1;
	while (run_dir_alive(&i->dir, false)) {
		if (now_ms() >= until)
			return monitor_stuck(i);
		pause_ms(pause);
		pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
	}
	return NULL;
}

static bool is_over(const struct run_info *i)
{
	return i->status == RUN_EXITED || i->status == RUN_LOST;
}

/* Between two starts, or before the first, there is nothing to signal but the monitor,
 * and perhaps not even that: until a workload or the end is there. */
static nd_err *workload_wait(struct run_info *i, pid_t *ret_pid, int *ret_fd)
{
	int64_t until = now_ms() + MONITOR_MS, told = 0;
	for (;;) {
		TRY(runinfo_reload(i));
		*ret_fd = runinfo_pidfd(i, ret_pid);
		if (*ret_pid > 0 || is_over(i))
			return NULL;
		if (i->monitor_pid > 0 && i->monitor_pid != told && run_dir_alive(&i->dir, false)) {
			kill((pid_t)i->monitor_pid, SIGTERM);
			told = i->monitor_pid;
		}
		if (now_ms() >= until)
			return monitor_stuck(i);
		pause_ms(5);
	}
}

nd_err *run_stop_now(struct run_info *i, int64_t timeout_ms, int sig)
{
	if (is_over(i))
		return NULL;
	if (timeout_ms < 0)
		timeout_ms = i->stop_timeout_ms >= 0 ? i->stop_timeout_ms : STOP_MS;
	if (!sig)
		sig = i->stop_signal ? (int)i->stop_signal : SIGTERM;
	/* Before the signal, so that the monitor finds it and does not start it again. */
	link_set(i->dir.fd, "stop", "1");
	pid_t pid;
	_cleanup_fd_ int pid_fd = -1;
	TRY(workload_wait(i, &pid, &pid_fd));
	if (is_over(i))
		return NULL;
	if (i->own_pid_ns && signal_would_be_dropped(pid, sig))
		sig = SIGKILL;
	if (!signal_send(pid, pid_fd, sig) && errno != ESRCH)
		return err_sys(errno, "kill", "process %d of run %.12s", (int)pid, i->dir.id);
	if (sig == SIGKILL)
		timeout_ms = STOP_MS;
	if (!process_wait(pid, pid_fd, i->start_time, timeout_ms) && sig != SIGKILL &&
		!signal_send(pid, pid_fd, SIGKILL) && errno != ESRCH)
		return err_sys(errno, "kill", "process %d of run %.12s", (int)pid, i->dir.id);
	return monitor_wait(i, MONITOR_MS);
}

nd_err *run_kill(struct run_info *i, int sig)
{
	pid_t pid;
	_cleanup_fd_ int pid_fd = runinfo_pidfd(i, &pid);
	if (i->status != RUN_RUNNING || pid <= 0)
		return err_new(ND_ABSENT, "not-running", "run %.12s (%s) does not run: it is %s",
			i->dir.id, i->name, run_status_name(i->status));
	if (!signal_send(pid, pid_fd, sig))
		return err_sys(errno, "kill", "process %d of run %.12s", (int)pid, i->dir.id);
	return NULL;
}

nd_err *run_wait(struct run_info *i, int *ret_status)
{
	/* Held open, because the folder of a --rm run goes: its last line comes before that. */
	_cleanup_fd_ int json_fd = openat(i->dir.fd, "run.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	while (!is_over(i)) {
		if (i->status == RUN_CREATED)
			pause_ms(5); /* its maker may not have the lock yet */
		if (flock(i->dir.fd, LOCK_SH) < 0 && errno != EINTR)
			return err_sys(errno, "flock", "the folder of run %.12s", i->dir.id);
		flock(i->dir.fd, LOCK_UN);
		if (json_fd >= 0 && runinfo_exit_appended(json_fd, ret_status))
			return NULL;
		runinfo_refresh(i);
	}
	if (i->status == RUN_EXITED) {
		*ret_status = i->exit_code;
		return NULL;
	}
	return err_remedy(
		err_new(ND_ABSENT, "monitor-lost",
			"run %.12s (%s): its monitor was killed, nobody saw its exit status",
			i->dir.id, i->name),
		"'nidus gc' takes back what the run left.");
}
