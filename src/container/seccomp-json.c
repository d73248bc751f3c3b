/* Profiles: the JSON that podman and docker take with --security-opt seccomp=FILE
 * (archMap, includes and excludes, errno names) and the linux.seccomp object of the OCI
 * runtime-spec 1.2 (errnoRet, flags, listenerPath), read by one reader as they share
 * most keys.  Strict about types, names and ranges; unknown keys and unknown system
 * calls are none of its business. */
#include "container/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "container/seccomp-compile.h"
#include "kernel/names.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#	define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { ERRNO_MAX = 4095 };

struct reader {
	const struct seccomp_context *cx;
	struct sc_program program;
	bool notify;
};

static const struct {
	const char *name;
	uint32_t action;
	bool has_errno;
} actions[] = {
	{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
	{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
	{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
	{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
	{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
	{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
	{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
	{"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
	{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false},
};

/* Names of runtime-spec; those without a table here cannot run on this machine. */
static const struct {
	const char *name;
	int arch;
} arches[] = {{"SCMP_ARCH_X86_64", ARCH_X86_64}, {"SCMP_ARCH_X86", ARCH_X86},
	{"SCMP_ARCH_X32", ARCH_X32}, {"SCMP_ARCH_AARCH64", ARCH_AARCH64}, {"SCMP_ARCH_ARM", -1},
	{"SCMP_ARCH_MIPS", -1}, {"SCMP_ARCH_MIPS64", -1}, {"SCMP_ARCH_MIPS64N32", -1},
	{"SCMP_ARCH_MIPSEL", -1}, {"SCMP_ARCH_MIPSEL64", -1}, {"SCMP_ARCH_MIPSEL64N32", -1},
	{"SCMP_ARCH_PPC", -1}, {"SCMP_ARCH_PPC64", -1}, {"SCMP_ARCH_PPC64LE", -1},
	{"SCMP_ARCH_S390", -1}, {"SCMP_ARCH_S390X", -1}, {"SCMP_ARCH_PARISC", -1},
	{"SCMP_ARCH_PARISC64", -1}, {"SCMP_ARCH_RISCV64", -1}, {"SCMP_ARCH_LOONGARCH64", -1},
	{"SCMP_ARCH_M68K", -1}, {"SCMP_ARCH_SH", -1}, {"SCMP_ARCH_SHEB", -1}};

static const struct {
	const char *name;
	unsigned flag;
} flags[] = {
	/* There is one thread when the filter is put in force, so nothing to synchronise. */
	{"SECCOMP_FILTER_FLAG_TSYNC", 0},
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static const char *const ops[] = {
	[SC_NE] = "SCMP_CMP_NE",
	[SC_LT] = "SCMP_CMP_LT",
	[SC_LE] = "SCMP_CMP_LE",
	[SC_EQ] = "SCMP_CMP_EQ",
	[SC_GE] = "SCMP_CMP_GE",
	[SC_GT] = "SCMP_CMP_GT",
	[SC_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

#if defined(__x86_64__)
static const char native_scmp[] = "SCMP_ARCH_X86_64", native_go[] = "amd64";
#else
static const char native_scmp[] = "SCMP_ARCH_AARCH64", native_go[] = "arm64";
#endif

/* Action of member `key` with the errno of `errno_key` (a name or a number as text, which
 * wins) or of `ret_key`. */
static nd_err *read_action(struct reader *r, const struct json_at *o, const char *key,
	const char *errno_key, const char *ret_key, uint32_t *ret)
{
	_cleanup_free_ char *name = NULL, *errno_text = NULL;
	uint32_t number = EPERM;
	TRY(json_need_str(o, key, &name));
	TRY(json_get_str(o, errno_key, &errno_text));
	TRY(json_get_u32(o, ret_key, &number));
	bool given = json_has(o, ret_key) || (errno_text && *errno_text);
	int named;
	if (errno_text && *errno_text && !str_to_u32(errno_text, &number)) {
		if (!errno_number(errno_text, &named))
			return json_err(
				o, "%s '%s' is no errno name or number", errno_key, errno_text);
		number = (uint32_t)named;
	}
	if (number > ERRNO_MAX)
		return json_err(
			o, "%s %u is no errno; allowed are 0 to %d", ret_key, number, ERRNO_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!str_eq(actions[i].name, name))
			continue;
		if (given && number && !actions[i].has_errno)
			return json_err(o, "%s takes no errno", name);
		*ret = actions[i].action | (actions[i].has_errno ? number : 0);
		r->notify |= actions[i].action == SECCOMP_RET_USER_NOTIF;
		return NULL;
	}
	return json_err(o,
		"%s '%s' is unknown; allowed are SCMP_ACT_ALLOW, ERRNO, KILL, KILL_THREAD, "
		"KILL_PROCESS, TRAP, TRACE, LOG and NOTIFY",
		key, name);
}

static nd_err *add_arch(struct reader *r, const struct json_at *at)
{
	const char *name;
	TRY(json_str(at, &name));
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (!str_eq(arches[i].name, name))
			continue;
#if defined(__x86_64__)
		bool runs_here = arches[i].arch >= 0 && arches[i].arch != ARCH_AARCH64;
#else
		bool runs_here = arches[i].arch == ARCH_AARCH64;
#endif
		if (runs_here)
			sc_add_arch(&r->program, (enum syscall_arch)arches[i].arch);
		return NULL;
	}
	return json_err(at, "'%s' is no architecture; expected one as SCMP_ARCH_X86_64", name);
}

static nd_err *add_arch_list(struct reader *r, const struct json_at *o, const char *key)
{
	struct json_at list;
	TRY(json_get_arr(o, key, &list));
	for (size_t i = 0; i < json_arr_len(&list); i++) {
		struct json_at at = json_arr_at(&list, i);
		TRY(add_arch(r, &at));
	}
	return NULL;
}

static nd_err *read_arches(struct reader *r, const struct json_at *o)
{
	struct json_at map;
	TRY(add_arch_list(r, o, "architectures"));
	TRY(json_get_arr(o, "archMap", &map));
	for (size_t i = 0; i < json_arr_len(&map); i++) {
		struct json_at entry = json_arr_at(&map, i);
		_cleanup_free_ char *name = NULL;
		TRY(json_need_str(&entry, "architecture", &name));
		if (!str_eq(name, native_scmp))
			continue;
		sc_add_arch(&r->program,
			(enum syscall_arch)(
				str_eq(native_go, "amd64") ? ARCH_X86_64 : ARCH_AARCH64));
		TRY(add_arch_list(r, &entry, "subArchitectures"));
	}
	/* Nothing said: the machine's own only, as libseccomp starts out. */
	if (r->program.n_tables == 0)
		sc_add_arch(&r->program, str_eq(native_go, "amd64") ? ARCH_X86_64 : ARCH_AARCH64);
	return NULL;
}

static bool has_cap(const struct reader *r, const char *name)
{
	unsigned cap;
	return cap_number(name, &cap) && (r->cx->caps >> cap & 1);
}

static nd_err *kernel_at_least(const struct json_at *o, const char *wanted, bool *ret)
{
	unsigned want_major, want_minor, major = 0, minor = 0;
	struct utsname u;
	if (sscanf(wanted, "%u.%u", &want_major, &want_minor) != 2)
		return json_err(o, "minKernel '%s' is no version as 4.8", wanted);
	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		major = 0;
	*ret = major > want_major || (major == want_major && minor >= want_minor);
	return NULL;
}

/* Any listed capability or architecture counts for `excludes`; `includes` wants the
 * architecture among those listed and every capability. */
static nd_err *is_wanted(struct reader *r, const struct json_at *call, bool *ret)
{
	struct json_at in, out;
	_cleanup_strv_ struct strv in_arches = {0}, in_caps = {0}, out_arches = {0}, out_caps = {0};
	_cleanup_free_ char *in_kernel = NULL, *out_kernel = NULL;
	bool at_least = true;
	TRY(json_get_obj(call, "includes", &in));
	TRY(json_get_obj(call, "excludes", &out));
	TRY(json_get_strv(&in, "arches", &in_arches));
	TRY(json_get_strv(&in, "caps", &in_caps));
	TRY(json_get_str(&in, "minKernel", &in_kernel));
	TRY(json_get_strv(&out, "arches", &out_arches));
	TRY(json_get_strv(&out, "caps", &out_caps));
	TRY(json_get_str(&out, "minKernel", &out_kernel));
	*ret = false;
	if (strv_has(&out_arches, native_go) || (in_arches.n && !strv_has(&in_arches, native_go)))
		return NULL;
	for (size_t i = 0; i < out_caps.n; i++)
		if (has_cap(r, out_caps.v[i]))
			return NULL;
	for (size_t i = 0; i < in_caps.n; i++)
		if (!has_cap(r, in_caps.v[i]))
			return NULL;
	if (in_kernel && *in_kernel) {
		TRY(kernel_at_least(&in, in_kernel, &at_least));
		if (!at_least)
			return NULL;
	}
	if (out_kernel && *out_kernel) {
		TRY(kernel_at_least(&out, out_kernel, &at_least));
		if (at_least)
			return NULL;
	}
	*ret = true;
	return NULL;
}

static nd_err *read_cond(const struct json_at *o, struct sc_cond *ret)
{
	_cleanup_free_ char *op = NULL;
	uint32_t index = 0;
	if (!json_has(o, "index"))
		return json_err(o, "index is missing; allowed are 0 to %d", SC_ARGS - 1);
	TRY(json_get_u32(o, "index", &index));
	if (index >= SC_ARGS)
		return json_err(
			o, "index %u is no argument; allowed are 0 to %d", index, SC_ARGS - 1);
	if (!json_has(o, "value"))
		return json_err(o, "value is missing; a number is needed");
	*ret = (struct sc_cond){.arg = (uint8_t)index};
	TRY(json_get_u64(o, "value", &ret->value));
	TRY(json_get_u64(o, "valueTwo", &ret->value_two));
	TRY(json_need_str(o, "op", &op));
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		if (str_eq(ops[i], op)) {
			ret->op = (uint8_t)i;
			return NULL;
		}
	}
	return json_err(o,
		"op '%s' is unknown; allowed are SCMP_CMP_NE, LT, LE, EQ, GE, GT and MASKED_EQ",
		op);
}

struct conds {
	struct sc_cond v[32];
	size_t n;
	bool alternatives; /* one argument occurs twice: each condition is a rule of its own */
};

static nd_err *read_conds(const struct json_at *call, struct conds *ret)
{
	struct json_at list;
	unsigned seen = 0;
	TRY(json_get_arr(call, "args", &list));
	ret->n = json_arr_len(&list);
	if (ret->n > ARRAY_SIZE(ret->v))
		return json_err(&list, "has %zu conditions; at most %zu are allowed", ret->n,
			ARRAY_SIZE(ret->v));
	for (size_t i = 0; i < ret->n; i++) {
		struct json_at at = json_arr_at(&list, i);
		if (json_kind_of(&at) != JSON_OBJECT)
			return json_err(&at, "must be an object");
		TRY(read_cond(&at, &ret->v[i]));
		ret->alternatives |= (seen >> ret->v[i].arg & 1) != 0;
		seen |= 1u << ret->v[i].arg;
	}
	return NULL;
}

static nd_err *add_name(struct reader *r, const struct json_at *at, const char *name,
	uint32_t action, const struct conds *c)
{
	int row = syscall_row_of(name);
	if (row < 0) {
		if (r->cx->ignored && !strv_has(r->cx->ignored, name))
			strv_add(r->cx->ignored, name);
		return NULL;
	}
	/* The listener's descriptor is handed over by a write; a filter that asks the
	 * listener about it waits for ever. */
	if (action == SECCOMP_RET_USER_NOTIF &&
		(row == SYSCALL_ROW_write || row == SYSCALL_ROW_sendmsg))
		return json_err(at,
			"SCMP_ACT_NOTIFY cannot be used for %s, with which the "
			"listener is handed over",
			name);
	for (size_t i = 0; c->alternatives && i < c->n; i++)
		sc_add(&r->program, (unsigned)row, action, &c->v[i], 1);
	if (!c->alternatives)
		sc_add(&r->program, (unsigned)row, action, c->v, c->n);
	return NULL;
}

static nd_err *read_call(struct reader *r, const struct json_at *call)
{
	_cleanup_free_ char *name = NULL;
	struct json_at names;
	struct conds conds = {0};
	uint32_t action = 0;
	bool wanted = false;
	if (json_kind_of(call) != JSON_OBJECT)
		return json_err(call, "must be an object");
	TRY(json_get_str(call, "name", &name));
	TRY(json_get_arr(call, "names", &names));
	bool has_name = name && *name;
	if (has_name == (json_arr_len(&names) > 0))
		return json_err(call, has_name ? "name and names exclude each other"
					       : "names is missing or empty");
	TRY(is_wanted(r, call, &wanted));
	bool notify = r->notify;
	TRY(read_action(r, call, "action", "errno", "errnoRet", &action));
	TRY(read_conds(call, &conds));
	if (!wanted) {
		r->notify = notify;
		return NULL;
	}
	if (has_name)
		TRY(add_name(r, call, name, action, &conds));
	for (size_t i = 0; i < json_arr_len(&names); i++) {
		struct json_at at = json_arr_at(&names, i);
		const char *text;
		TRY(json_str(&at, &text));
		TRY(add_name(r, &at, text, action, &conds));
	}
	return NULL;
}

static nd_err *read_flags(const struct json_at *o, unsigned *ret)
{
	struct json_at list;
	TRY(json_get_arr(o, "flags", &list));
	/* Without a word about flags, no speculation barrier, as other runtimes do. */
	*ret = list.v ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	for (size_t i = 0; i < json_arr_len(&list); i++) {
		struct json_at at = json_arr_at(&list, i);
		const char *name;
		size_t k = 0;
		TRY(json_str(&at, &name));
		while (k < ARRAY_SIZE(flags) && !str_eq(flags[k].name, name))
			k++;
		if (k == ARRAY_SIZE(flags))
			return json_err(&at,
				"'%s' is unknown; allowed are SECCOMP_FILTER_FLAG_TSYNC, LOG, "
				"SPEC_ALLOW and WAIT_KILLABLE_RECV",
				name);
		*ret |= flags[k].flag;
	}
	return NULL;
}

static nd_err *read_profile(struct reader *r, const struct json_at *o, struct seccomp_filter *f)
{
	struct json_at calls;
	uint32_t action = 0;
	if (json_kind_of(o) != JSON_OBJECT)
		return json_err(o, "must be an object");
	TRY(read_action(r, o, "defaultAction", "defaultErrno", "defaultErrnoRet", &action));
	if (r->notify)
		return json_err(o, "SCMP_ACT_NOTIFY cannot be the default action: nothing would "
				   "run until the listener answers");
	r->program.default_action = r->program.leaves[0].action = action;
	r->program.enosys_for_newer = r->cx->enosys_for_newer;
	TRY(read_arches(r, o));
	TRY(json_get_arr(o, "syscalls", &calls));
	for (size_t i = 0; i < json_arr_len(&calls); i++) {
		struct json_at call = json_arr_at(&calls, i);
		TRY(read_call(r, &call));
	}
	TRY(read_flags(o, &f->flags));
	TRY(json_get_str(o, "listenerPath", &f->listener_path));
	TRY(json_get_str(o, "listenerMetadata", &f->listener_metadata));
	f->notify = r->notify;
	if (!f->notify)
		f->flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return sc_compile(&r->program, &f->insns, &f->n);
}

nd_err *seccomp_from_json(
	const struct json_at *at, const struct seccomp_context *cx, struct seccomp_filter **ret)
{
	struct reader r = {.cx = cx};
	struct seccomp_filter *f = mem_alloc(sizeof *f);
	sc_init(&r.program, 0);
	nd_err *e = read_profile(&r, at, f);
	sc_done(&r.program);
	if (e) {
		seccomp_filter_free(f);
		return e;
	}
	*ret = f;
	return NULL;
}

nd_err *seccomp_load_profile(
	int dir_fd, const char *path, const struct seccomp_context *cx, struct seccomp_filter **ret)
{
	_cleanup_json_ struct json_doc doc = {0};
	TRY(json_load(dir_fd, path, &doc));
	return seccomp_from_json(&doc.at, cx, ret);
}
