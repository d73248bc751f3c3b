/* What trials share: children, an own user namespace, a place to mount in, the two
 * ways (with the privileges at hand, or in an own user namespace).  Everything dies
 * with the trial's process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probe/fact.h"

/* fork(2); the child gets SIGKILL when this process dies and stays in its process group
 * (setsid and setpgid are not for trials: the watchdog kills by group). */
pid_t trial_fork(void);

/* Runs fn(r, arg) in a child and copies its answer back; a child that dies gives
 * FACT_BROKEN.  For steps that cannot be undone (entering a namespace). */
void trial_in_child(struct fact_result *r, void (*fn)(struct fact_result *r, void *arg), void *arg);

/* Takes this process into a new user namespace where its one user and group are
 * root.  False leaves errno, and the call or file that refused in *op. */
bool trial_enter_userns(const char **op);
/* Writes the one-id maps of the user namespace that `proc_dir` ("/proc/self", "/proc/123")
 * is in: `inside` stands for the uid and gid outside.  False as above. */
bool trial_map_one(const char *proc_dir, unsigned inside, uid_t uid, gid_t gid, const char **op);

/* New namespaces (flags: CLONE_NEW*, with CLONE_NEWUSER the userns way).  With CLONE_NEWNS
 * all mounts become private, so that nothing is seen outside.  False as above. */
bool trial_unshare(int flags, const char **op);

/* Directories of which every place has one. */
extern const char *const trial_places[];
extern const size_t n_trial_places;
/* In an own mount namespace: a fresh tmpfs on a directory that exists everywhere; the
 * working directory becomes it, so that trials use relative names.  False as above. */
bool trial_scratch(const char **op);

/* Tries fn after trial_unshare(flags) with the privileges at hand; where that does not
 * work, in an own user namespace as well.  value becomes "root" or "userns" where
 * it works, unless fn gave one: then the way is appended ("2, userns"). */
void trial_best_way(struct fact_result *r, int flags, void (*fn)(struct fact_result *r));

/* The same in the other order, for what is only asked on behalf of user namespaces. */
void trial_userns_first(struct fact_result *r, int flags, void (*fn)(struct fact_result *r));

/* Answers with a chain of errors, which it frees; `where` goes in front of its line. */
void fact_of_err(struct fact_result *r, nd_err *e, const char *where);

bool trial_has_cap(int cap); /* effective, in this user namespace (/proc/self/status CapEff) */
/* A small file, whole: written (made, truncated) or read (NUL-terminated; -1 and errno). */
bool trial_write(const char *path, const char *text);
ssize_t trial_read(const char *path, char *text, size_t size);
