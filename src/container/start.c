/* Making a container: the parent's side and the order of the child's stages.
 *
 *   parent                          child (clone3 with all new namespaces)
 *   cgroups made, sources checked
 *   clone3 ------------------------> dies with its parent; own session
 *   id maps, go -------------------> becomes root of its user namespace
 *   network hook                     joins cgroup, mounts, root, devices, masks
 *   go ----------------------------> waits for the network, rehearses the TUN
 *   reads until the socket ends      limits, ids, capabilities, seccomp, execve
 *
 * The child inherits the socket CLOEXEC, so its end says that execve(2) worked.  Rests on
 * clone3(2), Linux 5.3, with clone(2) where a seccomp profile hides it (ENOSYS).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "container/cgroup.h"
#include "container/child.h"
#include "container/container.h"
#include "container/idmap.h"
#include "container/layers.h"
#include "container/process.h"
#include "container/rootfs.h"
#include "container/wire.h"
#include "explain/explain.h"
#include "kernel/ns.h"
#include "kernel/surroundings.h"
#include "kernel/sys.h"

enum { KILL_DEADLINE_MS = 5000 };

static const uint64_t ns_flags[NS_COUNT] = {
	[NS_USER] = CLONE_NEWUSER,
	[NS_MNT] = CLONE_NEWNS,
	[NS_PID] = CLONE_NEWPID,
	[NS_NET] = CLONE_NEWNET,
	[NS_IPC] = CLONE_NEWIPC,
	[NS_UTS] = CLONE_NEWUTS,
	[NS_CGROUP] = CLONE_NEWCGROUP,
	[NS_TIME] = CLONE_NEWTIME,
};

/* What the child makes of its namespaces that clone3 did not: joined ones, and the cgroup
 * namespace, whose root is the cgroup it is made in. */
static nd_err *enter_namespaces(struct child *c)
{
	static const enum ns_kind order[] = {NS_USER, NS_IPC, NS_UTS, NS_NET, NS_CGROUP, NS_MNT};
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const struct ns_spec *n = &c->s->ns[order[i]];
		if (n->mode == NS_JOIN && setns(n->fd, (int)ns_flags[order[i]]) < 0)
			return err_sys(errno, "setns", "a namespace to join");
	}
	if (c->s->ns[NS_CGROUP].mode == NS_NEW && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(errno, "unshare", "the cgroup namespace");
	return NULL;
}

/* A new network namespace has its loopback down; programs expect it up. */
static nd_err *raise_loopback(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* closes at execve(2) */
	/* gVisor has no such call, and a loopback that is up from the start (ENOTTY). */
	if (fd < 0 || (ioctl(fd, SIOCSIFFLAGS, &r) < 0 && errno != ENOTTY))
		return err_sys(errno, "SIOCSIFFLAGS", "lo");
	return NULL;
}

static nd_err *become_root(struct child *c)
{
	if (!c->in_userns)
		return NULL;
	/* Refused where setgroups is denied: then there are no groups to lose. */
	(void)!setgroups(0, NULL);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(errno, "setresuid", "to root of the user namespace");
	/* A change of ids makes the process undumpable and forgets the signal (prctl(2)). */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return NULL;
}

static nd_err *make_surroundings(struct child *c)
{
	const struct container_spec *s = c->s;
	struct mount_source *sources;
	if (mount(NULL, "/", NULL, (s->rootfs.propagation ? MS_SLAVE : MS_PRIVATE) | MS_REC, NULL) <
		0)
		return err_sys(errno, "mount", "/ as private");
	c->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	TRY(mounts_open_sources(c, &sources));
	TRY(rootfs_mount(c));
	TRY(rootfs_enter(c));
	umask(0);
	TRY(mounts_make(c, sources));
	TRY(devices_make(c));
	TRY(layers_show(c));
	TRY(files_make(c));
	if (s->hostname && sethostname(s->hostname, strlen(s->hostname)) < 0)
		return err_sys(errno, "sethostname", "%s", s->hostname);
	if (s->domainname && setdomainname(s->domainname, strlen(s->domainname)) < 0)
		return err_sys(errno, "setdomainname", "%s", s->domainname);
	return NULL;
}

