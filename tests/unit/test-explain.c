/* Causes on recorded surroundings: what /proc said in many environments, and the refusal
 * that was seen there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "base/cleanup.h"
#include "explain/explain.h"

#define ALL_CAPS    0x1ffffffffffULL
#define DOCKER_CAPS 0xa80425fbULL
#define UNKNOWN_SYSCTLS                                                                            \
	.max_user_namespaces = -1, .userns_clone = -1, .apparmor_restrict_userns = -1

static const struct surroundings host_root = {.caps = ALL_CAPS,
	.uid_map = "0 0 4294967295",
	.seccomp_mode = 0,
	.seccomp_filters = 0,
	.max_user_namespaces = 96365,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "ext4",
	.root_is_mount = true,
	.cgroup_there = true,
	.max_processes = 96365,
	.max_files = 1024,
	.has_newuidmap = true,
	.kernel = "6.1.0-40-amd64"};

static const struct surroundings debian_user = {.euid = 1000,
	.uid_map = "0 0 4294967295",
	.max_user_namespaces = 63231,
	.userns_clone = 1,
	.apparmor_restrict_userns = -1,
	.root_type = "ext4",
	.root_is_mount = true,
	.cgroup_there = true,
	.max_processes = 63231,
	.max_files = 1024,
	.kernel = "6.1.0-40-amd64"};

static const struct surroundings debian10_user = {.euid = 1000,
	.uid_map = "0 0 4294967295",
	.max_user_namespaces = 15000,
	.userns_clone = 0,
	.apparmor_restrict_userns = -1,
	.root_type = "ext4",
	.root_is_mount = true,
	.cgroup_there = true,
	.kernel = "4.19.0-27-amd64"};

static const struct surroundings rhel7_user = {.euid = 1000,
	.uid_map = "0 0 4294967295",
	.max_user_namespaces = 0,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "xfs",
	.root_is_mount = true,
	.cgroup_there = true,
	.lsm_label = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023",
	.kernel = "3.10.0-1160.el7.x86_64"};

static const struct surroundings ubuntu_user = {.euid = 1000,
	.uid_map = "0 0 4294967295",
	.max_user_namespaces = 62845,
	.userns_clone = 1,
	.apparmor_restrict_userns = 1,
	.root_type = "ext4",
	.root_is_mount = true,
	.cgroup_there = true,
	.has_newuidmap = true,
	.has_subids = true,
	.new_userns = true,
	.kernel = "6.8.0-45-generic"};

static const struct surroundings docker = {.caps = DOCKER_CAPS,
	.uid_map = "0 0 4294967295",
	.seccomp_mode = 2,
	.seccomp_filters = 1,
	.max_user_namespaces = 62845,
	.userns_clone = 1,
	.apparmor_restrict_userns = -1,
	.lsm_label = "docker-default (enforce)",
	.root_type = "overlay",
	.root_is_mount = true,
	.proc_mask = "/proc/bus",
	.sys_mask = "/sys/firmware",
	.proc_sys_readonly = true,
	.sys_readonly = true,
	.cgroup_there = true,
	.cgroup_readonly = true,
	.kernel = "5.15.0-119-generic"};

static const struct surroundings podman_rootless = {.caps = 0x800405fb,
	.in_userns = true,
	.uid_map = "0 1000 1",
	.seccomp_mode = 2,
	.seccomp_filters = 1,
	.max_user_namespaces = 62845,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "fuse-overlayfs",
	.root_is_mount = true,
	.proc_mask = "/proc/acpi",
	.sys_mask = "/sys/firmware",
	.proc_sys_readonly = true,
	.sys_readonly = true,
	.cgroup_there = true,
	.cgroup_readonly = true,
	.setgroups_denied = true,
	.kernel = "6.5.6-300.fc39.x86_64"};

static const struct surroundings kubernetes_privileged = {.caps = ALL_CAPS,
	.uid_map = "0 0 4294967295",
	.seccomp_mode = 0,
	.max_user_namespaces = 31000,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "overlay",
	.root_is_mount = true,
	.cgroup_there = true,
	.kernel = "5.10.220-209.869.amzn2.x86_64"};

static const struct surroundings unshare_ur = {.caps = ALL_CAPS,
	.in_userns = true,
	.uid_map = "0 1000 1",
	.setgroups_denied = true,
	.max_user_namespaces = 2147483647,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "ext4",
	.root_is_mount = true,
	.cgroup_there = true,
	.kernel = "6.1.0-40-amd64"};

static const struct surroundings unshare_unmapped = {.euid = 65534,
	.caps = ALL_CAPS,
	.in_userns = true,
	.max_user_namespaces = 2147483647,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "ext4",
	.root_is_mount = true,
	.kernel = "6.1.0-40-amd64"};

static const struct surroundings gvisor = {.caps = DOCKER_CAPS | 1ULL << CAP_SYS_ADMIN,
	.uid_map = "0 0 4294967295",
	.seccomp_filters = -1,
	UNKNOWN_SYSCTLS,
	.root_type = "9p",
	.root_is_mount = true,
	.cgroup_there = true,
	.is_gvisor = true,
	.kernel = "4.4.0"};

static const struct surroundings chroot_root = {.caps = ALL_CAPS,
	.uid_map = "0 0 4294967295",
	.max_user_namespaces = 96365,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_is_mount = false,
	.kernel = "6.1.0-40-amd64"};

static const struct surroundings initramfs = {.caps = ALL_CAPS,
	.uid_map = "0 0 4294967295",
	.max_user_namespaces = 7000,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "rootfs",
	.root_is_mount = true,
	.kernel = "6.12.0"};

static const struct surroundings no_resource_root = {.caps = ALL_CAPS & ~(1ULL << CAP_SYS_RESOURCE),
	.uid_map = "0 0 4294967295",
	.max_user_namespaces = 96365,
	.userns_clone = -1,
	.apparmor_restrict_userns = -1,
	.root_type = "ext4",
	.root_is_mount = true,
	.cgroup_there = true,
	.max_processes = 96365,
	.max_files = 20000,
	.kernel = "6.18.44"};

static const struct {
	const struct surroundings *place;
	bool new_userns;
	const char *op, *object;
	int errnum;
	const char *code;
	bool proved;
	const char *part; /* of the detail */
} cases[] = {
	/* Namespaces. */
	{&rhel7_user, true, "clone3", "new namespaces user,mnt,pid", ENOSPC, "userns-disabled",
		true, "user.max_user_namespaces is 0"},
	{&rhel7_user, true, "unshare(CLONE_NEWUSER)", "user", EUSERS, "userns-disabled", true,
		"is 0"},
	{&debian10_user, true, "clone3", "new namespaces user,mnt", EPERM, "userns-disabled", true,
		"unprivileged_userns_clone is 0"},
	{&debian_user, true, "clone3", "new namespaces user,mnt", ENOSPC, "userns-limit", false,
		"32 levels"},
	{&debian_user, false, "clone3", "new namespaces mnt,pid", EPERM,
		"namespaces-need-privilege", true, "no CAP_SYS_ADMIN"},
	{&ubuntu_user, true, "clone3", "new namespaces user,mnt", EACCES, "userns-blocked-by-lsm",
		false, "uid 1000"},
	{&ubuntu_user, true, "write", "/proc/12/uid_map (0 1000 1)", EPERM, "userns-blocked-by-lsm",
		false, "without rights in it"},
	{&ubuntu_user, true, "mount", "/ as private", EACCES, "userns-blocked-by-lsm", false,
		"without rights"},
	{&ubuntu_user, true, "sethostname", "web", EPERM, "userns-blocked-by-lsm", false, "rights"},
	{&docker, true, "clone3", "new namespaces user,mnt,pid", EPERM,
		"namespaces-blocked-by-seccomp", false, "(1)"},
	{&docker, false, "clone3", "new namespaces mnt,pid", EPERM, "namespaces-blocked-by-seccomp",
		false, "seccomp filter"},
	{&kubernetes_privileged, true, "clone3", "new namespaces user", ENOSPC, "userns-limit",
		false, "used up"},
	{&unshare_unmapped, true, "clone3", "new namespaces user,mnt", EPERM, "userns-id-unmapped",
		false, "no mapping"},
	{&chroot_root, true, "clone3", "new namespaces user,mnt", EPERM, "userns-in-chroot", false,
		"chroot"},
	{&gvisor, false, "clone3", "new namespaces mnt,cgroup", EINVAL, "namespace-absent", false,
		"gVisor"},
	{&host_root, false, "clone3", "new namespaces mnt,time", EINVAL, "namespace-absent", false,
		"6.1.0-40-amd64"},
	{&host_root, false, "clone3", "new namespaces mnt", EAGAIN, "process-limit", false,
		"RLIMIT_NPROC is 96365"},
	{&host_root, false, "clone3", "new namespaces mnt,net", ENOSPC, "namespace-limit", false,
		"/proc/sys/user"},
	/* Id maps. */
	{&debian_user, true, "write", "/proc/9/uid_map (0 100000 65536)", EPERM,
		"idmap-needs-subids", true, "uid 1000 has no range"},
	{&unshare_ur, true, "write", "/proc/9/uid_map (0 0 65536)", EPERM, "idmap-outside-parent",
		false, "its map is 0 1000 1"},
	{&host_root, true, "write", "/proc/9/gid_map (0 0 9,5 5 9)", EINVAL, "idmap-invalid", false,
		"overlap"},
	/* Mounts. */
	{&podman_rootless, true, "mount", "proc at /proc", EPERM, "proc-masked-around", false,
		"/proc/acpi"},
	{&podman_rootless, true, "mount", "sysfs at /sys", EPERM, "sys-masked-around", false,
		"/sys/firmware"},
	{&unshare_ur, false, "mount", "sysfs at /sys", EPERM, "sysfs-foreign-netns", false,
		"owns it"},
	{&unshare_ur, false, "mount", "proc at /proc (hidepid=2)", EPERM, "proc-foreign-pid", false,
		"pid namespace"},
	{&docker, false, "mount", "/ as private", EACCES, "mount-blocked-by-lsm", false,
		"docker-default (enforce)"},
	{&docker, false, "mount", "tmpfs on /dev", EPERM, "mount-needs-privilege", true,
		"no CAP_SYS_ADMIN"},
	{&kubernetes_privileged, false, "mount", "overlay (lowerdir=/a)", EINVAL,
		"overlay-on-overlay", false, "overlay itself"},
	{&debian10_user, true, "mount", "overlay (lowerdir=/a,userxattr)", EPERM, "overlay-userns",
		false, "this is 4.19.0-27-amd64"},
	{&host_root, false, "mount", "overlay (lowerdir=/a:/a/b)", ELOOP, "overlay-layers-overlap",
		false, "contains another"},
	{&host_root, false, "mount", "overlay (lowerdir=/a)", ENODEV, "overlay-absent", true,
		"no overlay"},
	{&gvisor, false, "mount", "overlay (lowerdir=/a)", EINVAL, "overlay-refused", false,
		"gVisor"},
	{&unshare_ur, false, "mount", "remount /x", EPERM, "mount-flags-locked", false, "nosuid"},
	{&chroot_root, false, "mount", "/ as private", EINVAL, "mount-in-chroot", false, "chroot"},
	{&host_root, false, "mount", "erofs at /x", ENODEV, "filesystem-absent", true,
		"no file system"},
	{&initramfs, false, "pivot_root", "to the container's root", EINVAL, "pivot-in-initramfs",
		true, "initial ram file system"},
	{&chroot_root, false, "pivot_root", "to the container's root", EINVAL, "pivot-in-chroot",
		true, "no mount point"},
	{&unshare_ur, false, "mknod", "/dev/null", EPERM, "mknod-denied", false, "user namespace"},
	{&docker, false, "write", "sysctl net.ipv4.ip_forward", EROFS, "sysctl-readonly", true,
		"read-only"},
	{&unshare_ur, false, "write", "sysctl kernel.panic", EACCES, "sysctl-denied", false,
		"no namespace"},
	/* Cgroups. */
	{&docker, false, "mkdir", "/sys/fs/cgroup/nidus", EROFS, "cgroup-readonly", true,
		"read-only"},
	{&debian_user, true, "mkdir", "/sys/fs/cgroup/user.slice/nidus", EACCES,
		"cgroup-not-delegated", false, "uid 1000"},
	{&unshare_ur, false, "write", "'9' to /sys/fs/cgroup/a/cgroup.procs", EACCES,
		"cgroup-not-delegated", false, "0 1000 1"},
	{&host_root, false, "write", "'+memory' to /sys/fs/cgroup/a/cgroup.subtree_control", EBUSY,
		"cgroup-has-processes", true, "processes of its own"},
	{&host_root, false, "write", "'+memory' to /sys/fs/cgroup/a/cgroup.subtree_control", ENOENT,
		"cgroup-no-controller", true, "cgroup.controllers"},
	{&chroot_root, false, "mkdir", "/sys/fs/cgroup/nidus", ENOENT, "cgroup-absent", true,
		"no cgroup file system"},
	/* The process. */
	{&no_resource_root, false, "setrlimit", "nofile=1048576:1048576", EPERM, "rlimit-denied",
		true, "CAP_SYS_RESOURCE"},
	{&unshare_ur, false, "setrlimit", "nofile=1048576:1048576", EPERM, "rlimit-denied", true,
		"first user namespace"},
	{&unshare_ur, true, "setresuid", "1000", EINVAL, "id-not-mapped", true, "no mapping"},
	{&unshare_ur, false, "setgroups", "2 groups", EPERM, "setgroups-denied", true, "denied"},
	{&docker, false, "capset", "permitted CAP_SYS_ADMIN", EPERM, "capability-missing", false,
		"not among"},
	{&docker, false, "seccomp", "with a filter of 9 instructions", EACCES,
		"seccomp-needs-privilege", true, "no_new_privs"},
	/* What ran out. */
	{&host_root, false, "socketpair", "to the child", EMFILE, "descriptor-limit", true,
		"1024 descriptors"},
	{&host_root, false, "mkdir", "/run/nidus/x", ENOSPC, "disk-full", true, "no room"},
	{&host_root, false, "open", "/var/lib/nidus/x", EROFS, "read-only", true, "read-only"},
};

