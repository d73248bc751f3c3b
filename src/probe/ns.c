/* Namespaces other than user: each is entered with the privileges at hand and, as a
 * question of its own, from an own user namespace; then it has to do its job.  Time
 * namespaces are of Linux 5.6, cgroup ones of 4.6.  Network, IPC and UTS state made in
 * a trial dies with the namespace. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"
#include "probe/trial.h"
#include "probe/trials.h"

struct ns {
	int flag;
	const char *link;                     /* in /proc/self/ns: what unshare(2) changes */
	bool (*prove)(struct fact_result *r); /* false: r says why */
	/* What `prove` did must not be seen by a process outside; NULL: there is nothing to see. */
	bool (*seen_outside)(void);
};

static const char mark[] = "nidus-probe-mark";

static bool prove_mnt(struct fact_result *r)
{
	const char *op;
	if (!trial_scratch(&op) || !trial_write(mark, "")) {
		fact_refused(r, errno, op, "after unshare(CLONE_NEWNS), all mounts made private");
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWNS), all mounts made private, then a tmpfs mounted that is "
		      "not seen outside");
	return true;
}

static bool mnt_seen(void)
{
	char path[64];
	for (size_t i = 0; i < n_trial_places; i++) {
		snprintf(path, sizeof path, "%s/%s", trial_places[i], mark);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static bool prove_pid(struct fact_result *r)
{
	pid_t pid = trial_fork();
	if (pid == 0)
		_exit(getpid() == 1 ? 0 : 1);
	if (pid < 0) {
		fact_refused(r, errno, "fork", "into the new pid namespace");
		return false;
	}
	if (wait_status(pid) != 0) {
		fact_set(r, FACT_BROKEN, "the first process in it is not 1",
			"unshare(CLONE_NEWPID), then fork: getpid() in the child is not 1");
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWPID), then fork: the child is process 1");
	return true;
}

/* Brings the loopback up and sends a datagram through it. */
static bool prove_net(struct fact_result *r)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_name = "lo"};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	const char *op = "socket";
	if (fd < 0 || (op = "SIOCGIFFLAGS", ioctl(fd, SIOCGIFFLAGS, &ifr)) < 0)
		goto refused;
	/* gVisor's comes up by itself and does not know the call. */
	bool up = ifr.ifr_flags & IFF_UP;
	ifr.ifr_flags |= IFF_UP;
	if ((op = "SIOCSIFFLAGS", !up && ioctl(fd, SIOCSIFFLAGS, &ifr) < 0) ||
		(op = "bind", bind(fd, (struct sockaddr *)&a, sizeof a)) < 0 ||
		(op = "getsockname", getsockname(fd, (struct sockaddr *)&a, &len)) < 0 ||
		(op = "sendto", sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof a)) < 0)
		goto refused;
	struct pollfd p = {fd, POLLIN, 0};
	if (poll(&p, 1, 300) != 1) {
		fact_set(r, FACT_BROKEN, "its loopback carries nothing",
			"a datagram to 127.0.0.1 in the new network namespace did not arrive");
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWNET), its lo set up, a datagram to 127.0.0.1 arrived");
	return true;
refused:
	fact_refused(r, errno, op, "in the new network namespace");
	return false;
}

static key_t ipc_key(void)
{
	return 0x6e640000 | (getpgrp() & 0xffff);
}

static bool prove_ipc(struct fact_result *r)
{
	if (shmget(ipc_key(), 4096, IPC_CREAT | IPC_EXCL | 0600) < 0) {
		fact_refused(r, errno, "shmget", "in the new IPC namespace");
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWIPC); shared memory made in it is not seen outside");
	return true;
}

static bool ipc_seen(void)
{
	int id = shmget(ipc_key(), 4096, 0600);
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	return id >= 0;
}

static bool prove_uts(struct fact_result *r)
{
	char name[65] = "";
	if (sethostname("nidus-probe", 11) < 0) {
		fact_refused(r, errno, "sethostname", "in the new UTS namespace");
		return false;
	}
	gethostname(name, sizeof name);
	if (strcmp(name, "nidus-probe") != 0) {
		fact_set(r, FACT_BROKEN, "the host name does not change",
			"gethostname() after sethostname(\"nidus-probe\") gives \"%s\"", name);
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWUTS), then a host name set that is not seen outside");
	return true;
}

static bool uts_seen(void)
{
	char name[65] = "";
	gethostname(name, sizeof name);
	return strcmp(name, "nidus-probe") == 0;
}

