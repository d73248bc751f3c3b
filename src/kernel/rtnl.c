/* rtnetlink requests and replies: see rtnl.h.  A veth pair with both names, addresses,
 * MTU, namespace, bridge and up flag takes one RTM_NEWLINK (drivers/net/veth.c reads the
 * peer's own ifinfomsg and attributes from VETH_INFO_PEER).  Settings of
 * net.ipv4.conf.NAME go by IFLA_AF_SPEC, which works where /proc/sys is read-only. */
#include "kernel/rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Read when a link is changed, not when it is made (rtnetlink.c, do_setlink). */
static void put_conf(struct nl_batch *q, const struct link_spec *s)
{
	if (!s->forward && !s->route_localnet)
		return;
	size_t spec = nl_nest(q, IFLA_AF_SPEC), inet = nl_nest(q, AF_INET);
	size_t conf = nl_nest(q, IFLA_INET_CONF);
	if (s->forward)
		nl_put_u32(q, IPV4_DEVCONF_FORWARDING, s->forward > 0);
	if (s->route_localnet)
		nl_put_u32(q, IPV4_DEVCONF_ROUTE_LOCALNET, 1);
	nl_nest_end(q, conf);
	nl_nest_end(q, inet);
	nl_nest_end(q, spec);
}

static void put_common(struct nl_batch *q, const struct link_spec *s)
{
	if (s->mac)
		nl_put(q, IFLA_ADDRESS, s->mac, 6);
	if (s->mtu)
		nl_put_u32(q, IFLA_MTU, s->mtu);
	if (s->master)
		nl_put_u32(q, IFLA_MASTER, s->master);
	if (s->group)
		nl_put_u32(q, IFLA_GROUP, s->group);
}

static void put_peer(struct nl_batch *q, const struct link_spec *s)
{
	const struct veth_peer *p = &s->peer;
	struct ifinfomsg h = {0};
	size_t nest = nl_nest(q, VETH_INFO_PEER);
	nl_raw(q, &h, sizeof h);
	nl_put_str(q, IFLA_IFNAME, p->name);
	if (p->mac)
		nl_put(q, IFLA_ADDRESS, p->mac, 6);
	if (s->mtu)
		nl_put_u32(q, IFLA_MTU, s->mtu);
	if (p->netns_fd >= 0)
		nl_put_u32(q, IFLA_NET_NS_FD, (uint32_t)p->netns_fd);
	else if (p->netns_pid)
		nl_put_u32(q, IFLA_NET_NS_PID, (uint32_t)p->netns_pid);
	nl_nest_end(q, nest);
}

void rtnl_link_add(struct nl_batch *q, const struct link_spec *s)
{
	struct ifinfomsg h = {0};
	if (s->up)
		h.ifi_flags = h.ifi_change = IFF_UP;
	nl_begin(q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof h, "add link", s->name);
	nl_put_str(q, IFLA_IFNAME, s->name);
	put_common(q, s);
	size_t info = nl_nest(q, IFLA_LINKINFO);
	nl_put_str(q, IFLA_INFO_KIND, s->kind);
	if (s->peer.name) {
		size_t data = nl_nest(q, IFLA_INFO_DATA);
		put_peer(q, s);
		nl_nest_end(q, data);
	}
	nl_nest_end(q, info);
}

void rtnl_link_set(struct nl_batch *q, const struct link_spec *s)
{
	struct ifinfomsg h = {.ifi_index = (int)s->index};
	if (s->up)
		h.ifi_flags = h.ifi_change = IFF_UP;
	nl_begin(q, RTM_NEWLINK, 0, &h, sizeof h, "set link", s->name);
	if (s->rename || !s->index)
		nl_put_str(q, IFLA_IFNAME, s->rename ? s->rename : s->name);
	if (s->alias)
		nl_put(q, IFLA_IFALIAS, s->alias, strlen(s->alias));
	if (s->netns_fd > 0)
		nl_put_u32(q, IFLA_NET_NS_FD, (uint32_t)s->netns_fd);
	put_common(q, s);
	put_conf(q, s);
	if (s->hairpin) {
		size_t info = nl_nest(q, IFLA_LINKINFO);
		nl_put_str(q, IFLA_INFO_SLAVE_KIND, "bridge");
		size_t data = nl_nest(q, IFLA_INFO_SLAVE_DATA);
		nl_put_u8(q, IFLA_BRPORT_MODE, 1);
		nl_nest_end(q, data);
		nl_nest_end(q, info);
	}
}

void rtnl_link_del(struct nl_batch *q, const char *name)
{
	struct ifinfomsg h = {0};
	nl_begin(q, RTM_DELLINK, 0, &h, sizeof h, "delete link", name);
	nl_put_str(q, IFLA_IFNAME, name);
}

void rtnl_group_del(struct nl_batch *q, unsigned group)
{
	struct ifinfomsg h = {0};
	nl_begin(q, RTM_DELLINK, 0, &h, sizeof h, "delete link", "group");
	nl_put_u32(q, IFLA_GROUP, group);
}

void rtnl_addr_add(struct nl_batch *q, unsigned index, struct in_addr a, unsigned prefix)
{
	struct ifaddrmsg h = {
		.ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = index};
	char text[INET_ADDRSTRLEN];
	nl_begin(q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof h, "add address",
		inet_ntop(AF_INET, &a, text, sizeof text));
	nl_put(q, IFA_LOCAL, &a, sizeof a);
	/* Without IFA_BROADCAST, as ip(8): gVisor refuses it. */
	nl_put(q, IFA_ADDRESS, &a, sizeof a);
}

