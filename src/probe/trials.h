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
