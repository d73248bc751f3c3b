/* The network of a run: from the options to net/, its hook and its end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/run_job.h"
#include "net/files.h"
#include "supervise/state.h"

static nd_err *connect_network(pid_t pid, int pid_fd, struct plan *plan, void *arg)
{
	struct run_job *j = arg;
	plan_merge(plan, &j->plan);
	return net_setup(&j->net, pid, pid_fd, plan, &j->net_state);
}

static nd_err *parse_addresses(struct run_job *j)
{
	const struct run_opts *o = j->o;
	if (o->ip && inet_pton(AF_INET, o->ip, &j->net.ip) != 1)
		return err_invalid("--ip: '%s' is not an IPv4 address", o->ip);
	if (o->mac) {
		unsigned b[6];
		char rest;
		if (sscanf(o->mac, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4],
			    &b[5], &rest) != 6)
			return err_invalid(
				"--mac-address: '%s' is not as 02:42:ac:11:00:02", o->mac);
		for (int i = 0; i < 6; i++)
			j->mac[i] = (uint8_t)b[i];
		j->net.mac = j->mac;
	}
	for (size_t i = 0; i < o->publish.n; i++)
		TRY(port_parse(o->publish.v[i], &j->net.ports));
	return NULL;
}

/* What the container's own /etc/hosts, resolv.conf and hostname are made from. */
static struct net_names names_of(struct run_job *j)
{
	const struct run_opts *o = j->o;
	return (struct net_names){.hostname = j->r.spec.hostname,
		.aliases = &j->aliases,
		.add_hosts = &o->add_hosts,
		.dns = &o->dns,
		.dns_search = &o->dns_search,
		.dns_option = &o->dns_options};
}

/* With --network none only what was asked for: such a container resolves nothing. */
static nd_err *make_files(struct run_job *j)
{
	struct net_names names = names_of(j);
	const struct run_opts *o = j->o;
	struct container_spec *s = &j->r.spec;
	_cleanup_strv_ struct strv files = {0};
	bool asked = o->add_hosts.n || o->dns.n || o->dns_search.n || o->dns_options.n;
	if ((j->net.mode == NET_HOST || j->net.mode == NET_NONE) && !asked &&
		s->rootfs.kind == ROOTFS_PLACE)
		return NULL;
	TRY(net_files(&names, &j->net_state, &j->plan, &files));
	for (size_t i = 0; i < files.n; i++)
		if (!o->no_hosts || !str_starts(files.v[i], "/etc/hosts="))
			strv_add(&s->files, files.v[i]);
	return NULL;
}

nd_err *run_network(struct run_job *j)
{
	j->net.id = j->id;
	j->net.state_fd = -1;
	j->net.best_effort = j->o->best_effort;
	TRY(parse_addresses(j));
	if (j->o->name)
		strv_add(&j->aliases, j->o->name);
	struct net_names names = names_of(j);
	TRY(net_names_check(&names));
	j->r.network = str_dup(j->network);
	j->net.mode = NET_HOST;
	if (str_eq(j->network, "joined"))
		return NULL;
	TRY(net_mode_parse(j->network, &j->net.mode));
	if (j->net.mode == NET_BRIDGE && !j->o->network)
		j->net.mode = NET_AUTO;
	if (j->net.mode == NET_USER && !j->o->network)
		j->net.mode = NET_AUTO;
	return NULL;
}

nd_err *run_network_prepare(struct run_job *j)
{
	if (str_eq(j->network, "joined"))
		return NULL;
	if (j->net.mode != NET_HOST && j->net.mode != NET_NONE) {
		_cleanup_state_ struct state st = {.runs_fd = -1};
		TRY(state_open(&st));
		j->net.state_fd = open(st.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (j->net.state_fd < 0)
			return err_sys(errno, "open", "%s", st.path);
		j->net.may_be_none = j->net.mode == NET_AUTO && !j->net.ports.n;
		j->r.hooks.network = connect_network;
		j->r.hooks.arg = j;
	}
	TRY(net_prepare(&j->net, &j->plan, &j->net_state));
	return make_files(j);
}
