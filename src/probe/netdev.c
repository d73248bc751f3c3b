/* Links and filters: a veth pair, a bridge, an nftables table, each made in an own network
 * namespace and used there, so that all goes with the trial's process.  The other end of
 * the pair stands in the network namespace of a child, as a container's does. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/nft.h"
#include "kernel/rtnl.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { ANSWER_MS = 400, AGAIN_MS = 20, PORT = 9 };
#define OURS   "ndprobe0"
#define PEER   "ndprobe1"
#define BRIDGE "ndprobe-br"
#define TABLE  "nidus-probe"

static struct in_addr host(unsigned n)
{
	return (struct in_addr){htonl(0xc0000200 + n)}; /* 192.0.2.n, RFC 5737 */
}

enum { FAR_START = 1, FAR_LINK, FAR_SILENT, FAR_JUNK };

/* The child's side: waits until its end of the pair is there, takes an address and says
 * so, then waits for the datagram.  Its exit status is the step that failed. */
static int far_end(int sync_fd)
{
	char byte = 0;
	_cleanup_nl_ struct nl_sock s = NL_SOCK_NONE;
	_cleanup_batch_ struct nl_batch q = {0};
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = host(2)};
	if (unshare(CLONE_NEWNET) < 0 || write(sync_fd, "u", 1) != 1 ||
		read(sync_fd, &byte, 1) != 1)
		return FAR_START;
	nd_err *e = nl_open(NETLINK_ROUTE, &s);
	if (!e) {
		unsigned index = rtnl_index(&s, PEER);
		rtnl_addr_add(&q, index, host(2), 24);
		rtnl_link_set(&q, &(struct link_spec){.index = index, .up = true});
		e = nl_run(&s, &q);
	}
	err_free(e);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (e || fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return FAR_LINK;
	struct pollfd p = {fd, POLLIN, 0};
	if (write(sync_fd, "r", 1) != 1 || poll(&p, 1, ANSWER_MS) != 1)
		return FAR_SILENT;
	return recv(fd, &byte, 1, 0) == 1 && byte == 'n' ? 0 : FAR_JUNK;
}

/* Makes the pair (and the bridge that holds our end) with our address on it.  The spare
 * pair shifts the numbers: where both ends have the same one, the kernel takes them for
 * one device and lets the carrier's event wait for up to a second (link_watch.c,
 * linkwatch_urgent_event), and until then the end that was first up drops all. */
static nd_err *near_end(struct nl_sock *s, pid_t child, bool bridged)
{
	_cleanup_batch_ struct nl_batch q = {0};
	struct link_spec pair = {.name = OURS,
		.kind = "veth",
		.up = true,
		.peer = {.name = PEER, .netns_fd = -1, .netns_pid = child}};
	struct link_spec spare = {
		.name = "ndprobe2", .kind = "veth", .peer = {.name = "ndprobe3", .netns_fd = -1}};
	TRY(nl_open(NETLINK_ROUTE, s));
	rtnl_link_add(&q, &spare);
	if (bridged) {
		rtnl_link_add(&q, &(struct link_spec){.name = BRIDGE, .kind = "bridge"});
		TRY(nl_run(s, &q));
		pair.master = rtnl_index(s, BRIDGE);
	}
	rtnl_link_add(&q, &pair);
	TRY(nl_run(s, &q));
	rtnl_addr_add(&q, rtnl_index(s, bridged ? BRIDGE : OURS), host(1), 24);
	return nl_run(s, &q);
}

/* Waits until our end sees the other's carrier; a bridge only gets its own at once when
 * it goes up after its port. */
static nd_err *settle(struct nl_sock *s, bool bridged)
{
	_cleanup_batch_ struct nl_batch q = {0};
	struct link_info l = {0};
	for (int64_t until = now_ms() + ANSWER_MS; now_ms() < until; usleep(500)) {
		TRY(rtnl_link_get(s, OURS, &l));
		if (l.flags & IFF_RUNNING)
			break;
	}
	if (bridged)
		rtnl_link_set(&q, &(struct link_spec){.name = BRIDGE, .up = true});
	return nl_run(s, &q);
}

static bool await_byte(int fd)
{
	char byte;
	struct pollfd p = {fd, POLLIN, 0};
	return poll(&p, 1, ANSWER_MS) == 1 && read(fd, &byte, 1) == 1;
}

/* Sends until the far end has one and closes its side; its exit status. */
static int send_through(int sync_fd, pid_t child)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = host(2)};
	struct pollfd gone = {sync_fd, POLLRDHUP, 0};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	do
		(void)!sendto(fd, "n", 1, 0, (struct sockaddr *)&to, sizeof to);
	while (poll(&gone, 1, AGAIN_MS) == 0);
	return wait_status(child);
}

static const char *const far_steps[] = {[FAR_START] = "its network namespace was refused",
	[FAR_LINK] = "the other end took no address",
	[FAR_SILENT] = "no packet came through in time",
	[FAR_JUNK] = "something else came through"};

