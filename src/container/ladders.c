/* The container's ladders as data: see ladders.h.  The rows say in facts what the code
 * in start.c, rootfs.c, mounts.c and devices.c finds out by doing. */
#include "container/ladders.h"

#include <unistd.h>

#include "container/cgroup-ladders.h"
#include "container/rootfs.h"

#define LADDER(rows, name, no)                                                                     \
	{                                                                                          \
		.need = name, .rungs = rows, .n = ARRAY_SIZE(rows), .stride = sizeof(struct rung), \
		.refusal = no                                                                      \
	}

static const struct rung caller_rungs[] = {
	{"the caller's own", NULL, "ns.mnt ns.pid pivot_root"},
};
static const struct rung userns_rungs[] = {
	{"subordinate ids", NULL, "userns ns.mnt.userns userns.map.subids"},
	{"one id", "only one user and one group inside", "userns ns.mnt.userns userns.map.one"},
};
static const struct rung userns_root_rungs[] = {
	{"own user namespace", NULL, "userns ns.mnt.userns"},
};
static const struct ladder privilege[] = {
	LADDER(caller_rungs, "privilege", "Mounting wants CAP_SYS_ADMIN or a user namespace."),
	LADDER(userns_rungs, "privilege", "The place allows no user namespace."),
	LADDER(userns_root_rungs, "privilege", "The place allows no user namespace."),
};

static const struct rung directory_rungs[] = {{"directory", NULL, "mount.bind"}};
static const struct ladder directory =
	LADDER(directory_rungs, "rootfs", "A directory cannot be bind-mounted here.");

static const struct rung proc_rungs[] = {
	{"fresh mount", NULL, "mount.proc"},
	{"recursive bind of the place's", "processes outside the container can be seen",
		"mount.bind"},
};
static const struct rung sysfs_rungs[] = {
	{"fresh mount", NULL, "mount.sysfs"},
	{"recursive bind of the place's", NULL, "mount.bind"},
};
static const struct rung device_rungs[] = {
	{"mknod", NULL, "mknod"},
	{"bind from the place", NULL, "mount.bind"},
};
static const struct ladder proc = LADDER(proc_rungs, "proc", NULL);
static const struct ladder sysfs = LADDER(sysfs_rungs, "sysfs", NULL);
static const struct ladder devices = LADDER(device_rungs, "devices", NULL);

static const struct rung tun_own_rungs[] = {
	{"own network namespace", NULL, "tun.device tun.own-netns"},
};
static const struct rung tun_host_rungs[] = {
	{"the place's network namespace", NULL, "tun.device tun.current-netns"},
};
static const struct ladder tun[] = {
	LADDER(tun_own_rungs, "tun", "No TUN interface can be made."),
	LADDER(tun_host_rungs, "tun", "No TUN interface can be made in the place's own network."),
};

size_t container_ladders(const struct container_spec *s, const struct ladder *ret[LADDERS_MAX])
{
	size_t n = 0;
	bool own = s->ns[NS_USER].mode == NS_NEW;
	ret[n++] = &privilege[!own ? 0 : s->uid_maps.n > 1 || geteuid() ? 1 : 2];
	ret[n++] = s->rootfs.kind == ROOTFS_DIR && !s->rootfs.cow ? &directory : &rootfs_ladder;
	ret[n++] = &proc;
	ret[n++] = &sysfs;
	if (s->n_devices)
		ret[n++] = &devices;
	n += cgroup_ladders(s, ret + n);
	if (s->tun)
		ret[n++] = &tun[s->ns[NS_NET].mode == NS_NEW ? 0 : 1];
	return n;
}
