/* Which groups a container needs, and the ladder for each: see cgroup.h.  The usual
 * places are tried without looking; only what is refused is asked about (mountinfo).
 * A limit whose controller cannot be had is an error, or with best effort a warning. */
#include "container/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/cgroup-limits.h"
#include "container/cgroup-make.h"
#include "container/cgroup-maker.h"
#include "container/devrules.h"

static void maker_done(struct maker *m)
{
	cgroup_place_done(&m->place);
	cgroup_done(&m->c);
	free(m->sub);
	for (size_t i = 0; i < ARRAY_SIZE(m->why); i++)
		free(m->why[i]);
}

/* Remembers the first reason for each of the controllers, and frees the error. */
void maker_refuse(struct maker *m, uint32_t ctls, nd_err *why)
{
	_cleanup_free_ char *line = err_line(why);
	for (size_t i = 0; i < ARRAY_SIZE(m->why); i++)
		if (ctls & 1u << i && !m->why[i])
			m->why[i] = str_dup(line);
	err_free(why);
}

static void add_dir(struct maker *m, struct cgroup_dir d)
{
	m->c.dirs = mem_grow(m->c.dirs, m->c.n + 1, sizeof *m->c.dirs);
	m->c.dirs[m->c.n++] = d;
}

static nd_err *check_name(const struct container_spec *s, char **ret_sub)
{
	const char *id = s->id;
	if (!id || !*id || strchr(id, '/') || strchr(id, '\n') || str_eq(id, ".") ||
		str_eq(id, ".."))
		return err_invalid("'%s' cannot be the name of a cgroup", id ? id : "");
	if (!s->cgroup_parent) {
		*ret_sub = str_fmt(CGROUP_PREFIX "%s", id);
		return NULL;
	}
	_cleanup_free_ char *parent = group_parent(s->cgroup_parent);
	if (!parent)
		return err_invalid("--cgroup-parent: '%s' is not a path beneath our own cgroup",
			s->cgroup_parent);
	*ret_sub = *parent ? str_fmt("%s/%s", parent, id) : str_dup(id);
	return NULL;
}

/* Finds hierarchies and mounts; the cheap way first. */
static nd_err *find_place(struct maker *m, bool carefully)
{
	if (!m->place.n)
		TRY(cgroup_place_read(&m->place));
	if (!m->place.n)
		return NULL;
	if (carefully || !cgroup_ns_is_first())
		return cgroup_mounts_read(&m->place);
	cgroup_mounts_usual(&m->place);
	return NULL;
}

static bool group_wanted(const struct maker *m, const struct cgroup_hier *h)
{
	return m->whole || h->ctls & m->want;
}

/* The usual place was wrong: nothing is there. */
static bool misplaced(const struct maker *m, const nd_err *e)
{
	return e && !m->place.mounts_read && err_root(e)->errnum == ENOENT;
}

static nd_err *make_v1_groups(struct maker *m)
{
	for (size_t i = 0; i < m->place.n; i++) {
		const struct cgroup_hier *h = &m->place.hiers[i];
		if (h->v2 || !group_wanted(m, h))
			continue;
		struct cgroup_dir d;
		nd_err *e = h->mount ? group_make_v1(h, m->sub, &d)
				     : err_new(ND_ABSENT, NULL,
					       "the %s hierarchy is not mounted here", h->name);
		if (misplaced(m, e))
			return e;
		if (e && str_eq(err_find_code(e), "cgroup-busy"))
			return e;
		if (e) {
			maker_refuse(m, h->ctls, e);
			continue;
		}
		d.spare = !(h->ctls & m->want);
		add_dir(m, d);
	}
	return NULL;
}

/* What a v2 group has without a controller being switched on. */
enum { V2_ALWAYS = CTL_CPUACCT | CTL_FREEZER | CTL_DEVICES };

/* Controllers that v2 cannot have, because v1 has them: all that are bound to a v1
 * hierarchy, mounted or not; of those that v2 does without a controller, only what we got. */
static uint32_t kept_by_v1(const struct maker *m)
{
	uint32_t bound = 0, got = 0;
	for (size_t i = 0; i < m->place.n; i++)
		if (!m->place.hiers[i].v2)
			bound |= m->place.hiers[i].ctls;
	for (size_t i = 0; i < m->c.n; i++)
		got |= m->c.dirs[i].ctls;
	return (bound & ~(uint32_t)V2_ALWAYS) | got;
}

static nd_err *make_v2_group(struct maker *m)
{
	const struct cgroup_hier *h = cgroup_hier_v2(&m->place);
	uint32_t v1 = kept_by_v1(m), want = m->want & ~v1;
	if (!h || (!want && !m->core && !m->whole))
		return NULL;
	if (!h->mount) {
		maker_refuse(m, want, err_new(ND_ABSENT, NULL, "cgroup2 is not mounted here"));
		return NULL;
	}
	struct cgroup_dir d;
	enum v2_rung rung;
	uint32_t got;
	nd_err *e = group_make_v2(h, m->sub, want & ~(uint32_t)V2_ALWAYS, m->plan, &d, &rung, &got);
	if (misplaced(m, e) || (e && str_eq(err_find_code(e), "cgroup-busy")))
		return e;
	if (e) {
		maker_refuse(m, want, e);
		return NULL;
	}
	d.ctls |= V2_ALWAYS & ~v1;
	d.spare = !want && !m->core;
	add_dir(m, d);
	m->c.clone_fd = open(d.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->c.clone_fd < 0)
		return err_sys(errno, "open", "%s", d.path);
	static const char *const names[] = {"v2", "v2 leaf", "v2 above"};
	plan_took(m->plan, "cgroup", names[rung], NULL, false);
	uint32_t lacking = want & ~got & ~(uint32_t)V2_ALWAYS;
	if (lacking)
		maker_refuse(m, lacking,
			err_new(ND_ABSENT, NULL,
				"the controller is neither among those of %s nor switched on above "
				"it",
				d.path));
	return NULL;
}