static void pair_up(struct fact_result *r, bool bridged, int sync_fd, pid_t child)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_NONE;
	int status = FAR_START;
	nd_err *e = await_byte(sync_fd)
			    ? near_end(&s, child, bridged)
			    : err_sys(EPERM, "unshare", "the child's network namespace");
	if (!e && write(sync_fd, "g", 1) == 1 && await_byte(sync_fd)) {
		e = settle(&s, bridged);
		status = e ? 0 : send_through(sync_fd, child);
	} else if (!e) {
		status = wait_status(child);
	}
	if (e)
		fact_of_err(r, e, bridged ? "a bridge with a veth pair" : "a veth pair");
	else if (status == 0)
		fact_works(r,
			"RTM_NEWLINK made %s" OURS " and " PEER ", the latter in a child's network "
			"namespace; a datagram came through",
			bridged ? BRIDGE " and in it " : "");
	else
		fact_set(r, FACT_BROKEN, "no packet came through", "the %s was made, but %s",
			bridged ? "bridge" : "veth pair",
			(size_t)status < ARRAY_SIZE(far_steps) ? far_steps[status]
							       : "the other side died");
}

static void pair(struct fact_result *r, bool bridged)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		fact_refused(r, errno, "socketpair", "for the child of the trial");
		return;
	}
	pid_t child = trial_fork();
	if (child == 0) {
		fd_close(ends[0]);
		_exit(far_end(ends[1]));
	}
	int err = errno;
	fd_close(ends[1]);
	if (child < 0)
		fact_refused(r, err, "fork", "for the other side");
	else
		pair_up(r, bridged, ends[0], child);
	fd_close(ends[0]);
}

static void veth(struct fact_result *r)
{
	pair(r, false);
}

static void bridge(struct fact_result *r)
{
	pair(r, true);
}

/* A table with a masquerading chain, and one that drops what goes to PORT. */
static void put_table(struct nl_batch *q)
{
	static const uint8_t udp = IPPROTO_UDP;
	nft_batch_begin(q);
	nft_table_add(q, NFPROTO_IPV4, TABLE, true);
	nft_chain_add(q,
		&(struct nft_chain){TABLE, "post", "nat", NFPROTO_IPV4, NF_INET_POST_ROUTING, 100});
	struct nft_rule rule = nft_rule_open(q, NFPROTO_IPV4, TABLE, "post");
	nft_ifname(q, NFT_META_OIFNAME, NFT_CMP_NEQ, "lo");
	nft_masq(q);
	nft_rule_close(q, rule);
	nft_chain_add(
		q, &(struct nft_chain){TABLE, "out", "filter", NFPROTO_IPV4, NF_INET_LOCAL_OUT, 0});
	rule = nft_rule_open(q, NFPROTO_IPV4, TABLE, "out");
	nft_meta(q, NFT_META_L4PROTO, NFT_REG_1);
	nft_cmp(q, NFT_CMP_EQ, NFT_REG_1, &udp, sizeof udp);
	nft_verdict(q, NF_DROP);
	nft_rule_close(q, rule);
	nft_batch_end(q);
}

static nd_err *lo_up(void)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_NONE;
	_cleanup_batch_ struct nl_batch q = {0};
	TRY(nl_open(NETLINK_ROUTE, &s));
	rtnl_link_set(&q, &(struct link_spec){.name = "lo", .up = true});
	return nl_run(&s, &q);
}

/* 0, or errno of a datagram to the loopback. */
static int send_local(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, "n", 1, 0, (struct sockaddr *)&to, sizeof to) < 0)
		return errno;
	return 0;
}

static nd_err *use_table(int *ret_with, int *ret_without)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_NONE;
	_cleanup_batch_ struct nl_batch q = {0};
	TRY(lo_up());
	TRY(nl_open(NETLINK_NETFILTER, &s));
	put_table(&q);
	TRY(nl_run(&s, &q));
	TRY(nft_table_check(&s, NFPROTO_IPV4, TABLE));
	*ret_with = send_local();
	nft_batch_begin(&q);
	nft_table_del(&q, NFPROTO_IPV4, TABLE);
	nft_batch_end(&q);
	TRY(nl_run(&s, &q));
	*ret_without = send_local();
	return NULL;
}

static void nft(struct fact_result *r)
{
	int with = 0, without = 0;
	nd_err *e = use_table(&with, &without);
	if (e)
		fact_of_err(r, e, "a table with a masquerade rule in an own network namespace");
	else if (with != EPERM || without != 0)
		fact_set(r, FACT_BROKEN, "its rules do nothing",
			"a table was loaded and deleted; a datagram that it drops: %s; after it: "
			"%s",
			strerror(with), strerror(without));
	else
		fact_works(r, "a table with a masquerade and a drop rule was loaded in an own "
			      "network namespace, dropped a datagram (EPERM), and was deleted");
}

void try_veth(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNET, veth);
}

void try_bridge(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNET, bridge);
}

void try_nft(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNET, nft);
}
