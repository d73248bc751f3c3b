/* Device rules as a BPF program on a v2 group: see devrules.h.  The kernel asks
 * each program on the way up (devcgroup_check_permission), one "no" refuses; so the
 * filters of groups above go on holding, and ours is only ever added or replaced. */
#include "container/devrules.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

#define PROGRAM_NAME "nidus_devices"

enum {
	R_TYPE = BPF_REG_2,
	R_LEFT = BPF_REG_3,
	R_MAJOR = BPF_REG_4,
	R_MINOR = BPF_REG_5,
	R_TEMP = BPF_REG_6
};

struct program {
	struct bpf_insn *v;
	size_t n;
};

static size_t emit(
	struct program *p, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	p->v = mem_grow(p->v, p->n + 1, sizeof *p->v);
	p->v[p->n] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15u, .src_reg = src & 15u, .off = off, .imm = imm};
	return p->n++;
}

static void load_word(struct program *p, unsigned dst, size_t off)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, (int16_t)off, 0);
}

static void answer(struct program *p, int value)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int32_t access_mask(const struct device_rule *r)
{
	int32_t bits = 0;
	if (strchr(r->access, 'm'))
		bits |= BPF_DEVCG_ACC_MKNOD;
	if (strchr(r->access, 'r'))
		bits |= BPF_DEVCG_ACC_READ;
	if (strchr(r->access, 'w'))
		bits |= BPF_DEVCG_ACC_WRITE;
	if (!bits && r->type == 'a')
		bits = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
	return bits;
}

/* One rule: devices it does not match jump behind it; R_LEFT holds the kinds of access that
 * no later rule has decided. */
static void compile_rule(struct program *p, const struct device_rule *r)
{
	size_t jumps[3], n = 0;
	int32_t mask = access_mask(r);
	if (!mask)
		return;
	if (r->type != 'a')
		jumps[n++] = emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_TYPE, 0, 0,
			r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (r->major >= 0)
		jumps[n++] = emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_MAJOR, 0, 0, (int32_t)r->major);
	if (r->minor >= 0)
		jumps[n++] = emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_MINOR, 0, 0, (int32_t)r->minor);
	if (r->allow) {
		emit(p, BPF_ALU | BPF_AND | BPF_K, R_LEFT, 0, 0, ~mask);
		emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_LEFT, 0, 2, 0);
		answer(p, 1);
	} else {
		emit(p, BPF_ALU | BPF_MOV | BPF_X, R_TEMP, R_LEFT, 0, 0);
		emit(p, BPF_ALU | BPF_AND | BPF_K, R_TEMP, 0, 0, mask);
		emit(p, BPF_JMP32 | BPF_JEQ | BPF_K, R_TEMP, 0, 2, 0);
		answer(p, 0);
	}
	for (size_t i = 0; i < n; i++)
		p->v[jumps[i]].off = (int16_t)(p->n - jumps[i] - 1);
}

void devrules_compile(
	const struct device_rule *rules, size_t n, struct bpf_insn **ret, size_t *ret_n)
{
	struct program p = {0};
	load_word(&p, R_TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(&p, BPF_ALU | BPF_MOV | BPF_X, R_LEFT, R_TYPE, 0, 0);
	emit(&p, BPF_ALU | BPF_RSH | BPF_K, R_LEFT, 0, 0, 16);
	emit(&p, BPF_ALU | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
	load_word(&p, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	load_word(&p, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	size_t first = 0;
	/* Nothing before the last rule about everything matters. */
	for (size_t i = 0; i < n; i++)
		if (rules[i].type == 'a' && rules[i].major < 0 && rules[i].minor < 0 &&
			access_mask(&rules[i]) == 7)
			first = i;
	for (size_t i = n; i > first; i--)
		compile_rule(&p, &rules[i - 1]);
	/* Stat-like questions ask for no access at all; those are never refused. */
	emit(&p, BPF_JMP32 | BPF_JNE | BPF_K, R_LEFT, 0, 2, 0);
	answer(&p, 1);
	answer(&p, 0);
	*ret = p.v;
	*ret_n = p.n;
}

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static nd_err *load(const struct device_rule *rules, size_t n, int *ret_fd)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	size_t count;
	devrules_compile(rules, n, &insns, &count);
	union bpf_attr attr = {0};
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	memcpy(attr.prog_name, PROGRAM_NAME, sizeof PROGRAM_NAME);
	/* EAGAIN: the verifier was interrupted by a signal. */
	for (int tries = 0; tries < 5; tries++) {
		*ret_fd = sys_bpf(BPF_PROG_LOAD, &attr);
		if (*ret_fd >= 0 || errno != EAGAIN)
			break;
	}
	return *ret_fd < 0
		       ? err_sys(errno, "bpf", "load a device filter of %zu instructions", count)
		       : NULL;
}

static bool is_ours(int prog_fd)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};
	attr.info.bpf_fd = (uint32_t)prog_fd;
	attr.info.info_len = sizeof info;
	attr.info.info = (uint64_t)(uintptr_t)&info;
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && str_eq(info.name, PROGRAM_NAME);
}

/* The program we attached earlier, or -1. */
static int find_ours(int group_fd)
{
	enum { PROGRAMS_MAX = 64 };
	uint32_t ids[PROGRAMS_MAX];
	union bpf_attr attr = {0};
	attr.query.target_fd = (uint32_t)group_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = PROGRAMS_MAX;
	if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
		return -1;
	for (uint32_t i = 0; i < attr.query.prog_cnt && i < PROGRAMS_MAX; i++) {
		union bpf_attr get = {0};
		get.prog_id = ids[i];
		int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &get);
		if (fd >= 0 && is_ours(fd))
			return fd;
		fd_close(fd);
	}
	return -1;
}

nd_err *devrules_attach_v2(int group_fd, const struct device_rule *rules, size_t n)
{
	_cleanup_fd_ int prog = -1, old = -1;
	TRY(load(rules, n, &prog));
	old = find_ours(group_fd);
	union bpf_attr attr = {0};
	attr.target_fd = (uint32_t)group_fd;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old;
	}
	if (sys_bpf(BPF_PROG_ATTACH, &attr) < 0)
		return err_sys(errno, "bpf", "attach a device filter to the cgroup");
	return NULL;
}
