/* Rows of the table in facts.c: user namespaces, and the other namespaces. */
// clang-format off
#define USERNS_HELP                                                                                \
	"The administrator of this place can allow it: sysctl user.max_user_namespaces above 0, "  \
	"kernel.unprivileged_userns_clone=1 (Debian), "                                            \
	"kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container, a seccomp "      \
	"profile that lets unshare and clone through."
#define NS_HELP                                                                                    \
	"Give this process CAP_SYS_ADMIN, or use an own user namespace (the fact of the same "     \
	"name with .userns)."
{
	.name = "userns", .group = "user namespaces", .try = try_userns,
	.question = "Can a process get a user namespace of its own?",
	.how = "A child calls unshare(CLONE_NEWUSER), maps its uid and gid to 0, and uses a right it has there (to make a UTS namespace).",
	.remedy = USERNS_HELP,
},
{
	.name = "userns.nested", .group = "user namespaces", .try = try_userns_nested,
	.question = "Can user namespaces be nested three deep?",
	.how = "A child enters a user namespace in a user namespace in a user namespace.",
	.remedy = USERNS_HELP,
},
{
	.name = "userns.map.one", .group = "user namespaces", .try = try_userns_map_one,
	.question = "Can one id be mapped by the process itself?",
	.how = "A child in a new user namespace maps its uid to 12345 and looks at geteuid().",
	.remedy = USERNS_HELP,
},
{
	.name = "userns.map.full", .group = "user namespaces", .try = try_userns_map_full,
	.question = "Can a full range of ids be mapped by writing the map?",
	.how = "The map \"0 0 65536\" is written for a child in a new user namespace, which then takes other ids.",
	.remedy = "Needs CAP_SETUID and CAP_SETGID here and ids 0 to 65535 mapped here; else use subordinate ids (userns.map.subids).",
},
{
	.name = "userns.map.subids", .group = "user namespaces", .try = try_userns_map_subids,
	.question = "Can subordinate ids be mapped through newuidmap and newgidmap?",
	.how = "newuidmap and newgidmap map this user's first range of /etc/subuid and /etc/subgid for a child in a new user namespace, which then takes other ids.",
	.remedy = "Install newuidmap (Debian: uidmap) with its setuid bit and give this user a range: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER.",
},
{
	.name = "userns.setgroups", .group = "user namespaces", .try = try_userns_setgroups,
	.question = "Can groups be changed in an own user namespace?",
	.how = "One gid is mapped for a child in a new user namespace without giving up setgroups; the child then calls it.",
	.remedy = "Needs CAP_SETGID here; with subordinate ids newgidmap does it (userns.map.subids).",
},
#define NS_ROWS(ns, what, proof)                                                                   \
	{                                                                                          \
		.name = "ns." #ns, .group = "namespaces", .try = try_ns_##ns,                      \
		.question = "Can " what " namespace be made with the privileges at hand?",       \
		.how = "A child unshares it; " proof ".", .remedy = NS_HELP,                       \
	},                                                                                         \
	{                                                                                          \
		.name = "ns." #ns ".userns", .group = "namespaces", .try = try_ns_##ns##_userns,   \
		.question = "Can " what " namespace be made inside an own user namespace?",      \
		.how = "A child in a user namespace of its own unshares it; " proof ".",           \
		.remedy = USERNS_HELP,                                                             \
	}
NS_ROWS(mnt, "a mount", "a tmpfs mounted in it must not be seen outside"),
NS_ROWS(pid, "a pid", "the next child must be process 1"),
NS_ROWS(net, "a network", "its loopback must carry a datagram"),
NS_ROWS(ipc, "an IPC", "shared memory made in it must not be seen outside"),
NS_ROWS(uts, "a UTS", "a host name set in it must not be seen outside"),
NS_ROWS(cgroup, "a cgroup", "/proc/self/cgroup must then show / everywhere"),
NS_ROWS(time, "a time", "a child's monotonic clock must show the offset written"),
#undef NS_ROWS
#undef NS_HELP
#undef USERNS_HELP
