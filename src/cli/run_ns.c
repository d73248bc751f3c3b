/* Namespaces and id maps of `nidus run`. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/run_spec.h"
#include "kernel/caps.h"
#include "kernel/names.h"
#include "kernel/userns.h"
#include "supervise/runinfo.h"
#include "kernel/sys.h"

nd_err *run_place_read(struct run_place *ret)
{
	unsigned sys_admin = 21;
	TRY(caps_effective(&ret->caps));
	ret->privileged = ret->caps >> sys_admin & 1;
	ret->uid = start_euid();
	ret->gid = (gid_t)getauxval(AT_EGID);
	return NULL;
}

static nd_err *open_run_ns(const char *option, const char *ref, const char *file, int *ret_fd)
{
	_cleanup_state_ struct state st = {.runs_fd = -1};
	_cleanup_runinfo_ struct run_info info = {0};
	TRY(state_open(&st));
	TRY_WRAP(runinfo_find(&st, ref, &info), "%s container:%s", option, ref);
	if (info.pid <= 0)
		return err_invalid("%s: the run '%s' is not running", option, ref);
	_cleanup_free_ char *path = str_fmt("/proc/%d/ns/%s", (int)info.pid, file);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "open", "%s", path) : NULL;
}

/* "private", "host", "container:RUN", "ns:PATH"; anything else is for the caller. */
static nd_err *parse_common(
	const char *option, const char *mode, const char *file, struct ns_spec *ns, bool *ret_known)
{
	const char *rest;
	*ret_known = true;
	if (str_eq(mode, "private"))
		ns->mode = NS_NEW;
	else if (str_eq(mode, "host"))
		ns->mode = NS_HOST;
	else if ((rest = str_after(mode, "container:"))) {
		ns->mode = NS_JOIN;
		return open_run_ns(option, rest, file, &ns->fd);
	} else if ((rest = str_after(mode, "ns:"))) {
		ns->mode = NS_JOIN;
		ns->fd = open(rest, O_RDONLY | O_CLOEXEC);
		if (ns->fd < 0)
			return err_sys(errno, "open", "%s (%s)", rest, option);
	} else {
		*ret_known = false;
	}
	return NULL;
}

static nd_err *parse_maps(const char *option, const struct strv *l, struct id_maps *m)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_strv_ struct strv p = {0};
		uint32_t v[3] = {0, 0, 1};
		strv_split(&p, l->v[i], ':');
		bool ok = p.n == 2 || p.n == 3;
		for (size_t k = 0; ok && k < p.n; k++)
			ok = str_to_u32(p.v[k], &v[k]);
		if (!ok || !v[2])
			return err_invalid(
				"%s: '%s' is not INSIDE:OUTSIDE[:COUNT]", option, l->v[i]);
		id_maps_add(m, v[0], v[1], v[2]);
	}
	return NULL;
}

/* Every id that is mapped where we are, to itself. */
static nd_err *map_identity(const char *file, struct id_maps *m)
{
	_cleanup_buf_ struct buf text = {0};
	TRY(file_read(AT_FDCWD, file, 65536, &text));
	for (char *line = text.data; line && *line; line = strchr(line, '\n') + 1) {
		unsigned inside, outside, count;
		if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3)
			id_maps_add(m, inside, inside, count);
		if (!strchr(line, '\n'))
			break;
	}
	return NULL;
}

/* The caller as root, then the subordinate ids that are the caller's, if there are any. */
static void map_subordinate(const struct run_place *place, bool keep_id, struct container_spec *s)
{
	struct userns_maps maps;
	if (!userns_maps_subordinate(&maps)) {
		id_maps_add(&s->uid_maps, keep_id ? place->uid : 0, place->uid, 1);
		id_maps_add(&s->gid_maps, keep_id ? place->gid : 0, place->gid, 1);
		return;
	}
	struct {
		struct id_maps *m;
		uint32_t own, start, count;
	} sides[] = {{&s->uid_maps, place->uid, maps.uids[1].outside, maps.uids[1].count},
		{&s->gid_maps, place->gid, maps.gids[1].outside, maps.gids[1].count}};
	for (size_t i = 0; i < 2; i++) {
		uint32_t own = sides[i].own, start = sides[i].start, count = sides[i].count;
		if (!keep_id || own > count) {
			id_maps_add(sides[i].m, 0, own, 1);
			id_maps_add(sides[i].m, 1, start, count);
			continue;
		}
		if (own)
			id_maps_add(sides[i].m, 0, start, own);
		id_maps_add(sides[i].m, own, own, 1);
		if (count > own)
			id_maps_add(sides[i].m, own + 1, start + own, count - own);
	}
}

static nd_err *map_private(const struct run_place *place, struct container_spec *s)
{
	unsigned setuid = 7, setgid = 6;
	if (place->uid == 0 && place->caps >> setuid & 1 && place->caps >> setgid & 1) {
		TRY(map_identity("/proc/self/uid_map", &s->uid_maps));
		return map_identity("/proc/self/gid_map", &s->gid_maps);
	}
	map_subordinate(place, false, s);
	return NULL;
}

