/* The option table of `nidus run`.  Names and meanings are podman's where podman has
 * them; help, man page and completion are made from these rows. */
#include "cli/run_opts.h"

#define AT(field) offsetof(struct run_opts, field)

/* A number whose presence matters, zero included. */
static nd_err *int_with_flag(int64_t *to, bool *has, const struct opt *o, const char *value)
{
	if (!str_to_i64(value, to))
		return err_invalid("--%s: '%s' is not a whole number", o->name, value);
	*has = true;
	return NULL;
}

static nd_err *parse_stop_timeout(void *target, const struct opt *o, const char *value)
{
	struct run_opts *r = target;
	return int_with_flag(&r->stop_timeout_s, &r->has_stop_timeout, o, value);
}

static nd_err *parse_oom_score(void *target, const struct opt *o, const char *value)
{
	struct run_opts *r = target;
	TRY(int_with_flag(&r->oom_score_adj, &r->has_oom_score_adj, o, value));
	if (r->oom_score_adj < -1000 || r->oom_score_adj > 1000)
		return err_invalid("--%s: '%s' is not between -1000 and 1000", o->name, value);
	return NULL;
}

static nd_err *parse_pids_limit(void *target, const struct opt *o, const char *value)
{
	struct run_opts *r = target;
	TRY(int_with_flag(&r->pids_limit, &r->has_pids_limit, o, value));
	if (r->pids_limit < -1)
		return err_invalid("--%s: '%s' is not a number of processes (-1 or 0: no limit)",
			o->name, value);
	return NULL;
}

static nd_err *parse_entrypoint(void *target, const struct opt *o, const char *value)
{
	struct run_opts *r = target;
	free(r->entrypoint);
	r->entrypoint = str_dup(value);
	r->has_entrypoint = true;
	return NULL;
}

#define FLAG(n, l, f, h)                                                                           \
	{                                                                                          \
		.name = n, .letter = l, .kind = OPT_FLAG, .offset = AT(f), .help = h               \
	}
#define TEXT(n, l, f, a, h)                                                                        \
	{                                                                                          \
		.name = n, .letter = l, .kind = OPT_STR, .offset = AT(f), .arg = a, .help = h      \
	}
#define LIST(n, l, f, a, h)                                                                        \
	{                                                                                          \
		.name = n, .letter = l, .kind = OPT_STRV, .offset = AT(f), .arg = a, .help = h     \
	}
#define SIZE(n, l, f, a, h)                                                                        \
	{                                                                                          \
		.name = n, .letter = l, .kind = OPT_BYTES, .offset = AT(f), .arg = a, .help = h    \
	}
#define TIME(n, f, h)                                                                              \
	{                                                                                          \
		.name = n, .kind = OPT_MS, .offset = AT(f), .arg = "TIME", .help = h               \
	}
#define NUMBER(n, f, h)                                                                            \
	{                                                                                          \
		.name = n, .kind = OPT_INT, .offset = AT(f), .arg = "N", .help = h                 \
	}

