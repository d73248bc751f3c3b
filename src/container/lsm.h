/* Labels of security modules that the workload takes on at its execve(2).  Where the
 * module is not there, a label of SELinux is no matter and a profile of AppArmor that
 * was asked for by name is an error, as in podman. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* In the parent: the SELinux label that `label_opts` ("type:T", ...) make of this
 * process's own; NULL in *ret where SELinux is off or nothing was asked for. */
nd_must nd_err *lsm_selinux_label(const struct strv *label_opts, char **ret);
/* In the parent: can this AppArmor profile be asked for?  NULL and "unconfined" can. */
nd_must nd_err *lsm_apparmor_check(const char *profile);
/* In the child, before seccomp: either may be NULL.  proc_fd is a procfs root (O_PATH);
 * anything else there is refused (CVE-2019-16884). */
nd_must nd_err *lsm_apply(int proc_fd, const char *apparmor, const char *selinux);