static void test_recorded(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct surroundings s = *cases[i].place;
		s.new_userns = cases[i].new_userns;
		nd_err *e = err_wrap(
			err_sys(cases[i].errnum, cases[i].op, "%s", cases[i].object), "start");
		e = explain_err(e, &s);
		const char *code = err_find_code(e);
		if (!code || strcmp(code, cases[i].code) != 0)
			fail_msg("case %zu, %s %s: %s, not %s", i, cases[i].op, cases[i].object,
				code ? code : "nothing", cases[i].code);
		if (!strstr(e->detail, cases[i].part))
			fail_msg("case %zu: '%s' lacks '%s'", i, e->detail, cases[i].part);
		assert_int_equal(e->proved, cases[i].proved);
		assert_non_null(e->remedy);
		assert_null(strchr(e->detail, '{'));
		err_free(e);
	}
}

static void test_keeps_what_is_known(void **state)
{
	nd_err *e = err_remedy(err_code(err_sys(EPERM, "setrlimit", "x"), "mine"), "Do this.");
	e = explain_err(e, &no_resource_root);
	assert_string_equal(e->code, "mine");
	assert_string_equal(e->remedy, "Do this.");
	assert_null(e->detail);
	err_free(e);
	e = err_detail(err_code(err_sys(EACCES, "execve", "/x"), "exec-denied"), "Seen.");
	e = explain_err(err_wrap(e, "start"), &host_root);
	assert_string_equal(err_find_code(e), "exec-denied");
	assert_true(strncmp(e->detail, "Seen.; ", 7) == 0);
	err_free(e);
	assert_null(explain_err(NULL, &host_root));
	e = explain_err(err_invalid("no such option"), &host_root);
	assert_null(e->remedy);
	err_free(e);
}