static nd_err *parse_userns(
	const struct run_opts *o, const struct run_place *place, struct container_spec *s)
{
	const char *mode = o->userns;
	bool maps = o->uidmaps.n || o->gidmaps.n, known;
	s->ns[NS_USER].mode = NS_NEW;
	if (maps && mode && !str_eq(mode, "private"))
		return err_invalid("--userns %s: cannot go with --uidmap or --gidmap", mode);
	if (maps) {
		TRY(parse_maps("--uidmap", o->uidmaps.n ? &o->uidmaps : &o->gidmaps, &s->uid_maps));
		return parse_maps(
			"--gidmap", o->gidmaps.n ? &o->gidmaps : &o->uidmaps, &s->gid_maps);
	}
	if (!mode || str_eq(mode, "host")) {
		/* Without privilege a namespace of our own is the only way to any other. */
		if (place->privileged)
			s->ns[NS_USER].mode = NS_HOST;
		else
			return map_private(place, s);
		return NULL;
	}
	if (str_eq(mode, "one") || str_eq(mode, "nomap")) {
		id_maps_add(&s->uid_maps, 0, place->uid, 1);
		id_maps_add(&s->gid_maps, 0, place->gid, 1);
		return NULL;
	}
	if (str_eq(mode, "keep-id")) {
		map_subordinate(place, true, s);
		return NULL;
	}
	if (str_eq(mode, "auto") || str_eq(mode, "private"))
		return map_private(place, s);
	TRY(parse_common("--userns", mode, "user", &s->ns[NS_USER], &known));
	if (!known)
		return err_invalid(
			"--userns: '%s' is not host, private, one, keep-id, auto, nomap, "
			"container:RUN or ns:PATH",
			mode);
	return NULL;
}

static nd_err *parse_simple(
	const char *option, const char *mode, const char *file, struct ns_spec *ns)
{
	bool known;
	ns->mode = NS_NEW;
	if (!mode)
		return NULL;
	TRY(parse_common(option, mode, file, ns, &known));
	if (!known && str_eq(option, "--ipc") &&
		(str_eq(mode, "shareable") || str_eq(mode, "none")))
		return NULL;
	if (!known)
		return err_invalid(
			"%s: '%s' is not private, host, container:RUN or ns:PATH", option, mode);
	return NULL;
}

static nd_err *parse_network(const struct run_opts *o, const struct run_place *place,
	struct ns_spec *ns, const char **ret)
{
	const char *mode = o->network ? o->network : place->privileged ? "bridge" : "user";
	bool known;
	static const char *const own[] = {"none", "bridge", "user", "pasta", "slirp4netns"};
	ns->mode = NS_NEW;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (str_eq(mode, own[i])) {
			*ret = own[i];
			return NULL;
		}
	if (str_eq(mode, "private")) {
		*ret = "bridge";
		return NULL;
	}
	TRY(parse_common("--network", mode, "net", ns, &known));
	if (!known)
		return err_invalid(
			"--network: '%s' is not host, none, bridge, user, container:RUN or "
			"ns:PATH",
			mode);
	*ret = ns->mode == NS_HOST ? "host" : "joined";
	return NULL;
}

/* Only what belongs to a namespace of the container's own: anything else would be written
 * into the place itself. */
static nd_err *check_sysctl(const struct container_spec *s, const char *pair)
{
	static const struct {
		const char *prefix;
		enum ns_kind ns;
	} rows[] = {{"net.", NS_NET}, {"fs.mqueue.", NS_IPC}, {"kernel.msg", NS_IPC},
		{"kernel.shm", NS_IPC}, {"kernel.sem=", NS_IPC}, {"kernel.auto_msgmni=", NS_IPC},
		{"kernel.hostname=", NS_UTS}, {"kernel.domainname=", NS_UTS}};
	if (!strchr(pair, '=') || *pair == '=')
		return err_invalid("--sysctl: '%s' is not NAME=VALUE", pair);
	_cleanup_free_ char *dotted = str_dup(pair);
	for (char *p = dotted; *p && *p != '='; p++)
		if (*p == '/')
			*p = '.';
	if (strstr(dotted, ".."))
		return err_invalid("--sysctl: '%s' is not the name of a kernel parameter", pair);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!str_starts(dotted, rows[i].prefix))
			continue;
		if (s->ns[rows[i].ns].mode == NS_NEW)
			return NULL;
		return err_invalid(
			"--sysctl: '%s' would change the place's own value: the container "
			"shares that namespace",
			pair);
	}
	return err_remedy(err_invalid("--sysctl: '%s' is not a parameter of a namespace", pair),
		"Allowed are net.*, fs.mqueue.*, kernel.msg*, kernel.shm*, kernel.sem, "
		"kernel.hostname and kernel.domainname; others belong to the whole machine.");
}

nd_err *run_namespaces(const struct run_opts *o, const struct run_place *place,
	struct container_spec *s, const char **ret_network)
{
	TRY(parse_userns(o, place, s));
	TRY(parse_simple("--uts", o->uts, "uts", &s->ns[NS_UTS]));
	TRY(parse_simple("--ipc", o->ipc, "ipc", &s->ns[NS_IPC]));
	TRY(parse_simple("--pid", o->pid, "pid", &s->ns[NS_PID]));
	TRY(parse_simple("--cgroupns", o->cgroupns, "cgroup", &s->ns[NS_CGROUP]));
	TRY(parse_network(o, place, &s->ns[NS_NET], ret_network));
	s->ns[NS_MNT].mode = NS_NEW;
	if (o->publish.n && !str_eq(*ret_network, "bridge") && !str_eq(*ret_network, "user") &&
		!str_eq(*ret_network, "pasta") && !str_eq(*ret_network, "slirp4netns"))
		return err_invalid(
			"--publish: ports are published with --network bridge or user, not %s",
			o->network);
	if (s->ns[NS_UTS].mode == NS_HOST && o->hostname)
		return err_invalid("--hostname: cannot go with --uts host");
	for (size_t i = 0; i < o->sysctls.n; i++) {
		TRY(check_sysctl(s, o->sysctls.v[i]));
		strv_add(&s->sysctl, o->sysctls.v[i]);
	}
	return NULL;
}
