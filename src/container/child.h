/* The child's side of making a container: what it holds between its stages. */
#pragma once

#include "base/err.h"
#include "container/spec.h"

struct cgroup;
struct layer_set;

struct child {
	const struct container_spec *s;
	const struct cgroup *group; /* container/cgroup.h */
	int sock;                   /* to the parent: container/wire.h */
	int old_root_fd; /* O_PATH of the place's root, valid until the old root is let go */
	int proc_fd;     /* O_PATH of the place's /proc: "self/fd/N" names a descriptor as a path */
	int root_fd;     /* O_PATH of the container's root */
	int dev_fd;      /* O_PATH of the container's /dev when a tmpfs of ours is there, else -1 */
	bool in_userns;  /* in a user namespace made for this container */
	struct layer_set *layer_sets; /* container/place.h */
	size_t n_layer_sets;
	bool private_root;          /* the root is an overlay that only this container has */
	bool own_null;              /* /dev/null is a node that we made in our own /dev */
	bool fresh_proc, fresh_sys; /* /proc, /sys are mounts of our own, with nothing over them */
	bool chrooted;              /* pivot_root was refused: the old root cannot be let go */
};

/* rootfs.c: walks the ladder of roots; on return the root is mounted and is the cwd. */
nd_must nd_err *rootfs_mount(struct child *c);
/* rootfs.c: makes the cwd the root; the old one stays stacked under it until rootfs_release. */
nd_must nd_err *rootfs_enter(struct child *c);
nd_must nd_err *rootfs_release(struct child *c);

/* mounts.c */
struct mount_source; /* opened before the root changes */
nd_must nd_err *mounts_open_sources(struct child *c, struct mount_source **ret);
nd_must nd_err *mounts_make(struct child *c, struct mount_source *sources);
/* Sets MS_* flags on what is mounted at a path of the container, keeping the others. */
nd_must nd_err *mount_remount(
	struct child *c, const char *target, unsigned long set, unsigned long clear);
/* Puts the tree or file behind source_fd (an open_tree clone, or O_PATH where the place
 * has no such call) at target_fd (O_PATH). */
nd_must nd_err *mount_attach(struct child *c, int source_fd, int target_fd, const char *target);
/* Mounts a file system at target_fd by mount(2). */
nd_must nd_err *mount_at(struct child *c, int target_fd, const char *target, const char *type,
	const char *source, unsigned long flags, const char *data);

/* devices.c */
nd_must nd_err *devices_make(struct child *c);
nd_must nd_err *console_make(struct child *c, int *ret_pty_fd);

/* masks.c */
nd_must nd_err *masks_make(struct child *c);
nd_must nd_err *files_make(struct child *c);
nd_must nd_err *sysctls_write(struct child *c);
