/* The last stage of a child: see process.h.
 *
 * Stages, in this order, because each gives up what the next must not have: limits (the
 * caller's rights) -> identity looked up in the container's files -> bounding set ->
 * ids -> capability sets -> seccomp -> execve.  Without no_new_privs the filter wants
 * CAP_SYS_ADMIN and is set before the sets shrink.
 */
#include "container/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/lsm.h"
#include "container/program.h"
#include "container/seccomp.h"
#include "container/user.h"
#include "container/wire.h"
#include "kernel/caps.h"
#include "kernel/names.h"
#include "kernel/ns.h"
#include "kernel/sys.h"
#include "kernel/tun.h"

static nd_err *set_rlimit(struct process_stage *p, const struct rlimit_spec *r)
{
	if (setrlimit((__rlimit_resource_t)r->resource, &r->limit) == 0)
		return NULL;
	int err = errno;
	const char *name = rlimit_name(r->resource);
	struct rlimit now;
	if (err == EPERM && p->s->best_effort &&
		getrlimit((__rlimit_resource_t)r->resource, &now) == 0) {
		struct rlimit low = {
			r->limit.rlim_cur < now.rlim_max ? r->limit.rlim_cur : now.rlim_max,
			r->limit.rlim_max < now.rlim_max ? r->limit.rlim_max : now.rlim_max};
		if (setrlimit((__rlimit_resource_t)r->resource, &low) == 0) {
			nd_err *e = err_sys(err, "setrlimit", "%s", name);
			wire_left(p->sock, "rlimits", "as asked", e);
			wire_took(
				p->sock, "rlimits", "lowered", "limits are lower than asked", true);
			wire_warn(p->sock,
				"--ulimit %s: lowered to %llu, the most that is allowed here", name,
				(unsigned long long)low.rlim_max);
			err_free(e);
			return NULL;
		}
	}
	return err_remedy(err_code(err_sys(err, "setrlimit", "%s=%llu:%llu", name ? name : "?",
					   (unsigned long long)r->limit.rlim_cur,
					   (unsigned long long)r->limit.rlim_max),
				  "rlimit-denied"),
		"Raising a hard limit wants CAP_SYS_RESOURCE in the first user namespace; ask for "
		"less, or add --best-effort to take what is allowed.");
}

nd_err *process_limits(struct process_stage *p)
{
	if (p->s->has_oom_score_adj) {
		char text[16];
		snprintf(text, sizeof text, "%d", p->s->oom_score_adj);
		if (!file_poke(p->proc_fd, "self/oom_score_adj", text)) {
			nd_err *e = err_sys(errno, "write", "oom_score_adj %s", text);
			if (!p->s->best_effort)
				return e;
			wire_left(p->sock, "oom score", "as asked", e);
			err_free(e);
		}
	}
	for (size_t i = 0; i < p->s->n_rlimits; i++)
		TRY(set_rlimit(p, &p->s->rlimits[i]));
	return NULL;
}

static nd_err *set_stdio(struct process_stage *p)
{
	if (p->pty_fd >= 0) {
		for (int i = 0; i < 3; i++)
			if (dup2(p->pty_fd, i) < 0)
				return err_sys(errno, "dup2", "the terminal");
		if (ioctl(0, TIOCSCTTY, 0) < 0)
			return err_sys(errno, "TIOCSCTTY", "the terminal");
		return NULL;
	}
	int null_fd = -1, moved[3];
	for (int i = 0; i < 3; i++) {
		moved[i] = p->s->stdio[i];
		if (moved[i] < 0 && null_fd < 0)
			null_fd = open_in_root(p->root_fd, "/dev/null", O_RDWR, 0);
		if (moved[i] < 0 && null_fd < 0)
			return err_sys(errno, "open", "/dev/null in the container");
		if (moved[i] < 0)
			moved[i] = null_fd;
	}
	/* A source that is itself among 0 to 2 must not be overwritten before it is copied. */
	for (int i = 0; i < 3; i++)
		if (moved[i] != i && moved[i] < 3 &&
			(moved[i] = fcntl(moved[i], F_DUPFD_CLOEXEC, 3)) < 0)
			return err_sys(errno, "dup", "standard stream %d", i);
	/* One that keeps its number is nidus's own stream, inherited as it was. */
	for (int i = 0; i < 3; i++)
		if (moved[i] != i && dup2(moved[i], i) < 0)
			return err_sys(errno, "dup2", "standard stream %d", i);
	return NULL;
}

