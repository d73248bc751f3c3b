/* All trials, one a line: the functions that the table in facts.c names. */
#pragma once

struct fact_result;

/* userns.c */
void try_userns(struct fact_result *r);
void try_userns_nested(struct fact_result *r);
void try_userns_map_one(struct fact_result *r);
void try_userns_map_full(struct fact_result *r);
void try_userns_map_subids(struct fact_result *r);
void try_userns_setgroups(struct fact_result *r);

/* ns.c */
void try_ns_mnt(struct fact_result *r);
void try_ns_pid(struct fact_result *r);
void try_ns_net(struct fact_result *r);
void try_ns_ipc(struct fact_result *r);
void try_ns_uts(struct fact_result *r);
void try_ns_cgroup(struct fact_result *r);
void try_ns_time(struct fact_result *r);
void try_ns_mnt_userns(struct fact_result *r);
void try_ns_pid_userns(struct fact_result *r);
void try_ns_net_userns(struct fact_result *r);
void try_ns_ipc_userns(struct fact_result *r);
void try_ns_uts_userns(struct fact_result *r);
void try_ns_cgroup_userns(struct fact_result *r);
void try_ns_time_userns(struct fact_result *r);

/* mount.c */
void try_mount_tmpfs(struct fact_result *r);
void try_mount_bind(struct fact_result *r);
void try_mount_readonly(struct fact_result *r);
void try_mount_proc(struct fact_result *r);
void try_mount_sysfs(struct fact_result *r);
void try_mount_cgroup2(struct fact_result *r);
void try_mount_cgroup(struct fact_result *r);
void try_pivot_root(struct fact_result *r);

/* mountapi.c */
void try_open_tree(struct fact_result *r);
void try_move_mount(struct fact_result *r);
void try_mount_setattr(struct fact_result *r);
void try_fsopen(struct fact_result *r);
void try_mount_idmapped(struct fact_result *r);

/* overlay.c */
void try_mount_overlay(struct fact_result *r);
void try_mount_overlay_userxattr(struct fact_result *r);
void try_mount_overlay_stack(struct fact_result *r);
void try_mount_overlay_on_overlay(struct fact_result *r);

/* image.c */
void try_mount_erofs_file(struct fact_result *r);
void try_mount_loop(struct fact_result *r);

/* fuse.c */
void try_dev_fuse(struct fact_result *r);
void try_mount_fuse(struct fact_result *r);

/* sandbox.c, virt.c, kvm.c */
void try_sandbox(struct fact_result *r);
void try_virt_hypervisor(struct fact_result *r);
void try_virt_nested(struct fact_result *r);
void try_kvm_device(struct fact_result *r);
void try_kvm_vm(struct fact_result *r);
void try_kvm(struct fact_result *r);

/* seccomp.c */
void try_seccomp_filter(struct fact_result *r);
void try_seccomp_trace(struct fact_result *r);
void try_seccomp_notify(struct fact_result *r);
void try_seccomp_addfd(struct fact_result *r);

/* trace.c */
void try_ptrace(struct fact_result *r);
void try_ptrace_syscall_info(struct fact_result *r);
void try_process_vm_readv(struct fact_result *r);
void try_process_vm_writev(struct fact_result *r);

/* process.c */
void try_pidfd_open(struct fact_result *r);
void try_pidfd_send_signal(struct fact_result *r);
void try_pidfd_getfd(struct fact_result *r);
void try_clone3(struct fact_result *r);
void try_openat2(struct fact_result *r);

/* limits.c */
void try_rlimit_raise(struct fact_result *r);
void try_oom_score_adj(struct fact_result *r);
void try_mknod(struct fact_result *r);

/* procsys.c */
void try_proc_sys(struct fact_result *r);
void try_proc_sys_own(struct fact_result *r);
void try_proc_sys_bind(struct fact_result *r);
void try_proc_sys_overlay(struct fact_result *r);

/* capability.c */
void try_caps_effective(struct fact_result *r);
void try_caps_bounding(struct fact_result *r);
void try_caps_ambient(struct fact_result *r);
/* tun.c */
void try_tun_device(struct fact_result *r);
void try_tun_own(struct fact_result *r);
void try_tun_current(struct fact_result *r);

/* netdev.c, sockets.c */
void try_netlink(struct fact_result *r);
void try_net_admin(struct fact_result *r);
void try_veth(struct fact_result *r);
void try_bridge(struct fact_result *r);
void try_nft(struct fact_result *r);
void try_socket_packet(struct fact_result *r);
void try_socket_raw(struct fact_result *r);

/* vsock.c */
void try_vsock(struct fact_result *r);
void try_vsock_guests(struct fact_result *r);

/* lsm.c, keyring.c, uring.c, kmsg.c, entropy.c, disk.c */
void try_lsm(struct fact_result *r);
void try_no_new_privs(struct fact_result *r);
void try_keyring(struct fact_result *r);
void try_io_uring(struct fact_result *r);
void try_kmsg_read(struct fact_result *r);
void try_kmsg_write(struct fact_result *r);
void try_entropy(struct fact_result *r);
void try_reflink(struct fact_result *r);
void try_project_quota(struct fact_result *r);

/* cgroups.c */
void try_cgroup_version(struct fact_result *r);
void try_cgroup_create(struct fact_result *r);
void try_cgroup_delegate(struct fact_result *r);
void try_cgroup_cpu(struct fact_result *r);
void try_cgroup_cpuset(struct fact_result *r);
void try_cgroup_memory(struct fact_result *r);
void try_cgroup_io(struct fact_result *r);
void try_cgroup_hugetlb(struct fact_result *r);
void try_cgroup_pids(struct fact_result *r);
void try_cgroup_freezer(struct fact_result *r);
void try_cgroup_kill(struct fact_result *r);
void try_clone3_into_cgroup(struct fact_result *r);

/* cgdevices.c */
void try_cgroup_devices(struct fact_result *r);
