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

/* The program has no branches: the verifier copies its whole state at each one, which made
 * loading a filter of a dozen rules cost 0.7 ms.  A device is one number, KEY = type, major,
 * minor; `x | -x` has its top bit set unless x is 0, so a run of rules that do the same is an
 * `and` of those, and the top bit says whether none of them matched. */
enum { ACCESS = BPF_REG_2, KEY, KEY_HIGH, T, U, OK, NONE };
enum { MINOR_BITS = 32, MAJOR_BITS = 24, MAJOR_MAX = (1 << MAJOR_BITS) - 1 };

struct program {
	struct bpf_insn *v;
	size_t n;
};

static void emit(struct program *p, int code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	p->v = mem_grow(p->v, p->n + 1, sizeof *p->v);
	p->v[p->n++] = (struct bpf_insn){.code = (uint8_t)code,
		.dst_reg = dst & 15u,
		.src_reg = src & 15u,
		.off = off,
		.imm = imm};
}

static void with_imm(struct program *p, int op, unsigned dst, int32_t imm)
{
	emit(p, BPF_ALU64 | BPF_K | op, dst, 0, 0, imm);
}

static void with_reg(struct program *p, int op, unsigned dst, unsigned src)
{
	emit(p, BPF_ALU64 | BPF_X | op, dst, src, 0, 0);
}

static void load_word(struct program *p, unsigned dst, size_t off)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, (int16_t)off, 0);
}

static void load_u64(struct program *p, unsigned dst, uint64_t v)
{
	emit(p, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)(uint32_t)v);
	emit(p, 0, 0, 0, 0, (int32_t)(uint32_t)(v >> 32));
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

/* T becomes 0 where the rule matches. */
static void difference(struct program *p, const struct device_rule *r)
{
	uint64_t type = r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
	if (r->major < 0 && r->minor < 0) {
		with_reg(p, BPF_MOV, T, KEY_HIGH);
		with_imm(p, BPF_RSH, T, MAJOR_BITS);
		with_imm(p, BPF_XOR, T, (int32_t)type);
	} else if (r->minor < 0 && r->type != 'a') {
		with_reg(p, BPF_MOV, T, KEY_HIGH);
		with_imm(p, BPF_XOR, T, (int32_t)(type << MAJOR_BITS | (uint64_t)r->major));
	} else {
		uint64_t want = (type << MAJOR_BITS | (uint64_t)(r->major < 0 ? 0 : r->major))
					<< MINOR_BITS |
				(uint32_t)(r->minor < 0 ? 0 : r->minor);
		uint64_t matters = (r->type == 'a' ? 0 : UINT64_MAX << (MAJOR_BITS + MINOR_BITS)) |
				   (r->major < 0 ? 0 : (uint64_t)MAJOR_MAX << MINOR_BITS) |
				   (r->minor < 0 ? 0 : UINT32_MAX);
		load_u64(p, U, want);
		with_reg(p, BPF_MOV, T, KEY);
		with_reg(p, BPF_XOR, T, U);
		if (matters != UINT64_MAX) {
			load_u64(p, U, matters);
			with_reg(p, BPF_AND, T, U);
		}
	}
}

static void compile_rule(struct program *p, const struct device_rule *r)
{
	if (r->major > MAJOR_MAX || r->minor > UINT32_MAX)
		return; /* no device has such a number */
	if (r->type == 'a' && r->major < 0 && r->minor < 0) {
		with_imm(p, BPF_MOV, NONE, 0);
		return;
	}
	difference(p, r);
	with_reg(p, BPF_MOV, U, T);
	emit(p, BPF_ALU64 | BPF_NEG, U, 0, 0, 0);
	with_reg(p, BPF_OR, T, U);
	with_reg(p, BPF_AND, NONE, T);
}

/* Rules next to each other that do the same to the same kinds of access. */
static size_t compile_run(struct program *p, const struct device_rule *rules, size_t n)
{
	int32_t mask = access_mask(&rules[0]);
	size_t i = 0;
	with_imm(p, BPF_MOV, NONE, -1);
	for (; i < n && rules[i].allow == rules[0].allow && access_mask(&rules[i]) == mask; i++)
		compile_rule(p, &rules[i]);
	/* All ones where none matched, else 0. */
	with_imm(p, BPF_ARSH, NONE, 63);
	if (rules[0].allow) {
		with_imm(p, BPF_XOR, NONE, -1);
		with_imm(p, BPF_AND, NONE, mask);
		with_reg(p, BPF_OR, OK, NONE);
	} else {
		with_imm(p, BPF_OR, NONE, ~mask);
		with_reg(p, BPF_AND, OK, NONE);
	}
	return i;
}

static void compile_key(struct program *p)
{
	load_word(p, ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	load_word(p, KEY_HIGH, offsetof(struct bpf_cgroup_dev_ctx, major));
	load_word(p, KEY, offsetof(struct bpf_cgroup_dev_ctx, minor));
	with_reg(p, BPF_MOV, T, ACCESS);
	with_imm(p, BPF_AND, T, 0xffff);
	with_imm(p, BPF_LSH, T, MAJOR_BITS);
	with_reg(p, BPF_OR, KEY_HIGH, T);
	with_reg(p, BPF_MOV, T, KEY_HIGH);
	with_imm(p, BPF_LSH, T, MINOR_BITS);
	with_reg(p, BPF_OR, KEY, T);
	with_imm(p, BPF_RSH, ACCESS, 16);
}

void devrules_compile(
	const struct device_rule *rules, size_t n, struct bpf_insn **ret, size_t *ret_n)
{
	struct program p = {0};
	size_t first = 0;
	/* Nothing before the last rule about everything matters. */
	for (size_t i = 0; i < n; i++)
		if (rules[i].type == 'a' && rules[i].major < 0 && rules[i].minor < 0 &&
			access_mask(&rules[i]) == 7)
			first = i;
	compile_key(&p);
	with_imm(&p, BPF_MOV, OK, 0);
	for (size_t i = first; i < n;)
		i += compile_run(&p, rules + i, n - i);
	/* 1 where nothing that was asked for is missing. */
	with_imm(&p, BPF_XOR, OK, -1);
	with_reg(&p, BPF_AND, OK, ACCESS);
	with_reg(&p, BPF_MOV, BPF_REG_0, OK);
	emit(&p, BPF_ALU64 | BPF_NEG, BPF_REG_0, 0, 0, 0);
	with_reg(&p, BPF_OR, BPF_REG_0, OK);
	with_imm(&p, BPF_RSH, BPF_REG_0, 63);
	with_imm(&p, BPF_XOR, BPF_REG_0, 1);
	emit(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
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