static const struct explain_table *const all[] = {&explain_namespaces, &explain_mounts,
	&explain_cgroups, &explain_process, &explain_resources};

/* Every row says all of it, in one line, with facts that exist and sentences that end. */
static void test_rows(void **state)
{
	static const char *const facts[] = {"euid", "uid_map", "lsm_label", "proc_mask", "sys_mask",
		"root_type", "kernel", "max_processes", "max_files", "seccomp_filters"};
	for (size_t t = 0; t < ARRAY_SIZE(all); t++)
		for (size_t i = 0; i < all[t]->n; i++) {
			const struct explain_row *r = &all[t]->rows[i];
			assert_non_null(r->op);
			assert_non_null(r->code);
			assert_int_equal(
				strspn(r->code, "abcdefghijklmnopqrstuvwxyz-"), strlen(r->code));
			assert_true(strlen(r->code) < sizeof((struct err_wire *)0)->code);
			assert_true(r->remedy[strlen(r->remedy) - 1] == '.');
			assert_true(r->detail[strlen(r->detail) - 1] != '.');
			for (const char *p = r->detail; (p = strchr(p, '{')); p++) {
				bool known = false;
				for (size_t k = 0; k < ARRAY_SIZE(facts); k++)
					known |= strncmp(p + 1, facts[k], strlen(facts[k])) == 0 &&
						 p[1 + strlen(facts[k])] == '}';
				if (!known)
					fail_msg("%s", p);
			}
		}
}

