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
};

static bool prove_mnt(struct fact_result *r)
{
	const char *op;
	if (!trial_scratch(&op)) {
		fact_refused(r, errno, op, "after unshare(CLONE_NEWNS), all mounts made private");
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWNS), all mounts made private, then a tmpfs mounted");
	return true;
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
	ifr.ifr_flags |= IFF_UP;
	if ((op = "SIOCSIFFLAGS", ioctl(fd, SIOCSIFFLAGS, &ifr)) < 0 ||
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

static bool prove_ipc(struct fact_result *r)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	if (id < 0) {
		fact_refused(r, errno, "shmget", "in the new IPC namespace");
		return false;
	}
	shmctl(id, IPC_RMID, NULL);
	/* Identifiers are counted per namespace: the first of a fresh one is 0. */
	if (id != 0) {
		fact_set(r, FACT_BROKEN, "it is not empty",
			"the first shared memory segment in the new IPC namespace is number %d",
			id);
		return false;
	}
	fact_works(r, "unshare(CLONE_NEWIPC); its first shared memory segment is number 0");
	return true;
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
	fact_works(r, "unshare(CLONE_NEWUTS), then sethostname() was seen by gethostname()");
	return true;
}

static bool prove_cgroup(struct fact_result *r)
{
	char text[4096];
	if (trial_read("/proc/self/cgroup", text, sizeof text) < 0) {
		fact_refused(r, errno, "open", "/proc/self/cgroup");
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

static const struct ns mnt = {CLONE_NEWNS, "mnt", prove_mnt};
static const struct ns pid = {CLONE_NEWPID, "pid_for_children", prove_pid};
static const struct ns net = {CLONE_NEWNET, "net", prove_net};
static const struct ns ipc = {CLONE_NEWIPC, "ipc", prove_ipc};
static const struct ns uts = {CLONE_NEWUTS, "uts", prove_uts};
static const struct ns cgroup = {CLONE_NEWCGROUP, "cgroup", prove_cgroup};
static const struct ns timens = {CLONE_NEWTIME, "time_for_children", prove_time};

static void ask(struct fact_result *r, const struct ns *n, int userns)
{
	char path[64], before[64] = "", after[64] = "";
	const char *op;
	snprintf(path, sizeof path, "/proc/self/ns/%s", n->link);
	bool linked = readlink(path, before, sizeof before - 1) > 0;
	if (!trial_unshare(n->flag | userns, &op)) {
		fact_refused(r, errno, op, "for %s%s", n->link,
			userns ? " in an own user namespace" : "");
		return;
	}
	if (linked && readlink(path, after, sizeof after - 1) > 0 && strcmp(before, after) == 0) {
		fact_set(r, FACT_BROKEN, "no new namespace came of it",
			"unshare succeeded, yet %s is %s as before", path, after);
		return;
	}
	n->prove(r);
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
