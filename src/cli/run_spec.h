/* From the options of `nidus run` to a container's description.  Each function takes one
 * part of the options; an error names the option. */
#pragma once

#include "cli/run_opts.h"
#include "container/spec.h"
#include "store/config.h"

struct run_place {
	bool privileged; /* CAP_SYS_ADMIN in our user namespace */
	uint64_t caps;   /* our effective set */
	uid_t uid;
	gid_t gid;
};
nd_must nd_err *run_place_read(struct run_place *ret);

/* run_ns.c: namespaces, id maps, the network's mode ("host", "none", "bridge", "user",
 * "joined"). */
nd_must nd_err *run_namespaces(const struct run_opts *o, const struct run_place *place,
	struct container_spec *s, const char **ret_network);
/* run_mounts.c: volumes, mounts, tmpfs, devices.  `volumes_dir` holds named ones. */
nd_must nd_err *run_mounts(const struct run_opts *o, const char *volumes_dir, const char *id,
	struct container_spec *s);
/* --privileged: every device of the place; needs no rules, all are allowed. */
void run_all_devices(struct container_spec *s);
/* run_process.c: command, environment, user, capabilities, seccomp, limits of the process. */
nd_must nd_err *run_process(const struct run_opts *o, const struct run_place *place,
	const struct image_config *image, char **args, size_t n_args, struct container_spec *s);
/* run_limits.c: cgroup limits and rlimits. */
nd_must nd_err *run_limits(const struct run_opts *o, struct container_spec *s);
