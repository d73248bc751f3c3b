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
