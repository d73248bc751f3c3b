/* What a container is to be: plain data, filled by cli/ from options, by `nidus-oci`
 * from config.json, by supervise/ at a restart.  Follows the OCI runtime-spec 1.2
 * names.  Building a spec does no system calls; container_start() does them all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/str.h"
#include "kernel/caps.h"

struct id_map {
	uint32_t inside, outside, count;
};

struct id_maps {
	struct id_map *v;
	size_t n;
};

/* How root's tree is made.  ROOTFS_PLACE is "/", this place's own tree, copy-on-write. */
enum rootfs_kind { ROOTFS_DIR, ROOTFS_PLACE, ROOTFS_LAYERS };

struct rootfs_spec {
	enum rootfs_kind kind;
	char *dir;          /* ROOTFS_DIR: mounted as is (writes go there), unless `cow` */
	struct strv layers; /* ROOTFS_LAYERS: directories, lowest first */
	char *root_like;    /* the layer whose own owner and mode "/" has; NULL: the uppermost */
	bool cow;           /* ROOTFS_DIR: copy-on-write instead */
	char *state_dir;    /* holds upper/ and work/; NULL: a tmpfs upper */
	bool readonly;
	bool throwaway;    /* --rm: changes need not survive a crash */
	char *propagation; /* "private" (default), "rprivate", "slave", "rslave", "shared",
			      "rshared" */
};

struct mount_spec {
	char *type;   /* "bind", "tmpfs", "proc", "sysfs", "cgroup", "devpts", "mqueue", "overlay",
			 ... */
	char *source; /* NULL: the type's name */
	char *target; /* absolute, in the container; resolved beneath its root */
	struct strv
		options; /* as in fstab and OCI: "ro", "nosuid", "rbind", "rslave", "size=64m" */
	bool optional;   /* a refusal is recorded, not an error */
};

struct device_spec {
	char type;    /* 'c', 'b', 'p' */
	char *path;   /* in the container */
	char *source; /* on the host, bind-mounted where mknod is refused; NULL: path */
	int64_t major, minor;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct device_rule {
	bool allow;
	char type;            /* 'a', 'c', 'b' */
	int64_t major, minor; /* -1: any */
	char access[4];       /* "rwm" */
};

struct rlimit_spec {
	int resource;
	struct rlimit limit;
};

/* A namespace: none (the caller's), new, or joined through a descriptor. */
enum ns_mode { NS_HOST, NS_NEW, NS_JOIN };
enum ns_kind { NS_USER, NS_MNT, NS_PID, NS_NET, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME, NS_COUNT };

struct ns_spec {
	enum ns_mode mode;
	int fd; /* NS_JOIN: of the namespace file; owned */
};

struct cgroup_limits {
	int64_t memory;      /* bytes; 0: none */
	int64_t memory_swap; /* memory plus swap, as podman; 0: unset, -1: unlimited */
	int64_t memory_reservation;
	int64_t cpu_quota_us, cpu_period_us; /* 0: none */
	uint64_t cpu_shares;
	char *cpuset_cpus, *cpuset_mems;
	int64_t pids;        /* 0: none */
	bool pids_soft;      /* a default: left out without a word where it cannot be kept */
	struct strv unified; /* "file=value" on v2 */
};

struct seccomp_filter; /* container/seccomp.h */

struct container_spec {
	char *id;
	/* the process */
	struct strv args, env;
	char *cwd;
	char *user; /* "name|uid[:group|gid]" looked up in the container; NULL: uid, gid below */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	struct strv group_add; /* supplementary, by name or number, looked up in the container */
	int umask;             /* -1: inherited */
	bool tty;              /* a pty from the container's devpts is its stdio */
	bool no_new_privs;
	struct cap_sets caps;
	uint64_t caps_known; /* what this kernel has, where the caller asked already; 0: ask */
	struct rlimit_spec *rlimits;
	size_t n_rlimits;
	bool has_oom_score_adj;
	int oom_score_adj;
	struct seccomp_filter *seccomp; /* NULL: unconfined; owned */
	char *apparmor, *selinux;       /* taken on at execve(2), see lsm.h; NULL: as we are */
	bool init;                      /* --init: nidus-init as PID 1, the workload as its child */
	/* its surroundings */
	struct ns_spec ns[NS_COUNT];
	struct id_maps uid_maps, gid_maps;
	struct rootfs_spec rootfs;
	struct mount_spec *mounts;
	size_t n_mounts;
	struct strv masked, readonly_paths;
	struct device_spec *devices;
	size_t n_devices;
	struct device_rule *device_rules;
	size_t n_device_rules;
	bool privileged; /* all host devices, nothing masked */
	char *hostname, *domainname;
	struct strv sysctl;  /* "net.ipv4.ip_forward=1" */
	struct strv files;   /* "PATH=CONTENT" written fresh and bind-mounted: /etc/hosts,
				/etc/resolv.conf */
	char *cgroup_parent; /* beneath the caller's own cgroup; NULL: that group itself */
	struct cgroup_limits limits;
	bool best_effort;
	char *tun;         /* --tun: interface name to rehearse, "" for any; NULL: no TUN wanted */
	bool share_layers; /* leave the root's layers visible for nidus inside (nested
			      copy-on-write) */
	/* descriptors the process gets: 0, 1, 2 (-1: /dev/null), then keep[0] as 3, ... */
	int stdio[3];
	int *keep_fds;
	size_t n_keep_fds;
};

void spec_init(struct container_spec *s); /* zero, with -1 where that means none */
void spec_done(struct container_spec *s);
#define _cleanup_spec_ _cleanup_(spec_done)

struct mount_spec *spec_add_mount(struct container_spec *s, const char *type, const char *source,
	const char *target, const char *options_comma);
struct device_spec *spec_add_device(struct container_spec *s);
struct device_rule *spec_add_device_rule(struct container_spec *s);
void spec_add_rlimit(struct container_spec *s, int resource, rlim_t soft, rlim_t hard);
void id_maps_add(struct id_maps *m, uint32_t inside, uint32_t outside, uint32_t count);
