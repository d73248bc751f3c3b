/* Tests of probe/sandbox.c and of the signatures in probe/virt.c, on signs as they were
 * seen in the places named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probe/sandbox.h"
#include "probe/virt.h"

static void check(const struct sandbox_signs *s, const char *expected)
{
	char text[96];
	sandbox_text(s, text, sizeof text);
	assert_string_equal(text, expected);
}

static void machines(void **state)
{
	check(&(struct sandbox_signs){.hypervisor = "none", .root_fstype = "ext4"}, "bare machine");
	check(&(struct sandbox_signs){.hypervisor = "kvm", .root_fstype = "ext4"}, "VM (kvm)");
	/* Where nothing could be read. */
	check(&(struct sandbox_signs){.hypervisor = "none"}, "bare machine");
}

static void leftover_file_is_no_container(void **state)
{
	check(&(struct sandbox_signs){.hypervisor = "firecracker",
		      .root_fstype = "ext4",
		      .manager = "docker",
		      .manager_sign = "/.dockerenv",
		      .manager_file = true},
		"VM (firecracker)");
}

static void containers(void **state)
{
	check(&(struct sandbox_signs){.hypervisor = "none",
		      .root_fstype = "overlay",
		      .manager = "docker",
		      .manager_file = true,
		      .own_pidns = true},
		"container (docker)");
	check(&(struct sandbox_signs){.hypervisor = "kvm",
		      .manager = "podman",
		      .own_pidns = true,
		      .own_userns = true},
		"container (podman) in a user namespace in a VM (kvm)");
	/* With the host's pid namespace the cgroup still tells. */
	check(&(struct sandbox_signs){.hypervisor = "none", .manager = "kubernetes"},
		"container (kubernetes)");
	check(&(struct sandbox_signs){.hypervisor = "none", .own_pidns = true}, "container");
	check(&(struct sandbox_signs){.hypervisor = "none", .own_userns = true}, "user namespace");
}

static void gvisor(void **state)
{
	check(&(struct sandbox_signs){.hypervisor = "kvm", .log_gvisor = true, .manager = "docker"},
		"gVisor in a VM (kvm)");
	check(
		&(struct sandbox_signs){
			.hypervisor = "none", .version_4_4_0 = true, .newer_than_version = true},
		"gVisor");
	/* A real 4.4.0 kernel, or a container that hides some of /proc. */
	check(&(struct sandbox_signs){.hypervisor = "none", .version_4_4_0 = true}, "bare machine");
	check(
		&(struct sandbox_signs){
			.hypervisor = "none", .no_kernel_threads = true, .own_pidns = true},
		"container");
}

static void cgroup_paths(void **state)
{
	assert_string_equal(sandbox_cgroup_manager(
				    "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-1"),
		"kubernetes");
	assert_string_equal(
		sandbox_cgroup_manager("9:pids:/docker/0123abc\n0::/system.slice\n"), "docker");
	assert_string_equal(sandbox_cgroup_manager("0::/user.slice/libpod-1.scope"), "podman");
	assert_null(sandbox_cgroup_manager("0::/user.slice/user-1000.slice/session-2.scope"));
	assert_null(sandbox_cgroup_manager(""));
}

static void root_types(void **state)
{
	char type[16] = "";
	assert_true(sandbox_root_fstype(
		"21 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
		"28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
		"90 28 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a - b\n"
		"91 90 0:51 / /tmp rw - tmpfs tmpfs rw\n",
		type, sizeof type));
	assert_string_equal(type, "overlay");
	assert_false(sandbox_root_fstype("", type, sizeof type));
	assert_false(sandbox_root_fstype("28 1 254:0 / / rw", type, sizeof type));
	assert_false(sandbox_root_fstype("junk\n\n - \n", type, sizeof type));
}

static void signatures(void **state)
{
	assert_string_equal(virt_signature_name("KVMKVMKVM\0\0"), "kvm");
	assert_string_equal(virt_signature_name("Microsoft Hv"), "hyper-v");
	assert_string_equal(virt_signature_name("TCGTCGTCGTCG"), "tcg");
	assert_null(virt_signature_name("KVMKVMKVMxyz"));
	assert_null(virt_signature_name("\0\0\0\0\0\0\0\0\0\0\0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines),
		cmocka_unit_test(leftover_file_is_no_container),
		cmocka_unit_test(containers),
		cmocka_unit_test(gvisor),
		cmocka_unit_test(cgroup_paths),
		cmocka_unit_test(root_types),
		cmocka_unit_test(signatures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
