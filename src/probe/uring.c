/* io_uring: a ring is made (Linux 5.1) and has to complete one request that does nothing.
 * Container profiles and gVisor refuse it; so does kernel.io_uring_disabled (6.6). */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { MARK = 0x6e69 };

struct ring {
	int fd;
	struct io_uring_params p;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

static char *map(const struct ring *q, size_t size, off_t what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, q->fd, what);
	return p == MAP_FAILED ? NULL : p;
}

static bool open_ring(struct ring *q, const char **op)
{
	*op = "io_uring_setup";
	q->fd = (int)syscall(SYS_io_uring_setup, 2, &q->p);
	if (q->fd < 0)
		return false;
	*op = "mmap of the rings";
	q->sq = map(q, q->p.sq_off.array + q->p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	q->cq = map(q, q->p.cq_off.cqes + q->p.cq_entries * sizeof(struct io_uring_cqe),
		IORING_OFF_CQ_RING);
	q->sqes = (void *)map(q, q->p.sq_entries * sizeof *q->sqes, IORING_OFF_SQES);
	return q->sq && q->cq && q->sqes;
}

/* One IORING_OP_NOP, waited for.  The rings are unmapped as the process ends. */
static bool complete_one(struct ring *q, const char **op)
{
	q->sqes[0] = (struct io_uring_sqe){.opcode = IORING_OP_NOP, .user_data = MARK};
	*(unsigned *)(void *)(q->sq + q->p.sq_off.array) = 0;
	atomic_store_explicit(
		(_Atomic unsigned *)(void *)(q->sq + q->p.sq_off.tail), 1, memory_order_release);
	*op = "io_uring_enter";
	if (syscall(SYS_io_uring_enter, q->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return false;
	*op = "completion";
	errno = EIO;
	unsigned tail = atomic_load_explicit(
		(_Atomic unsigned *)(void *)(q->cq + q->p.cq_off.tail), memory_order_acquire);
	const struct io_uring_cqe *cqe = (void *)(q->cq + q->p.cq_off.cqes);
	return tail == 1 && cqe->user_data == MARK && cqe->res == 0;
}

void try_io_uring(struct fact_result *r)
{
	static const char *const switches[] = {
		"on for all", "off for who has no CAP_SYS_ADMIN", "off for all"};
	struct ring q = {.fd = -1};
	char line[16] = "";
	const char *op;
	if (open_ring(&q, &op) && complete_one(&q, &op)) {
		fact_works(r, "io_uring_setup(), and a NOP was completed; features 0x%x",
			q.p.features);
		fd_close(q.fd);
		return;
	}
	int err = errno;
	fd_close(q.fd);
	if (file_read_line(AT_FDCWD, "/proc/sys/kernel/io_uring_disabled", line, sizeof line) <=
			0 ||
		line[0] < '0' || line[0] > '2') {
		fact_refused(r, err, op, "/proc/sys/kernel/io_uring_disabled is not there");
		return;
	}
	fact_refused(r, err, op, "/proc/sys/kernel/io_uring_disabled is %s: %s", line,
		switches[line[0] - '0']);
	if (err == ENOSYS) {
		r->state = FACT_DENIED;
		snprintf(r->reason, sizeof r->reason,
			"the kernel has it, but a seccomp filter says it has not");
	} else if (err == EPERM && line[0] != '0') {
		snprintf(r->reason, sizeof r->reason, "kernel.io_uring_disabled is %s", line);
	} else if (err == EPERM) {
		snprintf(r->remedy, sizeof r->remedy,
			"The kernel allows it: a seccomp filter refuses. Whoever starts this "
			"container can give it a profile that lets io_uring_setup through.");
	}
}
