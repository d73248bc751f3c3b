/* Routes, links and name servers of the place: see used.h.  A name server behind the
 * default route has no route of its own, and would be cut off by a bridge that covers it. */
#include "net/used.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/fd.h"

enum { MTU_MAX = 1500, RESOLV_MAX = 1 << 20 };

static void add(struct used *u, uint32_t net, unsigned prefix)
{
	u->v = mem_grow(u->v, u->n + 1, sizeof *u->v);
	u->v[u->n++] = (struct subnet){net, prefix};
}

static void see_route(const struct route_info *r, void *arg)
{
	struct used *u = arg;
	if (r->prefix) {
		add(u, ntohl(r->dst.s_addr), r->prefix);
	} else if (r->type == RTN_UNICAST && (!u->way_out || r->metric < u->best_metric)) {
		u->way_out = r->index;
		u->best_metric = r->metric;
	}
}

static void see_link(const struct link_info *l, void *arg)
{
	struct used *u = arg;
	if (l->flags & IFF_LOOPBACK)
		return;
	u->links = mem_grow(u->links, u->n_links + 1, sizeof *u->links);
	struct used_link *k = &u->links[u->n_links++];
	*k = (struct used_link){.index = l->index, .mtu = l->mtu};
	memcpy(k->name, l->name, sizeof k->name);
}

static void see_name_servers(struct used *u)
{
	_cleanup_buf_ struct buf b = {0};
	nd_err *e = file_read(AT_FDCWD, "/etc/resolv.conf", RESOLV_MAX, &b);
	err_free(e);
	for (const char *p = b.data; p && (p = strstr(p, "nameserver"));) {
		char text[INET_ADDRSTRLEN] = "";
		struct in_addr a;
		p += strlen("nameserver");
		p += strspn(p, " \t");
		size_t n = strspn(p, "0123456789.");
		memcpy(text, p, n < sizeof text ? n : 0);
		if (inet_pton(AF_INET, text, &a) == 1)
			add(u, ntohl(a.s_addr), 32);
	}
}

nd_err *used_read(struct nl_sock *rt, struct used *ret)
{
	struct used u = {.mtu = MTU_MAX};
	nd_err *e = rtnl_route_each(rt, see_route, &u);
	if (!e)
		e = rtnl_link_each(rt, see_link, &u);
	if (e) {
		used_done(&u);
		return e;
	}
	see_name_servers(&u);
	for (size_t i = 0; i < u.n_links; i++)
		if (u.links[i].index == u.way_out && u.links[i].mtu < u.mtu)
			u.mtu = u.links[i].mtu;
	*ret = u;
	return NULL;
}

void used_done(struct used *u)
{
	free(u->v);
	free(u->links);
	*u = (struct used){0};
}