const struct opt run_opts[] = {
	{.name = "interactive",
		.letter = 'i',
		.kind = OPT_FLAG,
		.offset = AT(interactive),
		.group = "Life",
		.help = "keep standard input open"},
	FLAG("tty", 't', tty, "give the workload a terminal"),
	FLAG("detach", 'd', detach, "return when the workload is ready, and print its id"),
	FLAG("rm", 0, rm, "remove the run when it ends"),
	TEXT("name", 0, name, "NAME", "name of the run"),
	FLAG("replace", 0, replace, "remove a run of the same name first"),
	{.name = "restart",
		.kind = OPT_STR,
		.offset = AT(restart),
		.arg = "POLICY",
		.help = "no, on-failure[:N], always or unless-stopped",
		.more = "Restarts wait 100 ms at first and twice as long each time, up to a "
			"minute; "
			"after N of them the run ends with a report."},
	TEXT("stop-signal", 0, stop_signal, "SIGNAL",
		"signal that asks the workload to end (TERM)"),
	{.name = "stop-timeout",
		.kind = OPT_CALL,
		.arg = "SECONDS",
		.parse = parse_stop_timeout,
		.help = "time between the stop signal and KILL (10)"},
	TEXT("pidfile", 0, pidfile, "FILE", "write the workload's pid to FILE"),
	TEXT("cidfile", 0, cidfile, "FILE", "write the run's id to FILE"),
	TEXT("detach-keys", 0, detach_keys, "KEYS",
		"keys that leave the workload running (ctrl-p,ctrl-q)"),
	LIST("label", 'l', labels, "KEY=VALUE", "label of the run"),
	LIST("annotation", 0, annotations, "KEY=VALUE", "annotation of the run"),
	FLAG("best-effort", 0, best_effort,
		"take weaker promises where the place allows no better, with a warning"),
	FLAG("dry-run", 0, dry_run, "print the plan and start nothing"),
	FLAG("json", 0, json, "print the plan, or the report of a failure, as JSON"),

	{.name = "ready",
		.kind = OPT_STR,
		.offset = AT(ready),
		.arg = "CHECK",
		.group = "Readiness and deadlines",
		.help = "when the workload is ready: CMD, tcp:PORT, http://HOST:PORT/PATH, fd:N, "
			"notify, log:REGEX",
		.more = "CMD is run in the container until it exits with 0. tcp and http are asked "
			"from "
			"inside the container's network. fd:N waits for a line on descriptor N, "
			"notify for "
			"READY=1 on $NOTIFY_SOCKET, log for a line of output that matches."},
	{.name = "ready-timeout",
		.kind = OPT_MS,
		.offset = AT(ready_timeout_ms),
		.arg = "TIME",
		.help = "how long to wait for --ready (60s)",
		.more = "When it passes, every process of the run is ended, the last output and "
			"what was "
			"waited for are reported, and the exit status is 124."},
	TIME("deadline", deadline_ms, "end the run after TIME, with exit status 124"),
	TEXT("health-cmd", 0, health_cmd, "CMD", "check the workload's health with CMD"),
	TIME("health-interval", health_interval_ms, "time between checks (30s)"),
	TIME("health-timeout", health_timeout_ms, "time that a check may take (30s)"),
	TIME("health-start-period", health_start_period_ms, "time in which failures do not count"),
	NUMBER("health-retries", health_retries, "failures that make it unhealthy (3)"),
	{.name = "health-on-failure",
		.kind = OPT_STR,
		.offset = AT(health_on_failure),
		.arg = "ACTION",
		.choices = "none|kill|restart|stop",
		.help = "what to do with an unhealthy workload"},
	FLAG("no-healthcheck", 0, no_health, "ignore the image's health check"),
	{.name = "log-driver",
		.kind = OPT_STR,
		.offset = AT(log_driver),
		.arg = "DRIVER",
		.choices = "k8s-file|json-file|none|passthrough",
		.help = "how output is kept"},
	LIST("log-opt", 0, log_opts, "KEY=VALUE", "max-size=SIZE, max-file=N"),

	{.name = "env",
		.letter = 'e',
		.kind = OPT_STRV,
		.offset = AT(env),
		.arg = "NAME[=VALUE]",
		.group = "Process",
		.help = "set an environment variable"},
	LIST("env-file", 0, env_files, "FILE", "read environment variables from FILE"),
	FLAG("env-host", 0, env_host, "pass the whole environment of nidus"),
	LIST("unsetenv", 0, unset_env, "NAME", "remove a variable that the image sets"),
	FLAG("unsetenv-all", 0, unset_env_all, "remove every variable that the image sets"),
	TEXT("workdir", 'w', workdir, "DIR", "working directory"),
	TEXT("user", 'u', user, "USER[:GROUP]", "user and group, by name or number"),
	LIST("group-add", 0, group_add, "GROUP", "supplementary group"),
	TEXT("umask", 0, umask, "MASK", "file mode mask, octal (0022)"),
	{.name = "entrypoint",
		.kind = OPT_CALL,
		.arg = "CMD",
		.parse = parse_entrypoint,
		.help = "replace the image's entry point; \"\" for none"},
	FLAG("init", 0, init, "run nidus-init as PID 1: it passes signals on and reaps"),
	LIST("ulimit", 0, ulimits, "NAME=SOFT[:HARD]", "resource limit, as nofile=1024:4096"),
	{.name = "oom-score-adj",
		.kind = OPT_CALL,
		.arg = "N",
		.parse = parse_oom_score,
		.help = "-1000 to 1000: who is killed first when memory runs out"},

	{.name = "cap-add",
		.kind = OPT_STRV,
		.offset = AT(cap_add),
		.arg = "CAP",
		.group = "Privilege",
		.help = "add a capability, or ALL"},
	LIST("cap-drop", 0, cap_drop, "CAP", "drop a capability, or ALL"),
	FLAG("privileged", 0, privileged,
		"all capabilities and devices, nothing masked, no seccomp filter"),
	LIST("security-opt", 0, security_opts, "OPT",
		"no-new-privileges, seccomp=FILE|unconfined, apparmor=, label=, mask=, "
		"unmask=ALL|PATH"),

	{.name = "volume",
		.letter = 'v',
		.kind = OPT_STRV,
		.offset = AT(volumes),
		.arg = "[SRC:]DST[:OPTS]",
		.group = "Files",
		.help = "bind a directory, file or named volume"},
	LIST("mount", 0, mounts, "type=TYPE,...", "attach a bind, volume or tmpfs mount"),
	LIST("tmpfs", 0, tmpfs, "DIR[:OPTS]", "mount a tmpfs"),
	FLAG("read-only", 0, read_only, "make the root read-only"),
	LIST("device", 0, devices, "SRC[:DST[:rwm]]", "give the workload a device of the host"),
	LIST("device-cgroup-rule", 0, device_cgroup_rules, "'TYPE MAJOR:MINOR rwm'",
		"allow more devices to be used"),
	SIZE("shm-size", 0, shm_size, "SIZE", "size of /dev/shm (64m)"),

	{.name = "network",
		.kind = OPT_STR,
		.offset = AT(network),
		.arg = "MODE",
		.group = "Network",
		.help = "host, none, bridge, user, container:RUN or ns:PATH",
		.more = "bridge is a bridge with NAT and wants root; user is pasta or slirp4netns "
			"and "
			"works for everyone. The default is bridge for root and user for others."},
	{.name = "net",
		.kind = OPT_STR,
		.offset = AT(network),
		.arg = "MODE",
		.help = "same as --network"},
	LIST("publish", 'p', publish, "[IP:][PORT:]PORT[/PROTO]",
		"publish a port of the container"),
	{.name = "hostname",
		.letter = 'h',
		.kind = OPT_STR,
		.offset = AT(hostname),
		.arg = "NAME",
		.help = "host name of the container"},
	LIST("add-host", 0, add_hosts, "NAME:IP", "line for /etc/hosts"),
	LIST("dns", 0, dns, "IP", "name server"),
	LIST("dns-search", 0, dns_search, "DOMAIN", "domain to search"),
	LIST("dns-option", 0, dns_options, "OPT", "option for resolv.conf"),
	TEXT("ip", 0, ip, "IP", "address on the bridge"),
	TEXT("mac-address", 0, mac, "MAC", "hardware address on the bridge"),
	FLAG("no-hosts", 0, no_hosts, "leave the image's /etc/hosts alone"),
	{.name = "tun",
		.kind = OPT_STR,
		.offset = AT(tun),
		.arg = "NAME",
		.optional = true,
		.help = "give the workload /dev/net/tun and rehearse a TUN interface before it "
			"starts",
		.more = "TUNSETIFF wants CAP_NET_ADMIN in the user namespace that owns the network "
			"namespace. nidus tries it as the workload, in the workload's namespaces, "
			"and "
			"refuses with the cause when it would fail."},

	{.name = "userns",
		.kind = OPT_STR,
		.offset = AT(userns),
		.arg = "MODE",
		.group = "Namespaces",
		.help = "host, private, one, keep-id, auto, nomap, container:RUN or ns:PATH",
		.more = "private maps all ids that can be mapped, one only the caller's, keep-id "
			"makes the "
			"caller the same user inside."},
	LIST("uidmap", 0, uidmaps, "IN:OUT:COUNT", "map user ids (implies --userns private)"),
	LIST("gidmap", 0, gidmaps, "IN:OUT:COUNT", "map group ids"),
	TEXT("uts", 0, uts, "MODE", "private, host, container:RUN or ns:PATH"),
	TEXT("ipc", 0, ipc, "MODE", "private, host, container:RUN or ns:PATH"),
	TEXT("pid", 0, pid, "MODE", "private, host, container:RUN or ns:PATH"),
	TEXT("cgroupns", 0, cgroupns, "MODE", "private, host, container:RUN or ns:PATH"),
	LIST("sysctl", 0, sysctls, "NAME=VALUE", "kernel parameter of the container's namespaces"),

	{.name = "memory",
		.letter = 'm',
		.kind = OPT_BYTES,
		.offset = AT(memory),
		.arg = "SIZE",
		.group = "Limits",
		.help = "memory",
		.more = "A limit that cannot be enforced here is an error unless --best-effort."},
	TEXT("memory-swap", 0, memory_swap, "SIZE", "memory and swap together; -1: unlimited"),
	SIZE("memory-reservation", 0, memory_reservation, "SIZE",
		"memory that is kept under pressure"),
	TEXT("cpus", 0, cpus, "N", "processors, as 1.5"),
	TEXT("cpuset-cpus", 0, cpuset_cpus, "LIST", "processors to run on, as 0-2,4"),
	TEXT("cpuset-mems", 0, cpuset_mems, "LIST", "memory nodes"),
	NUMBER("cpu-shares", cpu_shares, "weight among others (1024)"),
	NUMBER("cpu-quota", cpu_quota, "microseconds of processor time a period"),
	NUMBER("cpu-period", cpu_period, "microseconds of a period (100000)"),
	{.name = "pids-limit",
		.kind = OPT_CALL,
		.arg = "N",
		.parse = parse_pids_limit,
		.help = "processes and threads (2048; -1: no limit)"},
	LIST("cgroup-conf", 0, cgroup_conf, "FILE=VALUE", "write a cgroup v2 file"),
	TEXT("cgroup-parent", 0, cgroup_parent, "NAME", "make the cgroup in NAME, beneath our own"),
};
_Static_assert(ARRAY_SIZE(run_opts) == N_RUN_OPTS, "N_RUN_OPTS in run_opts.h counts these rows");