static bool prove_cgroup(struct fact_result *r)
{
	char text[4096];
	if (trial_read("/proc/self/cgroup", text, sizeof text) < 0) {
		fact_set(r, FACT_UNKNOWN,
			"it is made, but without /proc nothing shows what it does",
			"unshare(CLONE_NEWCGROUP) succeeded; open /proc/self/cgroup: %s",
			strerror(errno));
		return false;
	}
	if (!*text) {
		fact_set(r, FACT_ABSENT, "there are no cgroups here", "/proc/self/cgroup is empty");
		return false;
	}
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *path = strrchr(line, ':');
		if (!path || strcmp(path, ":/") != 0) {
			fact_set(r, FACT_BROKEN, "its root is not the process's cgroup",
				"/proc/self/cgroup after unshare(CLONE_NEWCGROUP): %.200s", line);
			return false;
		}
	}
	fact_works(r, "unshare(CLONE_NEWCGROUP); /proc/self/cgroup then shows / everywhere");
	return true;
}

static bool prove_time(struct fact_result *r)
{
	struct timespec here, there = {0};
	clock_gettime(CLOCK_MONOTONIC, &here);
	if (!file_poke(AT_FDCWD, "/proc/self/timens_offsets", "monotonic 100000 0")) {
		fact_refused(r, errno, "write timens_offsets", "in /proc/self");
		return false;
	}
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid_t pid = trial_fork();
	if (pid == 0) {
		clock_gettime(CLOCK_MONOTONIC, &there);
		_exit(fd_write_all(fds[1], &there, sizeof there) ? 0 : 1);
	}
	fd_close(fds[1]);
	if (pid > 0)
		fd_read_full(fds[0], &there, sizeof there);
	fd_close(fds[0]);
	if (pid > 0)
		wait_status(pid);
	if (there.tv_sec < here.tv_sec + 100000) {
		fact_set(r, FACT_BROKEN, "the clock does not shift",
			"monotonic offset 100000 s written, the child's clock is %lld s on",
			(long long)(there.tv_sec - here.tv_sec));
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWTIME); an offset of 100000 s is seen by a child's clock");
	return true;
}

static const struct ns mnt = {CLONE_NEWNS, "mnt", prove_mnt, mnt_seen};
static const struct ns pid = {CLONE_NEWPID, "pid_for_children", prove_pid, NULL};
static const struct ns net = {CLONE_NEWNET, "net", prove_net, NULL};
static const struct ns ipc = {CLONE_NEWIPC, "ipc", prove_ipc, ipc_seen};
static const struct ns uts = {CLONE_NEWUTS, "uts", prove_uts, uts_seen};
static const struct ns cgroup = {CLONE_NEWCGROUP, "cgroup", prove_cgroup, NULL};
static const struct ns timens = {CLONE_NEWTIME, "time_for_children", prove_time, NULL};

/* A process that stays outside; once told to, it exits with 1 if it sees what was done. */
static pid_t outsider_start(const struct ns *n, int *ret_go_fd)
{
	int go[2];
	char byte;
	*ret_go_fd = -1;
	if (!n->seen_outside || pipe2(go, O_CLOEXEC) < 0)
		return -1;
	pid_t child = trial_fork();
	if (child == 0) {
		fd_close(go[1]);
		_exit(read(go[0], &byte, 1) == 1 && n->seen_outside());
	}
	fd_close(go[0]);
	*ret_go_fd = go[1];
	return child;
}

static bool link_read(const struct ns *n, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/ns/%s", n->link);
	ssize_t len = readlink(path, text, size - 1);
	text[len > 0 ? len : 0] = '\0';
	return len > 0;
}

static void ask(struct fact_result *r, const struct ns *n, int userns)
{
	char before[64], after[64];
	const char *op;
	_cleanup_fd_ int go_fd = -1;
	pid_t outsider = outsider_start(n, &go_fd);
	bool linked = link_read(n, before, sizeof before);
	if (!trial_unshare(n->flag | userns, &op)) {
		fact_refused(r, errno, op, "for %s%s", n->link,
			userns ? " in an own user namespace" : "");
		return;
	}
	linked = linked && link_read(n, after, sizeof after);
	if (linked && strcmp(before, after) == 0) {
		fact_set(r, FACT_BROKEN, "no new namespace came of it",
			"unshare succeeded, yet /proc/self/ns/%s is %s as before", n->link, after);
		return;
	}
	if (!n->prove(r))
		return;
	if (outsider > 0 && fd_write_all(go_fd, "x", 1) && wait_status(outsider) != 0)
		fact_set(r, FACT_BROKEN, "what is done in it is seen outside",
			"unshare succeeded; a process outside saw what was made inside");
}

#define NS_TRIALS(name, ns)                                                                        \
	void try_ns_##name(struct fact_result *r)                                                  \
	{                                                                                          \
		ask(r, &(ns), 0);                                                                  \
	}                                                                                          \
	void try_ns_##name##_userns(struct fact_result *r)                                         \
	{                                                                                          \
		ask(r, &(ns), CLONE_NEWUSER);                                                      \
	}
NS_TRIALS(mnt, mnt)
NS_TRIALS(pid, pid)
NS_TRIALS(net, net)
NS_TRIALS(ipc, ipc)
NS_TRIALS(uts, uts)
NS_TRIALS(cgroup, cgroup)
NS_TRIALS(time, timens)
