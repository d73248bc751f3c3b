/* Children of the monitor that ask one question of the workload, with a time limit and
 * their output kept in memory (memfd_create(2)) for the report. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "container/exec.h"
#include "supervise/netcheck.h"
#include "supervise/run.h"

enum { OUTPUT_MAX = 1024 };

static void limit_passed(void *arg)
{
	struct probe *p = arg;
	p->timed_out = true;
	if (p->is_exec)
		container_kill_all(&p->exec);
	else
		kill(p->pid, SIGKILL);
}

static nd_err *output_open(struct probe *p)
{
	p->timed_out = false;
	p->output_fd = memfd_create("nidus-probe", MFD_CLOEXEC);
	return p->output_fd < 0 ? err_sys(errno, "memfd_create", "for a probe's output") : NULL;
}

static void begun(struct probe *p, pid_t pid, bool is_exec, int64_t limit_ms)
{
	p->pid = pid;
	p->is_exec = is_exec;
	p->limit = (struct loop_timer){.fire = limit_passed, .arg = p};
	loop_after(&p->run->loop, &p->limit, limit_ms);
}

nd_err *probe_exec(struct probe *p, const struct strv *argv, int64_t limit_ms)
{
	struct run *r = p->run;
	const struct container_spec *own = &r->req->spec;
	TRY(output_open(p));
	/* The same process as the workload but for its command: borrowed, so not freed. */
	struct container_spec s = *own;
	s.args = *argv;
	s.tty = false;
	s.init = false;
	s.stdio[0] = -1;
	s.stdio[1] = s.stdio[2] = p->output_fd;
	s.n_keep_fds = 0;
	nd_err *e = container_exec(r->c.pid, r->c.pid_fd, r->c.cgroup, &s, &p->exec);
	if (e) {
		fd_done(&p->output_fd);
		return e;
	}
	begun(p, p->exec.pid, true, limit_ms);
	return NULL;
}

nd_err *probe_net(struct probe *p, const struct ready_spec *spec, int64_t limit_ms)
{
	TRY(output_open(p));
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		netcheck_child(p->run->c.pid, spec, limit_ms, p->output_fd);
	}
	if (pid < 0) {
		int err = errno;
		fd_done(&p->output_fd);
		return err_sys(err, "fork", "for a probe");
	}
	begun(p, pid, false, limit_ms + 500);
	return NULL;
}

static void finish(struct probe *p)
{
	loop_clear(&p->run->loop, &p->limit);
	if (p->is_exec)
		container_done(&p->exec);
	p->pid = 0;
}

bool probe_reap(struct probe *p)
{
	int wstatus;
	if (!p->pid || waitpid(p->pid, &wstatus, WNOHANG) != p->pid)
		return false;
	finish(p);
	char text[OUTPUT_MAX + 1];
	off_t size = lseek(p->output_fd, 0, SEEK_END);
	ssize_t n =
		pread(p->output_fd, text, OUTPUT_MAX, size > OUTPUT_MAX ? size - OUTPUT_MAX : 0);
	text[n > 0 ? n : 0] = '\0';
	fd_done(&p->output_fd);
	str_rtrim(text);
	if (p->timed_out && !*text)
		snprintf(text, sizeof text, "no answer in time");
	p->done(p->run, p->timed_out ? 124 : status_of_wait(wstatus), text);
	return true;
}

void probe_kill(struct probe *p)
{
	if (!p->pid)
		return;
	limit_passed(p);
	wait_status(p->pid);
	finish(p);
	fd_done(&p->output_fd);
}
