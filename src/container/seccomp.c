/* Putting a filter in force: see seccomp.h and seccomp(2).  seccomp(2) is as old as
 * Linux 3.17; its flags came later (LOG 4.14, SPEC_ALLOW 4.17, NEW_LISTENER 5.0,
 * WAIT_KILLABLE_RECV 5.19) and gVisor knows none of them: those that only tune are
 * left out where they are refused. */
#include "container/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "kernel/sys.h"

static nd_err *refusal(int err, const struct seccomp_filter *f, bool no_new_privs)
{
	nd_err *e = err_sys(err, "seccomp", "with a filter of %zu instructions", f->n);
	if (err == EACCES && !no_new_privs)
		return err_remedy(err_detail(err_code(e, "seccomp-needs-privilege"),
					  "a filter without no_new_privs needs CAP_SYS_ADMIN in "
					  "the process's "
					  "own user namespace (seccomp(2))"),
			"Use --security-opt no-new-privileges, a user namespace of its own "
			"(--userns), or --security-opt seccomp=unconfined.");
	if (err == EBUSY)
		return err_detail(err_code(e, "seccomp-listener-taken"),
			"another filter of this process already has a listener, and the kernel "
			"allows one (seccomp(2))");
	if (err == EINVAL || err == ENOSYS)
		return err_remedy(err_code(e, "seccomp-absent"),
			"This kernel or sandbox has no seccomp filters; run with --security-opt "
			"seccomp=unconfined.");
	if (err == ENOMEM)
		return err_detail(err_code(e, "seccomp-filters-too-long"),
			"all filters around and in a process may have 32768 instructions together");
	return e;
}

nd_err *seccomp_apply(const struct seccomp_filter *f, bool no_new_privs, int *ret_listener)
{
	struct sock_fprog prog = {.len = (unsigned short)f->n, .filter = f->insns};
	unsigned needed = f->notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
	if (no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(errno, "prctl(PR_SET_NO_NEW_PRIVS)", "1");
	int fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, f->flags | needed, &prog);
	if (fd < 0 && errno == EINVAL && f->flags)
		fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, needed, &prog);
	if (fd < 0)
		return refusal(errno, f, no_new_privs);
	if (ret_listener)
		*ret_listener = f->notify ? fd : -1;
	return NULL;
}

void seccomp_filter_free(struct seccomp_filter *f)
{
	if (!f)
		return;
	free(f->insns);
	free(f->listener_path);
	free(f->listener_metadata);
	free(f);
}
