/* Reading profiles: both formats, and one clear line for each way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>

#include "bpf-run.h"
#include "container/seccomp.h"

#define FAIL(e) (SECCOMP_RET_ERRNO | (e))

static nd_err *load(const char *json, const struct seccomp_context *cx, struct seccomp_filter **ret)
{
	_cleanup_json_ struct json_doc doc = {0};
	nd_err *e = json_parse("p.json", json, strlen(json), &doc);
	return e ? e : seccomp_from_json(&doc.at, cx, ret);
}

static uint32_t call(const struct seccomp_filter *f, uint32_t arch, int nr, uint64_t a0)
{
	struct seccomp_data d = {.arch = arch, .nr = nr, .args = {a0}};
	return bpf_run(f->insns, f->n, &d, NULL);
}

static uint32_t native(const struct seccomp_filter *f, int nr, uint64_t a0)
{
	return call(f, AUDIT_ARCH_X86_64, nr, a0);
}

static void test_oci(void **state)
{
	static const char json[] =
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\","
		"\"SECCOMP_FILTER_FLAG_TSYNC\"],\"listenerPath\":\"/l\",\"listenerMetadata\":\"m\","
		"\"unknown\":{},\"syscalls\":["
		"{\"names\":[\"chmod\",\"no_such\"],\"action\":\"SCMP_ACT_ERRNO\"},"
		"{\"names\":[\"chown\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"
		"{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"},"
		"{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
		"{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_EQ\"},"
		"{\"index\":0,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]}]}";
	_cleanup_strv_ struct strv ignored = {0};
	struct seccomp_context cx = {.enosys_for_newer = true, .ignored = &ignored};
	_cleanup_seccomp_ struct seccomp_filter *f = NULL;
	assert_null(load(json, &cx, &f));
	assert_true(bpf_valid(f->insns, f->n));
	assert_int_equal(f->flags, SECCOMP_FILTER_FLAG_LOG);
	assert_true(f->notify);
	assert_string_equal(f->listener_path, "/l");
	assert_string_equal(f->listener_metadata, "m");
	assert_int_equal(ignored.n, 1);
	assert_string_equal(ignored.v[0], "no_such");
	assert_int_equal(native(f, SYS_chmod, 0), FAIL(EPERM));
	assert_int_equal(native(f, SYS_chown, 0), FAIL(ENOSYS));
	assert_int_equal(native(f, SYS_mkdir, 0), SECCOMP_RET_USER_NOTIF);
	/* One argument twice: either. */
	assert_int_equal(native(f, SYS_kill, 5), FAIL(EPERM));
	assert_int_equal(native(f, SYS_kill, 7), FAIL(EPERM));
	assert_int_equal(native(f, SYS_kill, 6), SECCOMP_RET_ALLOW);
	assert_int_equal(native(f, 600, 0), SECCOMP_RET_ALLOW);
	/* No architectures: the native one alone. */
	assert_int_equal(call(f, AUDIT_ARCH_I386, 15, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(native(f, 0x40000000, 0), SECCOMP_RET_KILL_THREAD);
}

static void test_podman(void **state)
{
	static const char json[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrno\":\"EACCES\","
		"\"defaultErrnoRet\":1,\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
		"\"subArchitectures\":[\"SCMP_ARCH_X86\"]},{\"architecture\":\"SCMP_ARCH_S390X\","
		"\"subArchitectures\":[\"SCMP_ARCH_S390\"]}],\"syscalls\":["
		"{\"name\":\"read\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":null},"
		"{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":"
		"[\"CAP_SYS_ADMIN\",\"CAP_BPF\"]}},"
		"{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ERRNO\",\"errno\":\"ENOSYS\","
		"\"errnoRet\":1,\"excludes\":{\"caps\":[\"CAP_BPF\",\"CAP_NEW_ONE\"]}},"
		"{\"names\":[\"iopl\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":"
		"[\"s390x\"]}},"
		"{\"names\":[\"acct\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"3.2\"}},"
		"{\"names\":[\"swapon\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"99.0\"}}]}";
	struct seccomp_context with = {.caps = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_BPF};
	struct seccomp_context without = {.caps = 1ULL << CAP_SYS_ADMIN, .enosys_for_newer = true};
	_cleanup_seccomp_ struct seccomp_filter *f = NULL, *g = NULL;
	assert_null(load(json, &with, &f));
	assert_null(load(json, &without, &g));
	assert_int_equal(native(f, SYS_read, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(call(f, AUDIT_ARCH_I386, 3, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(native(f, SYS_bpf, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(native(g, SYS_bpf, 0), FAIL(ENOSYS));
	assert_int_equal(native(f, SYS_iopl, 0), FAIL(EACCES));
	assert_int_equal(native(f, SYS_acct, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(native(f, SYS_swapon, 0), FAIL(EACCES));
	assert_int_equal(native(f, 600, 0), FAIL(EACCES));
	/* Newer than bpf, the newest that is named: absent rather than forbidden. */
	assert_int_equal(native(g, 600, 0), FAIL(ENOSYS));
	assert_int_equal(native(g, SYS_write, 0), FAIL(EACCES));
	assert_false(f->notify);
	assert_int_equal(f->flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
}

#define CALLS(text) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" text "]}"
#define ARGS(text)  CALLS("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[" text "]}")

static void test_errors(void **state)
{
	static const struct {
		const char *json, *part;
	} bad[] = {
		{"[]", "p.json: $: must be an object"},
		{"{}", ".defaultAction: is missing"},
		{"{\"defaultAction\":\"ALLOW\"}", "'ALLOW' is unknown; allowed are SCMP_ACT_ALLOW"},
		{"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "cannot be the default action"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":5}", "takes no errno"},
		{"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrno\":\"EWHAT\"}", "'EWHAT'"},
		{"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}", "0 to 4095"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"amd64\"]}",
			".architectures[0]: 'amd64' is no architecture"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"LOG\"]}", ".flags[0]: 'LOG'"},
		{CALLS("5"), ".syscalls[0]: must be an object"},
		{CALLS("{\"action\":\"SCMP_ACT_KILL\"}"), "names is missing or empty"},
		{CALLS("{\"name\":\"a\",\"names\":[\"b\"],\"action\":\"SCMP_ACT_KILL\"}"),
			"exclude"},
		{CALLS("{\"names\":[\"read\"]}"), ".syscalls[0].action: is missing"},
		{CALLS("{\"names\":[7],\"action\":\"SCMP_ACT_KILL\"}"),
			".syscalls[0].names[0]: must be a string"},
		{CALLS("{\"names\":[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}"), "for write"},
		{CALLS("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_KILL\",\"errnoRet\":2}"),
			"SCMP_ACT_KILL takes no errno"},
		{ARGS("{\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"), ".args[0]: index is missing"},
		{ARGS("{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"), "allowed are 0 to 5"},
		{ARGS("{\"index\":-1,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"), "not be negative"},
		{ARGS("{\"index\":0,\"op\":\"SCMP_CMP_EQ\"}"), "value is missing"},
		{ARGS("{\"index\":0,\"value\":1}"), ".op: is missing"},
		{ARGS("{\"index\":0,\"value\":1,\"op\":\"EQ\"}"), "'EQ' is unknown"},
		{ARGS("3"), ".args[0]: must be an object"},
	};
	struct seccomp_context cx = {0};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct seccomp_filter *f = NULL;
		_cleanup_err_ nd_err *e = load(bad[i].json, &cx, &f);
		assert_null(f);
		assert_non_null(e);
		_cleanup_free_ char *line = err_line(e);
		if (!strstr(line, bad[i].part))
			fail_msg("%s\n  lacks: %s", line, bad[i].part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oci),
		cmocka_unit_test(test_podman),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
