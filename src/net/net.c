/* The network ladder: see net.h.  A rung is tried, not looked up; what refuses it becomes
 * the reason in the plan. */
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "net/nat.h"
#include "net/user.h"

#define NEED "network"

static const char *const mode_names[] = {
	[NET_AUTO] = "auto",
	[NET_HOST] = "host",
	[NET_NONE] = "none",
	[NET_BRIDGE] = "bridge",
	[NET_USER] = "user",
};

const char *net_mode_name(enum net_mode m)
{
	return mode_names[m];
}

nd_err *net_mode_parse(const char *text, enum net_mode *ret)
{
	for (int m = NET_HOST; m <= NET_USER; m++)
		if (strcmp(text, mode_names[m]) == 0) {
			*ret = (enum net_mode)m;
			return NULL;
		}
	if (strcmp(text, "pasta") == 0 || strcmp(text, "slirp4netns") == 0) {
		*ret = NET_USER;
		return NULL;
	}
	return err_invalid("--network: '%s' is not one of host, none, bridge, user", text);
}

void net_state_init(struct net_state *s)
{
	*s = (struct net_state){
		.mode = NET_NONE, .rung = "none", .rt = NL_SOCK_NONE, .helper = HELPER_NONE};
}

void net_state_done(struct net_state *s)
{
	port_list_done(&s->ports);
	port_release(&s->port_fds, &s->n_port_fds);
	nl_close(&s->rt);
	fd_done(&s->helper.pid_fd);
	net_state_init(s);
}

static void leave(struct plan *plan, const char *rung, const char *fact, const nd_err *e)
{
	_cleanup_free_ char *line = err_line(e);
	plan_leave(plan, NEED, rung, line, fact);
}

/* The probe's question that would have told. */
static const char *fact_of(const nd_err *e)
{
	const nd_err *root = err_root(e);
	if (root->errnum == EPERM)
		return "net.admin";
	static const char *const nft_ops[] = {
		"change", "table", "chain", "rule", "add set", "element"};
	for (size_t i = 0; root->op && i < ARRAY_SIZE(nft_ops); i++)
		if (strstr(root->op, nft_ops[i]))
			return "nft";
	return "bridge";
}

/* The bridge, and under the lock everything that says the address is ours. */

static nd_err *publish(const struct bridge *b, struct net_state *s)
{
	_cleanup_nl_ struct nl_sock nf = NL_SOCK_NONE;
	TRY(nl_open(NETLINK_NETFILTER, &nf));
	return nat_publish(&nf, b->name, &s->ports, s->ip);
}

static nd_err *lease_and_publish(const struct net_request *q, struct net_state *s)
{
	const struct lease_ask ask = {.state_fd = q->state_fd,
		.id = q->id,
		.subnet = s->bridge.subnet,
		.gateway = s->bridge.gateway,
		.want = q->ip};
	TRY(lease_take(&ask, &s->ip));
	nd_err *e = publish(&s->bridge, s);
	if (e && !str_eq(err_find_code(e), "nat-absent"))
		lease_drop(q->state_fd, s->ip);
	return e;
}

/* Without the bridge or its table: make them, while nobody else does. */
static nd_err *bridge_mend(const struct net_request *q, struct net_state *s)
{
	_cleanup_fd_ int lock = -1;
	TRY(lease_lock(q->state_fd, true, &lock));
	TRY(bridge_find(q->state_fd, &s->rt, &s->bridge));
	if (!s->bridge.index)
		TRY(bridge_make(q->state_fd, &s->rt, &s->bridge));
	nd_err *e = lease_and_publish(q, s);
	if (!e || !str_eq(err_find_code(e), "nat-absent"))
		return e;
	err_free(e);
	{
		_cleanup_nl_ struct nl_sock nf = NL_SOCK_NONE;
		TRY(nl_open(NETLINK_NETFILTER, &nf));
		TRY(nat_make(&nf, s->bridge.name, s->bridge.subnet));
	}
	return lease_and_publish(q, s);
}

static nd_err *bridge_prepare(const struct net_request *q, struct net_state *s)
{
	_cleanup_fd_ int lock = -1;
	TRY(lease_lock(q->state_fd, false, &lock));
	TRY(nl_open(NETLINK_ROUTE, &s->rt));
	TRY(bridge_find(q->state_fd, &s->rt, &s->bridge));
	nd_err *e = s->bridge.index ? lease_and_publish(q, s) : NULL;
	if (!s->bridge.index || (e && str_eq(err_find_code(e), "nat-absent"))) {
		err_free(e);
		fd_done(&lock); /* flock(2) does not turn shared into exclusive in one step */
		e = bridge_mend(q, s);
	}
	if (e)
		return e;
	s->mode = NET_BRIDGE;
	s->rung = "bridge";
	s->gateway = s->host_ip = s->bridge.gateway;
	s->prefix = s->bridge.subnet.prefix;
	if (q->mac)
		memcpy(s->mac, q->mac, sizeof s->mac);
	else
		bridge_mac(s->ip, s->mac);
	snprintf(s->ifname, sizeof s->ifname, "eth0");
	bridge_link_name(s->ip, s->link);
	return NULL;
}