/* s->keep_fds become 3, 4, ...; everything else above closes at exec. */
static nd_err *set_kept(struct process_stage *p)
{
	int n = (int)p->s->n_keep_fds, *held = n ? mem_alloc((size_t)n * sizeof *held) : NULL;
	for (int i = 0; i < n; i++)
		if ((held[i] = fcntl(p->s->keep_fds[i], F_DUPFD_CLOEXEC, 3 + n)) < 0)
			return err_sys(errno, "dup", "kept descriptor %d", p->s->keep_fds[i]);
	/* What stood at 3 to 2+n is ours (the socket, the root): move it out of the way. */
	int *own[] = {&p->sock, &p->root_fd, &p->proc_fd};
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (*own[i] >= 3 && *own[i] < 3 + n &&
			(*own[i] = fcntl(*own[i], F_DUPFD_CLOEXEC, 3 + n)) < 0)
			return err_sys(errno, "dup", "a descriptor of nidus");
	for (int i = 0; i < n; i++)
		if (dup2(held[i], 3 + i) < 0)
			return err_sys(errno, "dup2", "kept descriptor %d", 3 + i);
	free(held);
	/* CLOSE_RANGE_CLOEXEC, Linux 5.11: whatever was inherited without CLOEXEC goes too. */
	if (sys_close_range((unsigned)(3 + n), ~0u, 4) == 0)
		return NULL;
	for (int fd = 3 + n; fd < 1024; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return NULL;
}

static nd_err *enter_cwd(struct process_stage *p)
{
	const char *cwd = p->s->cwd && *p->s->cwd ? p->s->cwd : "/";
	if (str_eq(cwd, "/"))
		return p->in_root || fchdir(p->root_fd) == 0 ? NULL : err_sys(errno, "fchdir", "/");
	/* Never through a magic link: /proc/self/fd/N could be the place's (CVE-2024-21626). */
	_cleanup_fd_ int fd = open_in_root(p->root_fd, cwd, O_PATH | O_DIRECTORY, 0);
	if (fd < 0 && errno == ENOENT) {
		int made = mkdir_in_root(p->root_fd, cwd, 0755);
		if (made >= 0)
			fd = made;
	}
	if (fd < 0 || fchdir(fd) < 0)
		return err_code(err_sys(errno, "chdir", "%s in the container", cwd), "workdir");
	return NULL;
}

/* Who the workload is: as numbers in the spec, or by what the container's files say. */
/* Through the container's /proc, which must be one: lsm_apply looks. */
static nd_err *take_labels(struct process_stage *p)
{
	if (!p->s->selinux && !p->s->apparmor)
		return NULL;
	_cleanup_fd_ int fd = open_in_root(p->root_fd, "/proc", O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(errno, "open", "/proc in the container");
	return lsm_apply(fd, p->s->apparmor, p->s->selinux);
}

static nd_err *identify(struct process_stage *p, struct user_info *ret)
{
	const struct container_spec *s = p->s;
	if (!s->user && !s->group_add.n) {
		*ret = (struct user_info){.uid = s->uid,
			.gid = s->gid,
			.groups = s->groups,
			.n_groups = s->n_groups,
			.home = s->uid ? "/" : "/root"};
		return NULL;
	}
	return user_resolve(p->root_fd, s->user, &s->group_add, ret);
}

static nd_err *take_identity(struct process_stage *p, const struct user_info *u)
{
	uint64_t known = p->s->caps_known ? p->s->caps_known : caps_known();
	TRY(caps_apply_before_setuid(&p->s->caps, known, u->uid != 0));
	if (!p->setgroups_denied && !u->keep_groups && setgroups(u->n_groups, u->groups) < 0) {
		/* Denied in a namespace with one gid (user_namespaces(7)): there are none to lose.
		 */
		if (errno != EPERM || u->n_groups)
			return err_sys(errno, "setgroups", "%zu groups", u->n_groups);
	}
	static const char remedy[] =
		"The id is not mapped in this user namespace, or nidus may not take it; as an "
		"ordinary "
		"user, ids other than one's own come from /etc/subuid and /etc/subgid.";
	/* The usual case: root is to be root. */
	if (!u->uid && !u->gid && !p->in_userns && started_as_root())
		return caps_apply_after_setuid(&p->s->caps);
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		return err_remedy(err_sys(errno, "setresgid", "%u", u->gid), "%s", remedy);
	if (setresuid(u->uid, u->uid, u->uid) < 0)
		return err_remedy(err_sys(errno, "setresuid", "%u", u->uid), "%s", remedy);
	return caps_apply_after_setuid(&p->s->caps);
}

/* Linux puts nothing of this into the environment by itself; podman does. */
static void set_home(struct strv *env, const char *home)
{
	if (env_get(env, "HOME"))
		return;
	strv_fmt(env, "HOME=%s", home);
}

/* As the workload, in its namespaces, with its rights: what it will be told, it is told
 * here, before it starts. */
static nd_err *rehearse_tun(const char *name)
{
	struct tun_trial t;
	struct netns_owner owner;
	uint64_t caps = 0;
	if (tun_try(*name ? name : "nidus%d", IFF_TUN | IFF_NO_PI, &t))
		return NULL;
	/* An interface that was made as a TAP cannot be opened as a TUN, and the other way round.
	 */
	if (t.errnum == EINVAL && *name && tun_try(name, IFF_TAP | IFF_NO_PI, &t))
		return NULL;
	bool known = netns_owner(0, &owner);
	err_free(caps_effective(&caps));
	return err_wrap(tun_err(&t, known ? &owner : NULL, caps), "rehearse the TUN interface");
}

nd_err *process_exec(struct process_stage *p)
{
	const struct container_spec *s = p->s;
	struct user_info user = {0};
	struct strv env = s->env; /* its memory is this process's copy */
	TRY(identify(p, &user));
	set_home(&env, user.home);
	TRY(set_stdio(p));
	TRY(set_kept(p));
	TRY(enter_cwd(p));
	if (s->umask >= 0)
		umask((mode_t)s->umask);
	TRY(take_labels(p));
	if (s->seccomp && !s->no_new_privs)
		TRY(seccomp_apply(s->seccomp, false, NULL));
	TRY(take_identity(p, &user));
	if (s->tun)
		TRY(rehearse_tun(s->tun));
	if (s->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(errno, "prctl", "PR_SET_NO_NEW_PRIVS");
	if (s->seccomp && s->no_new_privs)
		TRY(seccomp_apply(s->seccomp, true, NULL));
	/* Changing ids clears it (prctl(2)). */
	if (user.uid || user.gid || p->in_userns)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	wire_flush(p->sock);
	return program_exec(s->args.v, &env);
}
