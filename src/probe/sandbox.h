/* The signs that tell what kind of place this is, and the judgement of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sandbox_kind {
	SANDBOX_GVISOR,
	SANDBOX_CONTAINER,
	SANDBOX_USERNS, /* nothing but an own user namespace */
	SANDBOX_VM,
	SANDBOX_BARE,
};

struct sandbox_signs {
	bool log_gvisor;         /* the kernel log names gVisor */
	bool version_4_4_0;      /* /proc/version says what gVisor's always does */
	bool newer_than_version; /* calls work that this version cannot have */
	bool no_kernel_threads;  /* /proc lacks what every Linux has there */
	bool own_pidns, own_userns;
	char manager[32];      /* "podman", "docker" ...; "" if nothing says */
	char manager_sign[64]; /* what said so */
	bool manager_file;     /* only a file in the tree said so */
	char root_fstype[32];
	char hypervisor[32]; /* "none", "kvm" ... */
};

enum sandbox_kind sandbox_judge(const struct sandbox_signs *s);
/* "gVisor in a VM (kvm)", "container (podman) in a user namespace", "bare machine". */
void sandbox_text(const struct sandbox_signs *s, char *text, size_t size);

/* Whose container a cgroup path names; NULL if nobody's. */
const char *sandbox_cgroup_manager(const char *cgroup_text);
/* The type of what is mounted on /, from the text of /proc/self/mountinfo. */
bool sandbox_root_fstype(const char *mountinfo, char *type, size_t size);
