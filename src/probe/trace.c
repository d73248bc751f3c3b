/* Looking into another process: ptrace and process_vm_*.  Yama's ptrace_scope and the
 * seccomp profiles of old engines are what refuses them; a child of our own is the
 * easiest case, so a refusal here is final. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { BEFORE = 0x6e696475, AFTER = 0x73757221 };
static volatile long word = BEFORE;

struct target {
	pid_t pid;
	int stop_fd; /* closing it ends the child */
	int said_fd; /* the child writes its word when it ends */
};

/* A child that waits, then says what its `word` is. */
static bool target_start(struct fact_result *r, struct target *t)
{
	int stop[2], said[2];
	if (pipe2(stop, O_CLOEXEC) < 0 || pipe2(said, O_CLOEXEC) < 0) {
		fact_refused(r, errno, "pipe2", "for a child to look into");
		return false;
	}
	t->pid = trial_fork();
	if (t->pid == 0) {
		char byte;
		fd_close(stop[1]);
		while (read(stop[0], &byte, 1) < 0 && errno == EINTR)
			;
		long now = word;
		_exit(fd_write_all(said[1], &now, sizeof now) ? 0 : 1);
	}
	fd_close(stop[0]);
	fd_close(said[1]);
	t->stop_fd = stop[1];
	t->said_fd = said[0];
	return t->pid > 0;
}

static long target_word(struct target *t)
{
	long now = 0;
	fd_close(t->stop_fd);
	fd_read_full(t->said_fd, &now, sizeof now);
	return now;
}

/* Seizes and stops the child.  False: r says why. */
static bool target_stop(struct fact_result *r, struct target *t)
{
	int status;
	if (!target_start(r, t))
		return false;
	if (ptrace(PTRACE_SEIZE, t->pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0) {
		fact_refused(r, errno, "ptrace(PTRACE_SEIZE)", "a child");
		return false;
	}
	if (ptrace(PTRACE_INTERRUPT, t->pid, 0, 0) < 0) {
		fact_refused(r, errno, "ptrace(PTRACE_INTERRUPT)", "a seized child");
		return false;
	}
	if (waitpid(t->pid, &status, __WALL) != t->pid || !WIFSTOPPED(status)) {
		fact_set(r, FACT_BROKEN, "the child does not stop", "after PTRACE_INTERRUPT");
		return false;
	}
	return true;
}

void try_ptrace(struct fact_result *r)
{
	struct target t;
	if (!target_stop(r, &t))
		return;
	errno = 0;
	long seen = ptrace(PTRACE_PEEKDATA, t.pid, &word, 0);
	if (errno || ptrace(PTRACE_POKEDATA, t.pid, &word, (void *)AFTER) < 0 ||
		ptrace(PTRACE_DETACH, t.pid, 0, 0) < 0) {
		fact_refused(r, errno, "ptrace", "peek, poke and detach of a stopped child");
		return;
	}
	long after = target_word(&t);
	if (seen != BEFORE || after != AFTER)
		fact_set(r, FACT_BROKEN, "memory is not what was written",
			"read %lx, wrote %x, the child saw %lx", seen, AFTER, after);
	else
		fact_works(
			r, "a child was seized and stopped, a word of its memory read and changed");
}

void try_ptrace_syscall_info(struct fact_result *r)
{
	struct target t;
	int status;
	struct __ptrace_syscall_info info = {0};
	if (!target_stop(r, &t))
		return;
	/* The interrupted read(2) is entered again: the next stop is its entry. */
	for (int i = 0; i < 3 && info.op != PTRACE_SYSCALL_INFO_ENTRY; i++) {
		if (ptrace(PTRACE_SYSCALL, t.pid, 0, 0) < 0 ||
			waitpid(t.pid, &status, __WALL) != t.pid || !WIFSTOPPED(status)) {
			fact_refused(r, errno, "ptrace(PTRACE_SYSCALL)", "a stopped child");
			return;
		}
		if (ptrace(PTRACE_GET_SYSCALL_INFO, t.pid, sizeof info, &info) < 0) {
			/* EIO stands for a request that is not known, ptrace(2). */
			fact_refused(r, errno == EIO ? ENOSYS : errno, "PTRACE_GET_SYSCALL_INFO",
				"at a syscall stop");
			return;
		}
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		fact_set(r, FACT_BROKEN, "it does not tell entry from exit",
			"op is %d at the entry of a call", info.op);
	else
		fact_works(r, "at a child's syscall stop it gives the entry of call %llu",
			(unsigned long long)info.entry.nr);
}

void try_process_vm_readv(struct fact_result *r)
{
	struct target t;
	long seen = 0;
	struct iovec here = {&seen, sizeof seen}, there = {(void *)&word, sizeof word};
	if (!target_start(r, &t))
		return;
	if (process_vm_readv(t.pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof seen)
		fact_refused(r, errno, "process_vm_readv", "a word of a child's memory");
	else if (seen != BEFORE)
		fact_set(r, FACT_BROKEN, "memory reads wrong", "%lx instead of %x", seen, BEFORE);
	else
		fact_works(r, "a word of a child's memory read right");
}

void try_process_vm_writev(struct fact_result *r)
{
	struct target t;
	long value = AFTER;
	struct iovec here = {&value, sizeof value}, there = {(void *)&word, sizeof word};
	if (!target_start(r, &t))
		return;
	if (process_vm_writev(t.pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof value) {
		fact_refused(r, errno, "process_vm_writev", "a word of a child's memory");
		return;
	}
	long after = target_word(&t);
	if (after != AFTER)
		fact_set(r, FACT_BROKEN, "memory is not what was written",
			"wrote %x, the child saw %lx", AFTER, after);
	else
		fact_works(r, "a word of a child's memory changed, which the child saw");
}
