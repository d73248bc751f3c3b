/* What this process may do to its own limits, and device nodes.  In nested places the hard
 * limits cannot be raised nor the OOM score lowered: CAP_SYS_RESOURCE counts only in the
 * machine's own user namespace. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/names.h"
#include "probe/trial.h"
#include "probe/trials.h"

/* Lowers a hard limit by one and takes it back: needs the same right as any raise, and
 * works where the limit is infinite. */
void try_rlimit_raise(struct fact_result *r)
{
	static const int which[] = {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_CORE};
	struct rlimit l, low;
	for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
		const char *name = rlimit_name(which[i]);
		if (getrlimit(which[i], &l) < 0) {
			fact_refused(r, errno, "getrlimit", "%s", name);
			return;
		}
		rlim_t hard = l.rlim_max == RLIM_INFINITY ? 1u << 30 : l.rlim_max;
		if (hard < 2)
			continue;
		low = (struct rlimit){.rlim_cur = hard - 1, .rlim_max = hard - 1};
		if (l.rlim_cur < low.rlim_cur)
			low.rlim_cur = l.rlim_cur;
		if (setrlimit(which[i], &low) < 0) {
			fact_refused(r, errno, "setrlimit", "lowering the hard limit of %s by one",
				name);
			return;
		}
		if (setrlimit(which[i], &l) < 0) {
			fact_refused(
				r, errno, "setrlimit", "raising the hard limit of %s by one", name);
			return;
		}
		if (getrlimit(which[i], &low) < 0 || low.rlim_max != l.rlim_max) {
			fact_set(r, FACT_BROKEN, "the limit stays low", "%s after setrlimit", name);
			return;
		}
	}
	fact_works(r, "hard limits of nofile, nproc, memlock and core lowered by one and raised "
		      "again");
}

void try_oom_score_adj(struct fact_result *r)
{
	static const char file[] = "/proc/self/oom_score_adj";
	char text[16], now[16];
	if (file_read_line(AT_FDCWD, file, text, sizeof text) < 0) {
		fact_refused(r, errno, "open", "%s", file);
		return;
	}
	int was = (int)strtol(text, NULL, 10);
	if (was <= -1000) {
		fact_works(r, "%s is %d, the lowest there is", file, was);
		return;
	}
	snprintf(text, sizeof text, "%d", was - 1);
	if (!file_poke(AT_FDCWD, file, text)) {
		fact_refused(r, errno, "write oom_score_adj", "%s where %d was", text, was);
		return;
	}
	if (file_read_line(AT_FDCWD, file, now, sizeof now) < 0 || strcmp(now, text) != 0)
		fact_set(r, FACT_BROKEN, "the score stays", "wrote %s, reads %s", text, now);
	else
		fact_works(r, "lowered from %d to %s", was, now);
}

/* The null device on a tmpfs of our own, where no nodev is in the way. */
static void node(struct fact_result *r)
{
	const char *op;
	char byte;
	if (!trial_scratch(&op)) {
		fact_refused(r, errno, op, "for a place to make it in");
		return;
	}
	if (mknod("null", S_IFCHR | 0600, makedev(1, 3)) < 0) {
		fact_refused(r, errno, "mknod", "character device 1:3 on an own tmpfs");
		return;
	}
	_cleanup_fd_ int fd = open("null", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fact_refused(r, errno, "open", "the node 1:3 that was just made");
		r->state = FACT_BROKEN;
	} else if (write(fd, "x", 1) != 1 || read(fd, &byte, 1) != 0) {
		fact_set(r, FACT_BROKEN, "it is not the null device", "write and read of node 1:3");
	} else {
		fact_works(
			r, "character device 1:3 made on an own tmpfs, opened, written and read");
	}
}

void try_mknod(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, node);
}
