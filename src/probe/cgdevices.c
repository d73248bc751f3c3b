/* Device rules: v1 has a list of exceptions a group, v2 a BPF program
 * (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15).  A group that is refused all devices is made, and
 * a process in it must not be able to open the null device. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/group.h"
#include "probe/trial.h"
#include "probe/trials.h"

static int open_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC) < 0 && errno == EPERM ? 0 : 1;
}

/* The program that refuses everything: "r0 = 0; exit".  -1 and errno. */
static int load_refusal(void)
{
	struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const char license[] = "GPL";
	union bpf_attr a = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)code,
		.insn_cnt = ARRAY_SIZE(code),
		.license = (uintptr_t)license,
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof a);
	if (fd >= 0)
		fd_set_cloexec(fd, true);
	return fd;
}

static bool attach(const struct group *g, int prog_fd)
{
	union bpf_attr a = {
		.target_fd = (unsigned)g->lock_fd,
		.attach_bpf_fd = (unsigned)prog_fd,
		.attach_type = BPF_CGROUP_DEVICE,
	};
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &a, sizeof a) == 0;
}

/* False: r says why; v2 is asked for where there is no v1 controller. */
static bool refuse_all(struct fact_result *r, const struct group *g)
{
	if (!g->v2) {
		if (group_write(g, "devices.deny", "a"))
			return true;
		fact_refused(r, errno, "write devices.deny", "\"a\" in %s", g->path);
		return false;
	}
	_cleanup_fd_ int prog = load_refusal();
	if (prog < 0) {
		fact_refused(r, errno, "bpf(BPF_PROG_LOAD)", "a cgroup device program");
		return false;
	}
	/* The group holds the program; it goes with the group. */
	if (attach(g, prog))
		return true;
	fact_refused(r, errno, "bpf(BPF_PROG_ATTACH)", "to %s", g->path);
	return false;
}

static bool ask_in(struct fact_result *r, const struct cgroup_hier *h)
{
	_cleanup_group_ struct group g = GROUP_NONE;
	if (!group_make(r, h, 0, &g) || !refuse_all(r, &g))
		return false;
	int status = group_run(&g, open_null);
	if (status < 0)
		fact_refused(r, errno, "write cgroup.procs", "a child could not join %s", g.path);
	else if (status != 0)
		fact_set(r, FACT_BROKEN, "the rules are not kept",
			"a process in a group without devices could open /dev/null");
	else
		fact_works(r,
			"in a group beneath %s that is refused all devices (%s), /dev/null could "
			"not be opened",
			g.parent, g.v2 ? "a BPF program attached" : "devices.deny");
	snprintf(r->value, sizeof r->value, "%s", g.v2 ? "v2 BPF" : "v1");
	return r->state == FACT_WORKS;
}

void try_cgroup_devices(struct fact_result *r)
{
	_cleanup_cgroup_place_ struct cgroup_place p;
	struct fact_result v1 = *r;
	if (!group_place(r, &p))
		return;
	struct cgroup_hier *v2 = cgroup_hier_v2(&p), *devices = cgroup_hier_find(&p, CTL_DEVICES);
	if (!v2 && !devices) {
		fact_set(r, FACT_ABSENT, "no hierarchy here has device rules",
			"neither v1 devices nor v2 in /proc/self/cgroup");
		return;
	}
	/* The program is the better rung; a hybrid place may have both. */
	if (v2 && ask_in(r, v2))
		return;
	if (devices && !devices->v2 && (ask_in(&v1, devices) || !v2 || !v2->mount))
		*r = v1;
}