void rtnl_route_add(
	struct nl_batch *q, struct in_addr dst, unsigned prefix, struct in_addr via, unsigned index)
{
	struct rtmsg h = {
		.rtm_family = AF_INET,
		.rtm_dst_len = (uint8_t)prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = via.s_addr ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
	};
	char text[INET_ADDRSTRLEN];
	nl_begin(q, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof h, "add route",
		prefix ? inet_ntop(AF_INET, &dst, text, sizeof text) : "default");
	if (prefix)
		nl_put(q, RTA_DST, &dst, sizeof dst);
	if (via.s_addr)
		nl_put(q, RTA_GATEWAY, &via, sizeof via);
	if (index)
		nl_put_u32(q, RTA_OIF, index);
}

/* Reading. */

bool rtnl_link_read(const struct nl_reply *m, struct link_info *ret)
{
	struct nl_view v = m->body, value;
	struct ifinfomsg h;
	uint16_t type;
	const void *p = m->type == RTM_NEWLINK ? nl_take(&v, sizeof h) : NULL;
	if (!p)
		return false;
	memcpy(&h, p, sizeof h);
	if (h.ifi_family != AF_UNSPEC)
		return false;
	*ret = (struct link_info){.index = (unsigned)h.ifi_index, .flags = h.ifi_flags};
	while (nl_attr_next(&v, &type, &value)) {
		if (type == IFLA_IFNAME)
			nl_text(value, ret->name, sizeof ret->name);
		else if (type == IFLA_IFALIAS)
			nl_text(value, ret->alias, sizeof ret->alias);
		else if (type == IFLA_MASTER)
			ret->master = nl_u32(value);
		else if (type == IFLA_MTU)
			ret->mtu = nl_u32(value);
		else if (type == IFLA_GROUP)
			ret->group = nl_u32(value);
		else if (type == IFLA_LINKINFO)
			nl_text(nl_attr_find(value, IFLA_INFO_KIND), ret->kind, sizeof ret->kind);
	}
	return true;
}

bool rtnl_route_read(const struct nl_reply *m, struct route_info *ret)
{
	struct nl_view v = m->body, value;
	struct rtmsg h;
	uint16_t type;
	const void *p = m->type == RTM_NEWROUTE ? nl_take(&v, sizeof h) : NULL;
	if (!p)
		return false;
	memcpy(&h, p, sizeof h);
	if (h.rtm_family != AF_INET || h.rtm_dst_len > 32)
		return false;
	*ret = (struct route_info){.prefix = h.rtm_dst_len, .type = h.rtm_type};
	while (nl_attr_next(&v, &type, &value)) {
		if (type == RTA_DST)
			ret->dst.s_addr = nl_u32(value);
		else if (type == RTA_GATEWAY)
			ret->via.s_addr = nl_u32(value);
		else if (type == RTA_OIF)
			ret->index = nl_u32(value);
		else if (type == RTA_PRIORITY)
			ret->metric = nl_u32(value);
	}
	return true;
}

static void one_link(const struct nl_reply *m, void *arg)
{
	struct link_info l;
	if (rtnl_link_read(m, &l))
		*(struct link_info *)arg = l;
}

nd_err *rtnl_link_get(struct nl_sock *s, const char *name, struct link_info *ret)
{
	_cleanup_batch_ struct nl_batch q = {0};
	struct ifinfomsg h = {0};
	struct link_info l = {0};
	nl_begin(&q, RTM_GETLINK, 0, &h, sizeof h, "get link", name);
	nl_put_str(&q, IFLA_IFNAME, name);
	nl_put_u32(&q, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	TRY(nl_get(s, &q, one_link, &l));
	if (!l.index)
		return err_sys(EBADMSG, "get link", "%s", name);
	*ret = l;
	return NULL;
}

struct each {
	void (*link)(const struct link_info *l, void *arg);
	void (*route)(const struct route_info *r, void *arg);
	void *arg;
};

static void each_reply(const struct nl_reply *m, void *arg)
{
	struct each *e = arg;
	struct link_info l;
	struct route_info r;
	if (e->link && rtnl_link_read(m, &l))
		e->link(&l, e->arg);
	if (e->route && rtnl_route_read(m, &r))
		e->route(&r, e->arg);
}

nd_err *rtnl_link_each(
	struct nl_sock *s, void (*fn)(const struct link_info *l, void *arg), void *arg)
{
	_cleanup_batch_ struct nl_batch q = {0};
	struct ifinfomsg h = {0};
	nl_begin(&q, RTM_GETLINK, NLM_F_DUMP, &h, sizeof h, "list", "links");
	nl_put_u32(&q, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return nl_dump(s, &q, each_reply, &(struct each){.link = fn, .arg = arg});
}

nd_err *rtnl_route_each(
	struct nl_sock *s, void (*fn)(const struct route_info *r, void *arg), void *arg)
{
	_cleanup_batch_ struct nl_batch q = {0};
	struct rtmsg h = {.rtm_family = AF_INET};
	nl_begin(&q, RTM_GETROUTE, NLM_F_DUMP, &h, sizeof h, "list", "routes");
	return nl_dump(s, &q, each_reply, &(struct each){.route = fn, .arg = arg});
}

unsigned rtnl_index(struct nl_sock *s, const char *name)
{
	struct ifreq r = {0};
	struct link_info l;
	memcpy(r.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(s->fd, SIOCGIFINDEX, &r) == 0)
		return (unsigned)r.ifr_ifindex;
	/* gVisor's netlink sockets have no ioctls. */
	if (errno != ENOTTY)
		return 0;
	nd_err *e = rtnl_link_get(s, name, &l);
	if (!e)
		return l.index;
	errno = err_root(e)->errnum;
	err_free(e);
	return 0;
}
