/* What a container gets when nobody says otherwise: podman's capabilities, mounts,
 * masks, devices, device rules and environment, as const tables.  Pure: fills a
 * spec, makes no system call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "container/spec.h"
#include "kernel/caps.h"

struct defaults_opts {
	uint64_t shm_size;         /* bytes; 0: 64 MiB */
	bool no_read_only_tmpfs;   /* --read-only-tmpfs=false */
	const struct strv *mask;   /* absolute paths besides the defaults; NULL: none */
	const struct strv *unmask; /* globs (fnmatch(3) with FNM_PATHNAME) or "ALL"; NULL: none */
	const struct strv *proc_opts; /* further mount options of /proc; NULL: none */
};

/* Fills mounts, masked and read-only paths, devices and device rules; reads
 * s->privileged, s->ns, s->gid_maps and s->rootfs.readonly.  A mount that the spec
 * already has at the same target stays and replaces the default one; defaults stand
 * before the others in the list. */
void defaults_apply(struct container_spec *s, const struct defaults_opts *o);
/* PATH, TERM (with a tty), HOSTNAME, HOME and container=nidus, each where it is missing. */
void defaults_env(struct strv *env, const char *hostname, const char *home, bool tty);
/* net.ipv4.ping_group_range, where the network namespace is new. */
void defaults_sysctl(struct container_spec *s);

/* The default capabilities as a mask. */
uint64_t caps_default(void);
/* --cap-add, --cap-drop and --privileged as podman reads them: names or ALL; dropping
 * ALL leaves just what is added; adding and dropping the same one is an error.  `have`
 * is this place's bounding set: defaults and ALL are cut to it; what was asked for by
 * name and is not there comes back in ret_missing.  A process that is not root in the
 * container only holds what was added by name (as ambient). */
nd_must nd_err *caps_from_options(const struct strv *add, const struct strv *drop, bool privileged,
	bool root_user, uint64_t have, struct cap_sets *ret, uint64_t *ret_missing);
