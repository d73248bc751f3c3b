/* TUN: the node, TUNSETIFF in an own network namespace (where the interface also has to
 * carry a packet), and in the one that this process is in, where it is made under a name
 * that the kernel picks and is gone at once.  Which right was missing is told by
 * kernel/tun.h. */
#include "kernel/tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/caps.h"
#include "kernel/ns.h"
#include "probe/trial.h"
#include "probe/trials.h"

#define TUN_TEMPLATE "ndprobe%d"
enum { PACKET_MS = 300 };

/* Answers with what tun_err says of a failed trial. */
static void refuse(struct fact_result *r, const struct tun_trial *t, const char *where)
{
	struct netns_owner owner;
	uint64_t caps = 0;
	err_free(caps_effective(&caps));
	_cleanup_err_ nd_err *e = tun_err(t, netns_owner(0, &owner) ? &owner : NULL, caps);
	const char *detail = err_find_detail(e), *remedy = err_find_remedy(e);
	const char *op = strcmp(t->op, "open") == 0 ? "open " TUN_NODE : t->op;
	fact_refused(r, t->errnum, op, "%s%s: %s%s%s; CapEff %016llx", op, where,
		strerror(t->errnum), detail ? "; " : "", detail ? detail : "",
		(unsigned long long)caps);
	if (strcmp(e->code, "tun-netns-owner") == 0)
		snprintf(r->reason, sizeof r->reason,
			"TUNSETIFF: the network namespace belongs to another user namespace");
	else if (strcmp(e->code, "tun-no-cap") == 0)
		snprintf(r->reason, sizeof r->reason, "TUNSETIFF: CAP_NET_ADMIN is missing");
	snprintf(r->remedy, sizeof r->remedy, "%s", remedy ? remedy : "");
}

void try_tun_device(struct fact_result *r)
{
	struct stat st;
	_cleanup_fd_ int fd = open(TUN_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct tun_trial t = {.errnum = errno, .op = "open"};
	if (fd >= 0) {
		fact_works(r, "open(" TUN_NODE ", O_RDWR) succeeded");
		return;
	}
	refuse(r, &t, "");
	size_t n = strlen(r->evidence);
	if (stat(TUN_NODE, &st) == 0)
		snprintf(r->evidence + n, sizeof r->evidence - n,
			"; owner %u:%u, mode %04o, this process is %u:%u", st.st_uid, st.st_gid,
			st.st_mode & 07777u, geteuid(), getegid());
}

static void set_addr(struct ifreq *ifr, const char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	inet_pton(AF_INET, text, &a.sin_addr);
	memcpy(&ifr->ifr_addr, &a, sizeof a);
}

/* Gives the interface an address and sends a datagram to its neighbour: the packet must
 * come out of the descriptor. */
static bool carries(int tun_fd, const char *name, const char **op)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	inet_pton(AF_INET, "192.0.2.2", &to.sin_addr);
	memcpy(ifr.ifr_name, name, strnlen(name, sizeof ifr.ifr_name - 1));
	*op = "socket";
	if (fd < 0)
		return false;
	set_addr(&ifr, "192.0.2.1");
	if ((*op = "SIOCSIFADDR", ioctl(fd, SIOCSIFADDR, &ifr)) < 0)
		return false;
	set_addr(&ifr, "255.255.255.0");
	if ((*op = "SIOCSIFNETMASK", ioctl(fd, SIOCSIFNETMASK, &ifr)) < 0)
		return false;
	ifr.ifr_flags = IFF_UP;
	if ((*op = "SIOCSIFFLAGS", ioctl(fd, SIOCSIFFLAGS, &ifr)) < 0 ||
		(*op = "sendto", sendto(fd, "nidus", 5, 0, (struct sockaddr *)&to, sizeof to)) < 0)
		return false;
	*op = "read";
	for (;;) {
		unsigned char packet[256];
		struct pollfd p = {tun_fd, POLLIN, 0};
		if (poll(&p, 1, PACKET_MS) != 1) {
			errno = ETIMEDOUT;
			return false;
		}
		ssize_t n = read(tun_fd, packet, sizeof packet);
		if (n < 0)
			return false;
		/* The kernel's own IPv6 chatter may come first. */
		if (n == 33 && packet[0] >> 4 == 4 && memcmp(packet + 28, "nidus", 5) == 0)
			return true;
	}
}

static void in_own(struct fact_result *r)
{
	struct tun_trial t;
	const char *op;
	_cleanup_fd_ int fd = tun_open("tun0", IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, &t);
	if (fd < 0)
		refuse(r, &t, " in an own network namespace");
	else if (carries(fd, t.name, &op))
		fact_works(r,
			"TUNSETIFF made %s in an own network namespace, and a datagram to its "
			"subnet came out of the descriptor",
			t.name);
	else
		fact_refused(r, errno, op,
			"TUNSETIFF made %s in an own network namespace, but no "
			"packet came through it",
			t.name);
}

void try_tun_own(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNET, in_own);
}

void try_tun_current(struct fact_result *r)
{
	struct tun_trial t;
	struct netns_owner owner;
	char text[240] = "no /proc to name the namespaces with";
	uint64_t caps = 0;
	err_free(caps_effective(&caps));
	if (!tun_try(TUN_TEMPLATE, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, &t)) {
		refuse(r, &t, " in the network namespace at hand");
		return;
	}
	if (netns_owner(0, &owner))
		netns_owner_text(&owner, text, sizeof text);
	fact_works(r, "TUNSETIFF made %s and removed it; %s; CapEff %016llx", t.name, text,
		(unsigned long long)caps);
}