static void test_surroundings(void **state)
{
	char mounts[] = "22 27 0:21 / / rw,relatime - overlay overlay rw\n"
			"30 22 0:22 / /proc rw,nosuid - proc proc rw\n"
			"31 30 0:23 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n"
			"32 30 0:22 /sys /proc/sys ro,nosuid - proc proc rw\n"
			"33 30 0:24 / /proc/acpi ro - tmpfs tmpfs ro\n"
			"34 22 0:25 / /sys ro - sysfs sysfs ro\n"
			"35 34 0:26 / /sys/firmware ro - tmpfs tmpfs ro\n"
			"36 34 0:27 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n";
	struct surroundings s = {0};
	surroundings_of_mounts(&s, mounts, sizeof mounts - 1);
	assert_string_equal(s.root_type, "overlay");
	assert_true(s.root_is_mount && s.proc_sys_readonly && s.sys_readonly);
	assert_true(s.cgroup_there && s.cgroup_readonly);
	assert_string_equal(s.proc_mask, "/proc/sys");
	assert_string_equal(s.sys_mask, "/sys/firmware");
	surroundings_of_status(&s, "Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n");
	assert_true(s.no_new_privs);
	assert_int_equal(s.seccomp_mode, 2);
	assert_int_equal(s.seccomp_filters, 3);
	surroundings_of_status(&s, "Name:\tgvisor");
	assert_int_equal(s.seccomp_mode, -1);
	/* Whatever this place is, reading it is safe and gives an id. */
	surroundings_read(&s);
	assert_false(s.new_userns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_keeps_what_is_known),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_surroundings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
