/* What surrounds this process, as far as it decides what the kernel refuses: rights, user
 * namespace, filters, security modules, settings, and the mounts that hide or lock
 * something.  Read once, after something was refused: some fifteen small files.  Nothing
 * here is a trial; explain/ draws the conclusions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct surroundings {
	uid_t euid;
	uint64_t caps;    /* effective set */
	bool in_userns;   /* not every id is mapped to itself */
	char uid_map[96]; /* first line of /proc/self/uid_map, blanks squeezed; "" unknown */
	bool setgroups_denied;
	bool no_new_privs;
	int seccomp_mode;    /* 0 none, 2 filter; -1 unknown */
	int seccomp_filters; /* -1: unknown (before Linux 5.9) */
	/* Settings; -1 where there is none. */
	int64_t max_user_namespaces, userns_clone, apparmor_restrict_userns;
	char lsm_label[128]; /* "docker-default (enforce)", an SELinux context; "" none */
	/* The root: its file system's type, and whether it is a mount point (a chroot is not). */
	char root_type[32];
	bool root_is_mount;
	char proc_mask[96]; /* first mount that hides part of /proc; "" none */
	char sys_mask[96];
	bool proc_sys_readonly, sys_readonly;
	bool cgroup_there, cgroup_readonly;
	uint64_t max_processes; /* soft RLIMIT_NPROC; UINT64_MAX: none */
	uint64_t max_files;     /* soft RLIMIT_NOFILE */
	bool has_newuidmap, has_subids;
	bool is_gvisor;
	char kernel[64]; /* uname -r */
	/* Not read, said by the caller: the container has a user namespace of its own. */
	bool new_userns;
};

/* What cannot be read is left as unknown. */
void surroundings_read(struct surroundings *ret);
/* The part that the text of /proc/self/mountinfo decides; `text` is changed. */
void surroundings_of_mounts(struct surroundings *ret, char *text, size_t len);
/* The part that the text of /proc/self/status decides. */
void surroundings_of_status(struct surroundings *ret, const char *text);
