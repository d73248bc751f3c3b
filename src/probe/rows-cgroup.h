/* Rows of the table in facts.c: cgroups. */
// clang-format off
#define CGROUP_HELP                                                                                \
	"Have this place started with a cgroup that it may write to: systemd-run -p Delegate=yes " \
	"(--user for an ordinary user); in podman and docker --cgroupns private with a writable "  \
	"/sys/fs/cgroup (podman: --security-opt unmask=/sys/fs/cgroup). nidus then can keep "      \
	"limits; without, rlimits with a warning."
#define LIMIT_ROW(ctl, what, file)                                                                 \
	{                                                                                          \
		.name = "cgroup." #ctl, .group = "cgroups", .try = try_cgroup_##ctl,               \
		.question = "Can a limit of " what " be set for a group of its own?",              \
		.how = "A group is made beneath this process's; a limit is written to " file       \
		       " and read back.",                                                          \
		.remedy = CGROUP_HELP,                                                             \
	}
{
	.name = "cgroup.version", .group = "cgroups", .try = try_cgroup_version,
	.question = "Which versions of cgroups are mounted?",
	.how = "/proc/self/cgroup says which there are, /proc/self/mountinfo where they are mounted.",
	.remedy = "Mount one: mount -t cgroup2 none /sys/fs/cgroup, where mount.cgroup2 works.",
},
{
	.name = "cgroup.create", .group = "cgroups", .try = try_cgroup_create,
	.question = "Can a group be made and joined?",
	.how = "A group is made beneath this process's; a child joins it.",
	.remedy = CGROUP_HELP,
},
{
	.name = "cgroup.delegate", .group = "cgroups", .try = try_cgroup_delegate,
	.question = "Can a group be handed on, to make limited groups of its own in it?",
	.how = "In a new group another one is made and pids.max written there.",
	.remedy = CGROUP_HELP,
},
LIMIT_ROW(cpu, "processor time", "cpu.max (v1: cpu.cfs_quota_us)"),
LIMIT_ROW(cpuset, "processors", "cpuset.cpus"),
LIMIT_ROW(memory, "memory", "memory.max (v1: memory.limit_in_bytes)"),
{
	.name = "cgroup.pids", .group = "cgroups", .try = try_cgroup_pids,
	.question = "Can the number of processes be limited for a group of its own?",
	.how = "In a new group with pids.max 1 a child calls fork, which must fail.",
	.remedy = CGROUP_HELP,
},
LIMIT_ROW(io, "disk traffic", "io.max (v1: blkio.throttle.read_bps_device)"),
LIMIT_ROW(hugetlb, "huge pages", "hugetlb.2MB.max (v1: hugetlb.2MB.limit_in_bytes)"),
{
	.name = "cgroup.freezer", .group = "cgroups", .try = try_cgroup_freezer,
	.question = "Can a group be frozen?",
	.how = "A child in a new group is frozen and thawed.",
	.remedy = CGROUP_HELP,
},
{
	.name = "cgroup.kill", .group = "cgroups", .try = try_cgroup_kill,
	.question = "Can a whole group be killed at once (cgroup.kill)?",
	.how = "A child in a new v2 group is killed through it.",
	.remedy = "Needs Linux 5.14 and a v2 group that can be written; nidus kills process by process instead.",
},
{
	.name = "cgroup.devices", .group = "cgroups", .try = try_cgroup_devices,
	.question = "By which mechanism can devices be refused to a group?",
	.how = "A new group is refused all devices (v2: BPF program; v1: devices.deny); a child in it must not open /dev/null.",
	.remedy = "Needs CAP_BPF and CAP_NET_ADMIN or CAP_SYS_ADMIN in the machine's own user namespace (v2), or a writable v1 devices hierarchy. Without, only the nodes that nidus puts into /dev can be opened.",
},
{
	.name = "cgroup.clone_into", .group = "cgroups", .try = try_clone3_into_cgroup,
	.question = "Can a process be made right inside a group (CLONE_INTO_CGROUP)?",
	.how = "clone3 with CLONE_INTO_CGROUP of a new v2 group; the child must find itself there.",
	.remedy = "Needs Linux 5.7 and a v2 group that can be written; nidus has the child join instead.",
},
#undef LIMIT_ROW
#undef CGROUP_HELP