static nd_err *find_holder(const struct net_request *q, char **ret_id)
{
	_cleanup_nl_ struct nl_sock rt = NL_SOCK_NONE, nf = NL_SOCK_NONE;
	struct bridge b;
	struct in_addr to = {0};
	char ip[INET_ADDRSTRLEN];
	TRY(nl_open(NETLINK_ROUTE, &rt));
	TRY(bridge_find(q->state_fd, &rt, &b));
	if (!b.index)
		return NULL;
	TRY(nl_open(NETLINK_NETFILTER, &nf));
	TRY(nat_holder(&nf, b.name, &q->ports, &to));
	return to.s_addr ? record_get(q->state_fd, inet_ntop(AF_INET, &to, ip, sizeof ip), ret_id)
			 : NULL;
}

/* /proc does not show a socket that is only bound, as another run's monitor has it. */
static nd_err *name_holder(const struct net_request *q, nd_err *e)
{
	_cleanup_free_ char *id = NULL;
	if (!e || !str_eq(e->code, "port-in-use"))
		return e;
	err_free(find_holder(q, &id));
	if (!id)
		return e;
	id[strcspn(id, " ")] = '\0';
	err_detail(e, "the run %.12s publishes it", id);
	return err_remedy(e, "Stop that run, publish on another host port, or let nidus choose one "
			     "with '-p :PORT'.");
}

static nd_err *try_bridge(const struct net_request *q, struct plan *plan, struct net_state *s)
{
	TRY(name_holder(q, port_reserve(&s->ports, &s->port_fds, &s->n_port_fds)));
	nd_err *e = bridge_prepare(q, s);
	if (!e) {
		plan_took(plan, NEED, s->rung, NULL, false);
		return NULL;
	}
	port_release(&s->port_fds, &s->n_port_fds);
	nl_close(&s->rt);
	return e;
}

/* A fault in the request is an answer of its own; the next rung would not mend it. */
static bool is_final(const nd_err *e)
{
	const char *code = err_find_code(e);
	static const char *const codes[] = {"invalid", "port-in-use", "port-address",
		"port-privileged", "address-taken", "net-locked"};
	for (size_t i = 0; code && i < ARRAY_SIZE(codes); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return err_root(e)->kind == ND_BUG;
}

/* The address of this place that faces the world: what connect(2) of a datagram socket
 * would send from; nothing is sent. */
static struct in_addr outer_ip(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(0xc0000201)}; /* 192.0.2.1, documentation */
	socklen_t len = sizeof a;
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return (struct in_addr){0};
	return a.sin_addr;
}

static bool user_program(char **ret_missing)
{
	_cleanup_strv_ struct strv names = {0};
	for (size_t i = 0; i < n_user_rungs; i++) {
		_cleanup_free_ char *path = program_find(user_rungs[i].program);
		if (path)
			return true;
		strv_add(&names, user_rungs[i].package);
	}
	*ret_missing = strv_join(&names, " or ");
	return false;
}

static nd_err *user_prepare(struct net_state *s)
{
	_cleanup_free_ char *missing = NULL;
	TRY(user_check());
	if (!user_program(&missing))
		return err_remedy(
			err_new(ND_ABSENT, "no-program", "there is neither pasta nor slirp4netns"),
			"Install %s.", missing);
	TRY(port_reserve(&s->ports, &s->port_fds, &s->n_port_fds));
	s->mode = NET_USER;
	s->rung = "user"; /* net_setup() tells which */
	s->ip = user_ip();
	s->gateway = user_gateway();
	s->prefix = USER_PREFIX;
	s->host_ip = outer_ip();
	snprintf(s->ifname, sizeof s->ifname, USER_IFNAME);
	return NULL;
}

static nd_err *settle(const char *rung, enum net_mode mode, struct plan *plan, struct net_state *s)
{
	s->mode = mode;
	s->rung = rung;
	port_list_done(&s->ports);
	plan_took(plan, NEED, rung, NULL, false);
	return NULL;
}

static nd_err *nothing_left(
	const struct net_request *q, nd_err *e, struct plan *plan, struct net_state *s)
{
	bool asked = q->mode != NET_AUTO || q->ports.n;
	if (is_final(e) || !(q->best_effort || (q->may_be_none && !asked))) {
		nd_err *out = err_wrap(e, "network '%s'", net_mode_name(q->mode));
		return err_find_remedy(out)
			       ? out
			       : err_remedy(out, "Use '--network none' or '--network host'.");
	}
	_cleanup_free_ char *line = err_line(e);
	plan_warn(plan, "no network for the container but loopback: %s", line);
	err_free(e);
	settle("none", NET_NONE, plan, s);
	plan_took(plan, NEED, "none", "loopback only", true);
	return NULL;
}