static nd_err *child_run(struct child *c, bool cloned_into, bool wait_network)
{
	const struct container_spec *s = c->s;
	struct process_stage p = {.s = s, .sock = c->sock, .pty_fd = -1, .in_userns = c->in_userns};
	if (setsid() < 0 && errno != EPERM)
		return err_sys(errno, "setsid", "a session of its own");
	if (c->in_userns)
		wire_wait_go(c->sock);
	if (!cgroup_join_child(c->group, cloned_into))
		return err_sys(errno, "write", "the cgroup's tasks");
	TRY(enter_namespaces(c));
	TRY(become_root(c));
	if (!cgroup_weaker_child(c->group))
		return err_sys(errno, "setrlimit", "in place of the cgroup's limits");
	if (s->ns[NS_NET].mode == NS_NEW)
		TRY(raise_loopback());
	TRY_WRAP(make_surroundings(c), "make the container's file systems");
	if (wait_network)
		wire_wait_go(c->sock);
	TRY(sysctls_write(c));
	TRY(masks_make(c));
	if (s->tty)
		TRY(console_make(c, &p.pty_fd));
	p.proc_fd = c->proc_fd;
	TRY(process_limits(&p));
	if (s->rootfs.readonly)
		TRY(mount_remount(c, "/", MS_RDONLY, 0));
	TRY(rootfs_release(c));
	umask(022);
	p.root_fd = c->root_fd;
	p.in_root = !c->chrooted;
	p.proc_fd = -1;
	return process_exec(&p);
}

static _Noreturn void child_main(const struct container_spec *s, int sock,
	const struct cgroup *group, bool signals_cleared, bool cloned_into, bool wait_network)
{
	sigset_t none;
	char byte;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before that: then its end of the socket is closed. */
	if (recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		_exit(125);
	sigemptyset(&none);
	if (!signals_cleared)
		for (int sig = 1; sig < 65; sig++)
			signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	struct child c = {.s = s,
		.sock = sock,
		.group = group,
		.old_root_fd = -1,
		.proc_fd = -1,
		.root_fd = -1,
		.dev_fd = -1,
		.in_userns = s->ns[NS_USER].mode == NS_NEW};
	nd_err *e = child_run(&c, cloned_into, wait_network);
	wire_err(sock, e);
	_exit(125);
}

static uint64_t clone_flags(const struct container_spec *s)
{
	uint64_t flags = 0;
	for (int i = 0; i < NS_COUNT; i++)
		if (s->ns[i].mode == NS_NEW && i != NS_CGROUP && i != NS_TIME)
			flags |= ns_flags[i];
	/* A mount namespace is needed whatever else is shared. */
	return flags | CLONE_NEWNS;
}

static nd_err *clone_error(const struct container_spec *s, int err)
{
	_cleanup_buf_ struct buf b = {0};
	static const char *const names[NS_COUNT] = {
		"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};
	for (int i = 0; i < NS_COUNT; i++)
		if (s->ns[i].mode == NS_NEW)
			buf_fmt(&b, "%s%s", b.len ? "," : "", names[i]);
	return err_code(err_sys(err, "clone3", "new namespaces %s", b.data ? b.data : "mnt"),
		"namespaces-refused");
}

static nd_err *spawn_child(const struct container_spec *s, int sock, int other,
	struct cgroup *group, bool wait_network, struct container *ret)
{
	int pid_fd = -1;
	bool cloned_into = group->clone_fd >= 0, cleared = true;
	/* CLONE_CLEAR_SIGHAND, Linux 5.5: default dispositions without a call for each signal. */
	struct clone_args args = {.flags = clone_flags(s) | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&pid_fd,
		.exit_signal = SIGCHLD};
	if (cloned_into) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)group->clone_fd;
	}
	pid_t pid = sys_clone3(&args);
	if (pid < 0 && (errno == ENOSYS || errno == E2BIG || errno == EINVAL)) {
		/* clone(2) has the same namespaces; it cannot place the child into a cgroup. */
		cloned_into = cleared = false;
		pid = (pid_t)syscall(
			SYS_clone, (unsigned long)(clone_flags(s) | SIGCHLD), 0, 0, 0, 0);
	}
	if (pid == 0) {
		close(other);
		child_main(s, sock, group, cleared, cloned_into, wait_network);
	}
	if (pid < 0)
		return clone_error(s, errno);
	ret->pid = pid;
	ret->pid_fd = pid_fd;
	return NULL;
}

