/* Sockets that ask for rights: netlink, packet and raw ones, each used and not only
 * opened; and whether this process may change the network that it is in. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/ns.h"
#include "kernel/rtnl.h"
#include "probe/trial.h"
#include "probe/trials.h"

#define MARK "nidus-p" /* 8 bytes: the request to echo has no padding */
enum { ANSWER_MS = 300, MAX_PACKETS = 16 };

static void count_link(const struct link_info *l, void *arg)
{
	unsigned *n = arg;
	n[0]++;
	if (strcmp(l->name, "lo") == 0)
		n[1] = l->index;
}

void try_netlink(struct fact_result *r)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_NONE;
	unsigned n[2] = {0};
	nd_err *e = nl_open(NETLINK_ROUTE, &s);
	if (!e)
		e = rtnl_link_each(&s, count_link, n);
	if (e)
		fact_of_err(r, e, "NETLINK_ROUTE, a dump of the links");
	else if (!n[0])
		fact_set(r, FACT_BROKEN, "it shows no link", "RTM_GETLINK gave an empty list");
	else
		fact_works(r, "RTM_GETLINK listed %u links", n[0]);
}

void try_net_admin(struct fact_result *r)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_NONE;
	_cleanup_batch_ struct nl_batch q = {0};
	struct netns_owner owner;
	char text[240] = "no /proc to name the namespaces with";
	unsigned n[2] = {0};
	nd_err *e = nl_open(NETLINK_ROUTE, &s);
	if (!e)
		e = rtnl_link_each(&s, count_link, n);
	/* Nothing is changed; the right is asked for in any case (rtnetlink_rcv_msg). */
	if (!e && n[1]) {
		rtnl_link_set(&q, &(struct link_spec){.index = n[1]});
		e = nl_run(&s, &q);
	}
	if (netns_owner(0, &owner))
		netns_owner_text(&owner, text, sizeof text);
	if (e)
		fact_of_err(r, e, text);
	else
		fact_works(r, "RTM_NEWLINK for lo, changing nothing, was allowed; %s", text);
}

static bool lo_up(int fd)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return false;
	/* gVisor's comes up by itself and does not know the call. */
	if (ifr.ifr_flags & IFF_UP)
		return true;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
}

/* Reads until a packet ends with MARK; `icmp`: and is one of that type (behind a header
 * of 20 bytes), -1: of any kind. */
static bool see(int fd, int icmp, const char **op)
{
	*op = "recv";
	for (int i = 0; i < MAX_PACKETS; i++) {
		char packet[512];
		struct pollfd p = {fd, POLLIN, 0};
		if (poll(&p, 1, ANSWER_MS) != 1)
			break;
		ssize_t n = recv(fd, packet, sizeof packet, 0);
		if (n < 0)
			return false;
		if (n > 20 + (ssize_t)sizeof MARK &&
			memcmp(packet + (size_t)n - sizeof MARK, MARK, sizeof MARK) == 0 &&
			(icmp < 0 || packet[20] == icmp))
			return true;
	}
	errno = ETIMEDOUT;
	return false;
}

static bool packet_sees(const char **op)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_fd_ int fd =
		(*op = "socket(AF_PACKET)", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return false;
	_cleanup_fd_ int udp =
		(*op = "socket(SOCK_DGRAM)", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (udp < 0 || (*op = "SIOCSIFFLAGS", !lo_up(udp)))
		return false;
	struct sockaddr_ll lo = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex("lo")};
	if ((*op = "bind", bind(fd, (struct sockaddr *)&lo, sizeof lo)) < 0 ||
		(*op = "sendto",
			sendto(udp, MARK, sizeof MARK, 0, (struct sockaddr *)&to, sizeof to)) < 0)
		return false;
	return see(fd, -1, op);
}

static uint16_t checksum(const void *data, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2) {
		uint16_t word;
		memcpy(&word, (const char *)data + i, 2);
		sum += word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* An echo request to the loopback; the kernel answers it. */
static bool raw_pings(const char **op)
{
	struct {
		struct icmphdr head;
		char mark[sizeof MARK];
	} echo = {.head = {.type = ICMP_ECHO}, .mark = MARK};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_fd_ int fd =
		(*op = "socket(SOCK_RAW)", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
	if (fd < 0)
		return false;
	_cleanup_fd_ int udp =
		(*op = "socket(SOCK_DGRAM)", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (udp < 0 || (*op = "SIOCSIFFLAGS", !lo_up(udp)))
		return false;
	echo.head.checksum = checksum(&echo, sizeof echo);
	*op = "sendto";
	if (sendto(fd, &echo, sizeof echo, 0, (struct sockaddr *)&to, sizeof to) < 0)
		return false;
	return see(fd, ICMP_ECHOREPLY, op);
}

static void packet(struct fact_result *r)
{
	const char *op;
	if (packet_sees(&op))
		fact_works(r, "in an own network namespace, a packet socket on lo saw a datagram");
	else
		fact_refused(r, errno, op, "a packet socket in an own network namespace");
}

static void raw(struct fact_result *r)
{
	const char *op;
	if (raw_pings(&op))
		fact_works(r, "in an own network namespace, a raw socket pinged 127.0.0.1");
	else
		fact_refused(r, errno, op, "a raw socket in an own network namespace");
}

/* What the same socket says in the network namespace at hand; it is closed unused. */
static void add_here(struct fact_result *r, int family, int protocol)
{
	_cleanup_fd_ int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int err = errno;
	size_t n = strlen(r->evidence);
	snprintf(r->evidence + n, sizeof r->evidence - n,
		"; in the network namespace at hand, socket(): %s",
		fd < 0 ? strerror(err) : "allowed");
}

void try_socket_packet(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNET, packet);
	add_here(r, AF_PACKET, 0);
}

void try_socket_raw(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNET, raw);
	add_here(r, AF_INET, IPPROTO_ICMP);
}