static nd_err *descend(const struct net_request *q, struct plan *plan, struct net_state *s)
{
	if (q->mode != NET_USER) {
		nd_err *e = try_bridge(q, plan, s);
		if (!e)
			return NULL;
		if (is_final(e) || (q->mode == NET_BRIDGE && !q->best_effort))
			return err_wrap(e, "network '%s'", net_mode_name(q->mode));
		leave(plan, "bridge", fact_of(e), e);
		if (q->mode == NET_BRIDGE)
			plan_warn(plan, "no bridge here: the container gets a user-mode network");
		err_free(e);
	}
	if (q->ip.s_addr)
		return err_invalid("--ip: only a bridge lets an address be chosen");
	nd_err *e = user_prepare(s);
	if (!e)
		return NULL;
	leave(plan, "pasta", NULL, e);
	return nothing_left(q, e, plan, s);
}

nd_err *net_prepare(const struct net_request *q, struct plan *plan, struct net_state *ret)
{
	struct net_state s;
	net_state_init(&s);
	port_list_copy(&s.ports, &q->ports);
	nd_err *e = NULL;
	if (q->mode == NET_HOST || q->mode == NET_NONE) {
		if (q->ports.n)
			plan_warn(plan, "published ports mean nothing with '--network %s'",
				net_mode_name(q->mode));
		e = settle(net_mode_name(q->mode), q->mode, plan, &s);
	} else {
		e = descend(q, plan, &s);
	}
	if (e) {
		net_state_done(&s);
		return e;
	}
	*ret = s;
	return NULL;
}

/* At the start of the container. */

/* For gc, should the watcher be killed, too. */
static nd_err *helper_record(const struct net_request *q, struct net_state *s)
{
	char name[300], text[64];
	snprintf(name, sizeof name, "helper-%s", q->id);
	snprintf(text, sizeof text, "%d %llu", (int)s->helper.pid,
		(unsigned long long)process_start_time(s->helper.pid));
	nd_err *e = record_put(q->state_fd, name, text);
	if (e)
		helper_stop(&s->helper);
	return e;
}

static nd_err *user_setup(
	const struct net_request *q, pid_t pid, int pid_fd, struct plan *plan, struct net_state *s)
{
	const struct user_request r = {.pid = pid,
		.pid_fd = pid_fd,
		.ports = &s->ports,
		.port_fds = s->port_fds,
		.n_port_fds = s->n_port_fds};
	nd_err *first = NULL;
	helper_stop(&s->helper);
	for (size_t i = 0; i < n_user_rungs; i++) {
		const struct user_rung *u = &user_rungs[i];
		_cleanup_free_ char *path = program_find(u->program);
		nd_err *e = path ? u->start(path, &r, &s->helper)
				 : err_new(ND_ABSENT, "no-program", "there is no program '%s'",
					   u->program);
		if (!e) {
			s->rung = u->name;
			plan_took(plan, NEED, u->name, NULL, false);
			err_free(first);
			return helper_record(q, s);
		}
		leave(plan, u->name, NULL, e);
		if (!first || str_eq(err_find_code(first), "no-program")) {
			err_free(first);
			first = e;
		} else {
			err_free(e);
		}
	}
	return err_wrap(first, "network 'user'");
}

nd_err *net_setup(
	const struct net_request *q, pid_t pid, int pid_fd, struct plan *plan, struct net_state *s)
{
	if (s->mode == NET_USER)
		return user_setup(q, pid, pid_fd, plan, s);
	if (s->mode != NET_BRIDGE)
		return NULL;
	if (s->rt.fd < 0) /* a restart */
		TRY(nl_open(NETLINK_ROUTE, &s->rt));
	const struct attach a = {.pid = pid,
		.pid_fd = pid_fd,
		.ip = s->ip,
		.mac = s->mac,
		.ifname = s->ifname,
		.published = s->ports.n > 0};
	nd_err *e = bridge_attach(&s->rt, &s->bridge, &a);
	nl_close(&s->rt);
	return err_wrap(e, "network 'bridge'");
}

void net_state_json(const struct net_state *s, struct json_out *o, const char *key)
{
	char text[INET_ADDRSTRLEN];
	jo_open(o, key, '{');
	jo_str(o, "mode", net_mode_name(s->mode));
	jo_str(o, "rung", s->rung);
	if (*s->ifname) {
		jo_str(o, "interface", s->ifname);
		jo_str(o, "ip", inet_ntop(AF_INET, &s->ip, text, sizeof text));
		jo_int(o, "prefix", s->prefix);
		jo_str(o, "gateway", inet_ntop(AF_INET, &s->gateway, text, sizeof text));
	}
	if (*s->link) {
		char mac[18];
		snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", s->mac[0], s->mac[1],
			s->mac[2], s->mac[3], s->mac[4], s->mac[5]);
		jo_str(o, "mac", mac);
		jo_str(o, "link", s->link);
		jo_str(o, "bridge", s->bridge.name);
	}
	if (s->helper.pid > 0)
		jo_int(o, "helper_pid", s->helper.pid);
	port_json(&s->ports, o, "ports");
	jo_close(o, '}');
}