/* The parent's part once the child exists. */
static nd_err *attend(const struct container_spec *s, const struct container_hooks *hooks, int sock,
	struct plan *plan, struct container *ret)
{
	nd_err *e = NULL, *told;
	if (s->ns[NS_USER].mode == NS_NEW) {
		e = idmaps_write(ret->pid, &s->uid_maps, &s->gid_maps);
		if (!e)
			(void)wire_go(sock);
	}
	if (!e && hooks && hooks->network) {
		e = hooks->network(ret->pid, ret->pid_fd, plan, hooks->arg);
		if (!e)
			(void)wire_go(sock);
	}
	/* On our own failure the child reads the end of the socket and leaves. */
	if (e)
		shutdown(sock, SHUT_WR);
	struct wire_patience w = {0};
	if (hooks)
		w = (struct wire_patience){
			hooks->until_ms, hooks->cancel_fd, hooks->cancelled, hooks->cancel_arg};
	told = wire_read_all(sock, w.until_ms || w.cancelled ? &w : NULL, plan, NULL, &ret->pty_fd);
	if (e) {
		err_free(told);
		return e;
	}
	return told;
}

/* From inside its own user namespace the child could not name the one that owns the place's
 * network namespace (ioctl_ns(2): EPERM); from here it has a name. */
static void name_owner(const struct container_spec *s, nd_err *e)
{
	static const char unnamed[] = "is owned by a user namespace outside the process's own";
	struct netns_owner o;
	for (; e && s->ns[NS_NET].mode == NS_HOST; e = e->cause) {
		char *at = e->detail ? strstr(e->detail, unnamed) : NULL;
		if (!at || !netns_owner(0, &o) || !o.owner)
			continue;
		_cleanup_free_ char *text =
			str_fmt("%.*sis owned by user:[%llu]%s", (int)(at - e->detail), e->detail,
				(unsigned long long)o.owner, at + strlen(unnamed));
		err_detail(e, "%s", text);
		e->proved = true;
	}
}

/* Only a refusal pays for reading the surroundings. */
static nd_err *explain(const struct container_spec *s, nd_err *e)
{
	struct surroundings around;
	surroundings_read(&around);
	around.new_userns = s->ns[NS_USER].mode == NS_NEW;
	name_owner(s, e);
	return explain_err(e, &around);
}

nd_err *container_start(const struct container_spec *s, const struct container_hooks *hooks,
	struct plan *plan, struct container *ret)
{
	int sp[2];
	_cleanup_cgroup_ struct cgroup group = CGROUP_NONE;
	bool wait_network = hooks && hooks->network;
	*ret = (struct container){.pid = -1, .pid_fd = -1, .pty_fd = -1};
	TRY(cgroup_create(s, plan, &group));
	ret->cgroup = cgroup_save(&group);
	nd_err *e = NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0) {
		e = err_sys(errno, "socketpair", "to the child");
	} else {
		e = spawn_child(s, sp[1], sp[0], &group, wait_network, ret);
		fd_close(sp[1]);
		if (!e)
			e = attend(s, hooks, sp[0], plan, ret);
		fd_close(sp[0]);
	}
	if (!e)
		return NULL;
	if (ret->pid > 0) {
		/* It reported and exits by itself, but a stopped or stuck one must not hold us. */
		kill(ret->pid, SIGKILL);
		wait_status(ret->pid);
		ret->pid = -1;
	}
	err_free(container_cleanup(ret));
	container_done(ret);
	return explain(s, e);
}

void container_kill_all(struct container *c)
{
	if (c->pid_fd >= 0)
		(void)sys_pidfd_send_signal(c->pid_fd, SIGKILL);
	else if (c->pid > 0)
		kill(c->pid, SIGKILL);
	_cleanup_cgroup_ struct cgroup group = CGROUP_NONE;
	err_free(cgroup_load(c->cgroup, &group));
	err_free(cgroup_kill(&group, KILL_DEADLINE_MS));
}

nd_err *container_cleanup(struct container *c)
{
	_cleanup_cgroup_ struct cgroup group = CGROUP_NONE;
	TRY(cgroup_load(c->cgroup, &group));
	return cgroup_remove(&group, KILL_DEADLINE_MS);
}

void container_done(struct container *c)
{
	fd_done(&c->pid_fd);
	fd_done(&c->pty_fd);
	free(c->cgroup);
	*c = (struct container){.pid = -1, .pid_fd = -1, .pty_fd = -1};
}
