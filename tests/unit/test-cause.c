/* Tests of explain/cause.c: messages met in the wild and the cause that each stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "explain/cause.h"

static void expect(const struct cause_facts *f, const char *code, bool proved, const char *word)
{
	struct cause c = {0};
	bool found = cause_find(f, &c);
	if (!code) {
		if (found)
			fail_msg("'%s' is called %s", f->output, c.code);
		return;
	}
	if (!found)
		fail_msg("nothing is found in '%s'", f->output ? f->output : "(nothing)");
	assert_string_equal(c.code, code);
	assert_int_equal(c.proved, proved);
	if (word && !strstr(c.text, word))
		fail_msg("'%s' does not say '%s'", c.text, word);
	cause_done(&c);
}

static void says(const char *output, const char *code)
{
	expect(&(struct cause_facts){.output = output, .status = 1}, code, false, NULL);
}

static void the_first_incident(void **state)
{
	static const char output[] =
		"ioctl(TUNSETIFF): Operation not permitted\n"
		"ERROR: unable to configure virtual network port: unable to configure TUN/TAP "
		"device "
		"for TAP operation\n"
		"Waiting for IP (iteration 12900) | Network: not found | Interfaces:\n";
	struct cause_facts f = {.output = output,
		.status = -1,
		.user_ns = 4026532209,
		.net_ns = 4026531840,
		.net_owner_ns = 4026531837};
	expect(&f, "tun-not-permitted", true, "owned by user:[4026531837]");
	f.net_owner_ns = f.user_ns;
	f.has_capabilities = true;
	expect(&f, "tun-not-permitted", true, "CAP_NET_ADMIN");
	f.has_capabilities = false;
	expect(&f, "tun-not-permitted", false, "CAP_NET_ADMIN");
}

static void messages(void **state)
{
	says("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
		"address-in-use");
	says("OSError: [Errno 98] Address already in use", "address-in-use");
	says("write: No space left on device", "disk-full");
	says("inotify_add_watch: No space left on device", "inotify-limit");
	says("unable to join session keyring: unable to create session key: Disk quota exceeded",
		"keyring-quota");
	says("Failed to start ContainerManager: [open /proc/sys/kernel/keys/root_maxkeys: no such "
	     "file "
	     "or directory]",
		"proc-sys-missing");
	says("touch: cannot touch '/x': Read-only file system", "read-only");
	says("accept4() failed (24: Too many open files)", "descriptors");
	says("sh: 1: Cannot fork: Resource temporarily unavailable", "pids-limit");
	says("runtime: failed to create new OS thread (have 5 already; errno=11)", "pids-limit");
	says("exec /app: exec format error", "wrong-architecture");
	says("E: setgroups 65534 failed - setgroups (1: Operation not permitted)", "one-id-mapped");
	says("chown: changing ownership of '/data': Operation not permitted", "one-id-mapped");
	says("mount: /mnt: must be superuser to use mount.", "mount-not-permitted");
	says("iptables v1.8.9: can't initialize iptables table `nat': Permission denied (you must "
	     "be "
	     "root)",
		"net-admin");
	says("unshare: unshare failed: Operation not permitted", "namespace-not-permitted");
	says("fuse: device not found, try 'modprobe fuse' first", "fuse-no-device");
	says("bind to port 80: Permission denied", "privileged-port");
	says("FATAL:  role \"postgres\" does not exist", "database-starting");
	says("curl: (6) Could not resolve host: example.org", "name-resolution");
	says("connect: Network is unreachable", "no-route");
	says("./a: error while loading shared libraries: libx.so.1: cannot open shared object file",
		"library-missing");
	says("sh: 1: nonesuch: not found", "program-missing");
	says("Bad file descriptor - epoll_wait (Errno::EBADF)", "stale-errno");
	says("setting: Operation not permitted", "not-permitted");
	says("open /x: Permission denied", "permission-denied");
	says("all is well", NULL);
	says("", NULL);
}

static void facts_alone(void **state)
{
	expect(&(struct cause_facts){.status = 137, .oom_killed = true, .memory_limit = 2097152},
		"oom-killed", true, "2097152");
	expect(&(struct cause_facts){.status = 137}, "signal-kill", false, NULL);
	expect(&(struct cause_facts){.status = 139}, "signal-segv", true, NULL);
	expect(&(struct cause_facts){.status = 132}, "signal-ill", true, NULL);
	expect(&(struct cause_facts){.status = 159}, "signal-sigsys", true, NULL);
	expect(&(struct cause_facts){.status = 3}, NULL, false, NULL);
	expect(&(struct cause_facts){.status = -1,
		       .last_answer = "connect to 127.0.0.1 port 80: Connection refused"},
		"nobody-listens", true, NULL);
	expect(&(struct cause_facts){.output = "x: Read-only file system", .readonly_root = true},
		"read-only", true, NULL);
}

/* The harmless must not be taken for the cause, nor a flood hide it. */
static void the_particular_wins(void **state)
{
	says("open /a: Permission denied\nbind: Address already in use\nopen /b: Permission denied",
		"address-in-use");
	struct cause c = {0};
	struct cause_facts f = {.output = "a: Permission denied\nb: Permission denied\nok\n"};
	assert_true(cause_find(&f, &c));
	assert_string_equal(c.evidence, "b: Permission denied");
	cause_done(&c);
	says("found more than one filter (2) attached to a cgroup -- removing extra filters!",
		NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_incident),
		cmocka_unit_test(messages),
		cmocka_unit_test(facts_alone),
		cmocka_unit_test(the_particular_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