/* Undoes what one pass made. */
static void drop_groups(struct maker *m)
{
	for (size_t i = 0; i < m->c.n; i++)
		rmdir(m->c.dirs[i].path);
	cgroup_done(&m->c);
}

static nd_err *make_groups(struct maker *m)
{
	TRY(find_place(m, false));
	for (int pass = 0;; pass++) {
		nd_err *e = make_v1_groups(m);
		if (!e)
			e = make_v2_group(m);
		if (!e)
			return NULL;
		drop_groups(m);
		if (pass || !misplaced(m, e))
			return e;
		err_free(e);
		TRY(find_place(m, true));
	}
}

static void note_rung(struct maker *m)
{
	bool v1 = false, v2 = false;
	for (size_t i = 0; i < m->c.n; i++)
		*(m->c.dirs[i].v2 ? &v2 : &v1) = true;
	if (v1)
		plan_took(m->plan, "cgroup", v2 ? "hybrid" : "v1", NULL, false);
	if (m->c.n)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(m->why); i++)
		if (m->why[i]) {
			plan_leave(m->plan, "cgroup", "v2", m->why[i], NULL);
			break;
		}
	if (!m->place.n)
		plan_leave(m->plan, "cgroup", "v2", "this place has no cgroups", NULL);
	plan_took(m->plan, "cgroup", "none", "no limits and no device rules", false);
}

/* --- handing over ------------------------------------------------------------------- */

static bool view_is_writable(const struct container_spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (str_starts(s->mounts[i].type ? s->mounts[i].type : "", "cgroup"))
			return !strv_has(&s->mounts[i].options, "ro");
	return s->privileged;
}

static bool outside_id(const struct id_maps *maps, uint32_t *ret)
{
	for (size_t i = 0; i < maps->n; i++)
		if (maps->v[i].inside == 0 && maps->v[i].count) {
			*ret = maps->v[i].outside;
			return true;
		}
	return false;
}

/* What root of the container's user namespace must own to make groups beneath its own and
 * to move its processes about (/sys/kernel/cgroup/delegate); never the limits. */
static void hand_over(struct maker *m)
{
	static const char *const files[] = {
		"", "/cgroup.procs", "/tasks", "/cgroup.threads", "/cgroup.subtree_control"};
	const struct container_spec *s = m->s;
	uint32_t uid, gid;
	if (s->ns[NS_USER].mode != NS_NEW || !outside_id(&s->uid_maps, &uid) ||
		!outside_id(&s->gid_maps, &gid) || uid == geteuid())
		return;
	for (size_t i = 0; i < m->c.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
			_cleanup_free_ char *path = str_fmt("%s%s", m->c.dirs[i].path, files[k]);
			/* v1 and v2 have some of them each. */
			if (chown(path, uid, gid) < 0 && errno != ENOENT) {
				_cleanup_err_ nd_err *e = err_sys(errno, "chown", "%s", path);
				_cleanup_free_ char *line = err_line(e);
				plan_leave(m->plan, "cgroup", "handed over", line, NULL);
				return;
			}
		}
}

static nd_err *create(struct maker *m)
{
	const struct container_spec *s = m->s;
	bool core;
	TRY(limits_check(&s->limits));
	TRY(check_name(s, &m->sub));
	m->want = limits_controllers(&s->limits) | limits_unified_controllers(&s->limits, &core);
	m->core = core;
	m->rules_wanted =
		s->n_device_rules && !devrules_allow_all(s->device_rules, s->n_device_rules);
	if (m->rules_wanted)
		m->want |= CTL_DEVICES;
	/* Rights over its own groups are what lets a container hold containers. */
	m->whole = s->ns[NS_CGROUP].mode == NS_NEW && view_is_writable(s);
	if (!m->want && !m->core && !m->whole)
		return NULL;
	nd_err *e = make_groups(m);
	if (!e)
		e = maker_apply_limits(m);
	if (!e)
		e = maker_apply_rules(m);
	if (e) {
		drop_groups(m);
		return e;
	}
	if (m->whole)
		hand_over(m);
	note_rung(m);
	return NULL;
}

nd_err *cgroup_create(const struct container_spec *s, struct plan *plan, struct cgroup *ret)
{
	struct maker m = {.s = s, .plan = plan, .c = CGROUP_NONE};
	nd_err *e = create(&m);
	if (!e) {
		*ret = m.c;
		m.c = CGROUP_NONE;
	}
	maker_done(&m);
	return err_wrap(e, "make the cgroup");
}
