/* The options of `nidus run` as they were given, before they mean anything. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"

struct run_opts {
	/* life */
	bool interactive, tty, detach, rm, replace, best_effort, dry_run, json, no_sig_proxy;
	char *name, *restart, *stop_signal, *pidfile, *cidfile, *detach_keys;
	int64_t stop_timeout_s;
	bool has_stop_timeout;
	char *ready;
	int64_t ready_timeout_ms, deadline_ms;
	char *log_driver;
	struct strv log_opts, labels, annotations;
	char *health_cmd, *health_on_failure;
	bool no_health;
	int64_t health_interval_ms, health_timeout_ms, health_start_period_ms, health_retries;
	/* process */
	struct strv env, env_files, unset_env, group_add, ulimits, cap_add, cap_drop, security_opts;
	bool env_host, privileged, init, unset_env_all;
	char *workdir, *user, *entrypoint, *umask;
	bool has_entrypoint;
	int64_t oom_score_adj;
	bool has_oom_score_adj;
	/* files */
	struct strv volumes, mounts, tmpfs, devices, device_cgroup_rules;
	bool read_only, no_read_only_tmpfs;
	uint64_t shm_size;
	/* namespaces and network */
	char *userns, *uts, *ipc, *pid, *cgroupns, *network, *hostname, *ip, *mac;
	struct strv uidmaps, gidmaps, publish, add_hosts, dns, dns_search, dns_options, sysctls;
	bool no_hosts;
	char *tun; /* NULL: not asked; "": any name */
	/* limits */
	uint64_t memory, memory_reservation;
	char *memory_swap, *cpus, *cpuset_cpus, *cpuset_mems, *cgroup_parent;
	int64_t cpu_shares, cpu_quota, cpu_period, pids_limit;
	bool has_pids_limit;
	struct strv cgroup_conf;
};

enum { N_RUN_OPTS = 85 };
extern const struct opt run_opts[];
