/* Taking back what runs leave: the end of one, and the sweep after kills.  Both work on
 * the records and on what the kernel has, under the exclusive lock, ports before the
 * address they point at, so that being killed in the middle leaves the rest findable. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/sys.h"
#include "net/nat.h"
#include "net/net.h"

#define HELPER_PREFIX "helper-"

/* Who holds which address. */
struct holder {
	struct in_addr ip;
	char *id;
	bool dead;
};

struct sweep {
	int state_fd;
	struct holder *v;
	size_t n, n_alive;
	const char *only; /* the one run that ended; NULL: ask `alive` */
	net_alive_fn *alive;
	void *arg;
	struct bridge bridge;
	struct strv doomed_links;
	struct net_gc_report *report;
};

static void sweep_done(struct sweep *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i].id);
	free(w->v);
	strv_done(&w->doomed_links);
}

static bool is_dead(const struct sweep *w, const char *id)
{
	return w->only ? strcmp(id, w->only) == 0 : !w->alive(id, w->arg);
}

/* A run takes its address before it has a folder of its own that says it lives: until
 * then its process does. */
static bool is_preparing(const struct sweep *w, const char *pid_text)
{
	int64_t pid;
	char path[32], stat[256];
	if (w->only || !str_to_i64(pid_text, &pid))
		return false;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read_line(AT_FDCWD, path, stat, sizeof stat) <= 0)
		return false;
	const char *state = strrchr(stat, ')');
	return state && !strchr("ZX", state[1] ? state[2] : 'X');
}

static void see_lease(struct sweep *w, struct in_addr ip, const char *text)
{
	_cleanup_free_ char *id = str_ndup(text, strcspn(text, " "));
	const char *pid = strchr(text, ' ');
	bool dead = is_dead(w, id) && !(pid && is_preparing(w, pid + 1));
	w->v = mem_grow(w->v, w->n + 1, sizeof *w->v);
	w->v[w->n] = (struct holder){ip, steal_ptr(&id), dead};
	w->n_alive += !w->v[w->n++].dead;
}

/* For ports and links in the kernel: does a living run have that address?  At the end of
 * one run only its own are looked at. */
static bool ip_gone(struct in_addr ip, void *arg)
{
	const struct sweep *w = arg;
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].ip.s_addr == ip.s_addr)
			return w->v[i].dead;
	return !w->only &&
	       (ntohl(ip.s_addr) & subnet_mask(w->bridge.subnet.prefix)) == w->bridge.subnet.net;
}

static void see_link(const struct link_info *l, void *arg)
{
	struct sweep *w = arg;
	struct in_addr ip;
	if (l->master == w->bridge.index && bridge_link_ip(l->name, &ip) && ip_gone(ip, w))
		strv_add(&w->doomed_links, l->name);
}

static nd_err *sweep_links(struct sweep *w, struct nl_sock *rt)
{
	TRY(rtnl_link_each(rt, see_link, w));
	for (size_t i = 0; i < w->doomed_links.n; i++) {
		_cleanup_batch_ struct nl_batch q = {0};
		rtnl_link_del(&q, w->doomed_links.v[i]);
		nd_err *e = nl_run(rt, &q);
		if (e && e->errnum != ENODEV) /* its namespace was quicker */
			return e;
		w->report->links += !e;
		err_free(e);
	}
	return NULL;
}

static nd_err *sweep_kernel(struct sweep *w)
{
	_cleanup_nl_ struct nl_sock rt = NL_SOCK_NONE;
	TRY(nl_open(NETLINK_ROUTE, &rt));
	TRY(bridge_find(w->state_fd, &rt, &w->bridge));
	if (!w->bridge.index)
		return NULL;
	_cleanup_nl_ struct nl_sock nf = NL_SOCK_NONE;
	TRY(nl_open(NETLINK_NETFILTER, &nf));
	nd_err *e = nat_forget(&nf, w->bridge.name, ip_gone, w, &w->report->rules);
	if (e && e->errnum != ENOENT) /* flushed by somebody: nothing to take back */
		return e;
	err_free(e);
	if (w->n_alive == 0) {
		TRY(bridge_remove(w->state_fd, &rt, &w->bridge));
		w->report->bridge = true;
		return NULL;
	}
	/* The end of one run leaves its link to the end of its namespace. */
	return w->only ? NULL : sweep_links(w, &rt);
}

static void see_helper(struct sweep *w, const char *key, const char *text)
{
	int pid;
	unsigned long long start;
	char name[300];
	if (!is_dead(w, key))
		return;
	if (sscanf(text, "%d %llu", &pid, &start) == 2 && pid > 1) {
		/* The pidfd first: the start time then speaks of the process it holds. */
		_cleanup_fd_ int fd = sys_pidfd_open(pid, 0);
		if (start && process_start_time(pid) == start) {
			if (fd >= 0 ? sys_pidfd_send_signal(fd, SIGKILL) == 0
				    : kill(pid, SIGKILL) == 0)
				w->report->helpers++;
		}
	}
	snprintf(name, sizeof name, HELPER_PREFIX "%s", key);
	record_drop(w->state_fd, name);
}

static void see_record(const char *name, const char *text, void *arg)
{
	struct in_addr ip;
	const char *key = str_after(name, HELPER_PREFIX);
	if (key)
		see_helper(arg, key, text);
	else if (inet_pton(AF_INET, name, &ip) == 1)
		see_lease(arg, ip, text);
}

static nd_err *sweep_all(struct sweep *w)
{
	_cleanup_fd_ int lock = -1;
	if (faccessat(w->state_fd, "net", F_OK, 0) < 0 && errno == ENOENT)
		return NULL; /* nothing was ever made */
	TRY(lease_lock(w->state_fd, true, &lock));
	TRY(record_each(w->state_fd, see_record, w));
	TRY(sweep_kernel(w));
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].dead) {
			lease_drop(w->state_fd, w->v[i].ip);
			w->report->leases++;
		}
	return NULL;
}

nd_err *net_teardown(int state_fd, const char *id, struct net_state *s)
{
	struct net_gc_report report = {0};
	struct sweep w = {.state_fd = state_fd, .only = id, .report = &report};
	if (s) {
		helper_stop(&s->helper);
		port_release(&s->port_fds, &s->n_port_fds);
		nl_close(&s->rt);
		if (s->mode == NET_HOST || s->mode == NET_NONE)
			return NULL;
	}
	nd_err *e = sweep_all(&w);
	sweep_done(&w);
	return err_wrap(e, "take back the network of %s", id);
}

nd_err *net_gc(int state_fd, net_alive_fn *alive, void *arg, struct net_gc_report *ret)
{
	struct net_gc_report report = {0};
	struct sweep w = {.state_fd = state_fd, .alive = alive, .arg = arg, .report = &report};
	nd_err *e = sweep_all(&w);
	sweep_done(&w);
	*ret = report;
	return err_wrap(e, "take back networks");
}
