/* Seccomp filters: podman's default profile, profiles in the formats of podman, docker
 * and the OCI runtime-spec, and putting one in force.  A filter is compiled here, with
 * no library: see seccomp-compile.h. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

struct seccomp_filter {
	struct sock_filter *insns;
	size_t n;
	unsigned flags; /* SECCOMP_FILTER_FLAG_*, without NEW_LISTENER */
	bool notify;    /* some action asks a listener: seccomp_apply returns its descriptor */
	char *listener_path, *listener_metadata; /* from an OCI profile; NULL if none */
};

/* The default profile for a process with this bounding set; some microseconds. */
nd_must nd_err *seccomp_default(uint64_t caps, struct seccomp_filter **ret);

struct seccomp_context {
	uint64_t caps; /* bounding set, for the profile's includes and excludes */
	/* System calls newer than any the profile names get ENOSYS instead of its default
	 * refusal, so that C libraries fall back to older ones (as runc does). */
	bool enosys_for_newer;
	struct strv *ignored; /* gets the names that are no system call here; may be NULL */
};
/* A profile or an OCI linux.seccomp object.  Unknown system calls are ignored, anything
 * else that is not understood is an error with its JSON path. */
nd_must nd_err *seccomp_from_json(
	const struct json_at *at, const struct seccomp_context *cx, struct seccomp_filter **ret);
nd_must nd_err *seccomp_load_profile(int dir_fd, const char *path, const struct seccomp_context *cx,
	struct seccomp_filter **ret);

/* Puts the filter in force for this thread and what it starts.  With no_new_privs that
 * bit is set first; without it CAP_SYS_ADMIN in the own user namespace is needed (code
 * "seccomp-needs-privilege"), so call before capabilities are dropped.  Flags that the
 * kernel does not know are left out.  *ret_listener (may be NULL unless f->notify) gets
 * a CLOEXEC descriptor, or -1. */
nd_must nd_err *seccomp_apply(const struct seccomp_filter *f, bool no_new_privs, int *ret_listener);

void seccomp_filter_free(struct seccomp_filter *f);
static inline void seccomp_filter_free_p(struct seccomp_filter **f)
{
	seccomp_filter_free(*f);
}
#define _cleanup_seccomp_ _cleanup_(seccomp_filter_free_p)
