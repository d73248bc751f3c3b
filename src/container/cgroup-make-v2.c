/* Finding a place for a v2 group: see cgroup-make.h.  The kernel gives a group's
 * children controllers only while no process sits in the group itself (the "no internal
 * process" rule of cgroup-v2.rst; the true root is exempt).  So the places are tried in
 * this order: beneath our own group; the same once our processes sit in a leaf of it, if
 * the subtree is ours to arrange; beneath the nearest group above that has no processes,
 * which keeps every limit above that one. */
#include "container/cgroup-make.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

enum { PROCS_MAX = 1 << 20 };

static uint32_t read_controllers(const char *group, const char *file)
{
	char text[512];
	_cleanup_free_ char *path = str_fmt("%s/%s", group, file);
	return file_read_line(AT_FDCWD, path, text, sizeof text) < 0 ? 0
								     : cgroup_ctl_list(text, ' ');
}

/* Switches `ctls` on for the children of `group`. */
static nd_err *enable(const char *group, uint32_t ctls)
{
	_cleanup_free_ char *path = str_fmt("%s/cgroup.subtree_control", group);
	struct buf text = {0};
	for (uint32_t bit = 1; bit <= CTL_NAMED; bit <<= 1)
		if (ctls & bit)
			buf_fmt(&text, "%s+%s", text.len ? " " : "", cgroup_ctl_name(bit, true));
	_cleanup_free_ char *words = buf_steal(&text);
	if (file_poke(AT_FDCWD, path, words))
		return NULL;
	return err_sys(errno, "write", "'%s' to %s", words, path);
}

/* From `base` down to the group above `path`, switches on what is missing. */
static nd_err *enable_down(const char *base, char *path, uint32_t ctls)
{
	size_t at = strlen(base);
	for (;;) {
		char saved = path[at];
		path[at] = '\0';
		uint32_t missing = ctls & ~read_controllers(path, "cgroup.subtree_control");
		nd_err *e = missing ? enable(path, missing) : NULL;
		path[at] = saved;
		TRY(e);
		size_t next = at + 1 + strcspn(path + at + 1, "/");
		if (path[next] == '\0')
			return NULL;
		at = next;
	}
}

static nd_err *check_domain(const char *path)
{
	char text[64];
	_cleanup_free_ char *file = str_fmt("%s/cgroup.type", path);
	/* Absent in the root group and before Linux 4.14. */
	if (file_read_line(AT_FDCWD, file, text, sizeof text) < 0 || str_eq(text, "domain"))
		return NULL;
	return err_detail(err_new(ND_DENIED, "cgroup-threaded",
				  "%s cannot hold processes: the group above it is threaded", path),
		"%s reads '%s'", file, text);
}

/* Whether we may move a process from where we are to beneath `base` (which lies on our own
 * path): the kernel asks for write access to the nearest common group's cgroup.procs. */
static nd_err *check_move(const char *base)
{
	_cleanup_free_ char *file = str_fmt("%s/cgroup.procs", base);
	return faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) < 0
		       ? err_sys(errno, "access", "%s for writing", file)
		       : NULL;
}

/* One try: SUB beneath `base` with the controllers. */
static nd_err *try_at(const char *base, const char *sub, uint32_t ctls, struct cgroup_dir *ret)
{
	_cleanup_free_ char *path = str_fmt("%s/%s", base, sub);
	TRY(check_move(base));
	TRY(group_mkdir(base, path));
	uint32_t have = ctls ? read_controllers(path, "cgroup.controllers") : 0;
	nd_err *e = check_domain(path);
	if (!e && ctls & ~have)
		e = enable_down(base, path, ctls);
	if (e) {
		rmdir(path);
		return e;
	}
	*ret = (struct cgroup_dir){.v2 = true,
		.ctls = have | ctls,
		.name = str_dup(""),
		.path = steal_ptr(&path),
		.join_fd = -1};
	return NULL;
}

static bool has_xattr(const char *path, const char *name)
{
	char v[4];
	return getxattr(path, name, v, sizeof v) == 1 && v[0] == '1';
}

/* Whether the processes of `base` may be moved into a leaf: systemd says that it handed the
 * subtree over (Delegate=), or it is the root of our cgroup namespace, or nobody else is in it. */
static bool may_arrange(const struct cgroup_hier *h, const char *base, const char *procs)
{
	if (has_xattr(base, "trusted.delegate") || has_xattr(base, "user.delegate"))
		return true;
	if (strcmp(h->own, "/") == 0 && !cgroup_ns_is_first())
		return true;
	char own[32];
	snprintf(own, sizeof own, "%d\n", (int)getpid());
	return strcmp(procs, own) == 0;
}

/* Moves every process of `base` into the leaf.  New ones may appear while we move. */
static nd_err *move_to_leaf(const struct cgroup_hier *h, const char *base)
{
	_cleanup_free_ char *list = str_fmt("%s/cgroup.procs", base);
	_cleanup_free_ char *leaf = str_fmt("%s/" CGROUP_LEAF, base);
	_cleanup_free_ char *into = str_fmt("%s/cgroup.procs", leaf);
	for (int round = 0; round < 16; round++) {
		_cleanup_buf_ struct buf procs = {0};
		TRY(file_read(AT_FDCWD, list, PROCS_MAX, &procs));
		if (!procs.len)
			return NULL;
		if (round == 0 && !may_arrange(h, base, procs.data))
			return err_new(ND_BUSY, "cgroup-not-delegated",
				"%s holds processes that are not ours to move", base);
		if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
			return err_sys(errno, "mkdir", "%s", leaf);
		for (char *pid = procs.data, *end; *pid; pid = end + 1) {
			end = pid + strcspn(pid, "\n");
			bool last = *end == '\0';
			*end = '\0';
			/* "0" stands for one outside our pid namespace, and would move ourselves.
			 */
			if (str_eq(pid, "0"))
				return err_new(ND_BUSY, "cgroup-not-delegated",
					"%s holds processes of another pid namespace", base);
			if (!file_poke(AT_FDCWD, into, pid) && errno != ESRCH)
				return err_sys(errno, "write", "%s to %s", pid, into);
			if (last)
				break;
		}
	}
	return err_new(ND_BUSY, "cgroup-busy", "processes keep appearing in %s", list);
}

static char *own_base(const struct cgroup_hier *h)
{
	char *base = cgroup_hier_path(h, "");
	/* An earlier run of ours stepped into the leaf: its parent is the one to build in. */
	if (str_ends(base, "/" CGROUP_LEAF))
		base[strlen(base) - strlen("/" CGROUP_LEAF)] = '\0';
	return base;
}

static void leave(struct plan *plan, const char *rung, nd_err *why)
{
	_cleanup_free_ char *line = err_line(why);
	plan_leave(plan, "cgroup", rung, line, NULL);
}

static nd_err *try_above(const struct cgroup_hier *h, char *base, const char *sub, uint32_t ctls,
	struct cgroup_dir *ret)
{
	nd_err *first = NULL;
	for (char *slash; strlen(base) > strlen(h->mount) && (slash = strrchr(base, '/'));) {
		*slash = '\0';
		nd_err *e = try_at(base, sub, ctls, ret);
		if (!e) {
			err_free(first);
			return NULL;
		}
		if (first)
			err_free(e);
		else
			first = e;
	}
	return first ? first : err_new(ND_ABSENT, NULL, "there is no group above ours");
}

/* A group of the same name that is in use is the same trouble everywhere. */
static bool is_final(const nd_err *e)
{
	return e && (err_root(e)->errnum == EROFS || str_eq(err_find_code(e), "cgroup-busy"));
}

/* Our own group lacks a controller that the tree has: it is switched on all the way down to
 * us, where we may, so that we need not leave the limits that hold for our group. */
static nd_err *try_handed_down(const struct cgroup_hier *h, char *base, const char *sub,
	uint32_t ctls, struct cgroup_dir *ret)
{
	if (strlen(base) <= strlen(h->mount))
		return err_new(ND_ABSENT, NULL, "there is no group above ours");
	TRY(enable_down(h->mount, base, ctls));
	return try_at(base, sub, ctls, ret);
}

/* The ladder with one set of controllers. */
static nd_err *climb(const struct cgroup_hier *h, const char *sub, uint32_t ctls, struct plan *plan,
	struct cgroup_dir *ret, enum v2_rung *ret_rung)
{
	_cleanup_free_ char *base = own_base(h);
	enum v2_rung rung = V2_OWN;
	nd_err *e = try_at(base, sub, ctls, ret);
	if (e && ctls && !is_final(e) && err_root(e)->errnum == ENOENT) {
		nd_err *down = try_handed_down(h, base, sub, ctls, ret);
		if (!down || err_root(down)->errnum == EBUSY) {
			err_free(e);
			e = down;
		} else {
			err_free(down);
		}
	}
	if (e && !is_final(e) && err_root(e)->errnum == EBUSY) {
		leave(plan, "v2", e);
		err_free(e);
		rung = V2_LEAF;
		e = move_to_leaf(h, base);
		if (!e)
			e = try_at(base, sub, ctls, ret);
	}
	if (e && !is_final(e)) {
		leave(plan, rung == V2_LEAF ? "v2 leaf" : "v2", e);
		rung = V2_ABOVE;
		nd_err *above = try_above(h, base, sub, ctls, ret);
		if (above) {
			leave(plan, "v2 above", above);
			err_free(above);
			return e;
		}
		err_free(e);
		e = NULL;
	}
	if (!e)
		*ret_rung = rung;
	return e;
}

nd_err *group_make_v2(const struct cgroup_hier *h, const char *sub, uint32_t ctls,
	struct plan *plan, struct cgroup_dir *ret, enum v2_rung *ret_rung, uint32_t *ret_got)
{
	_cleanup_free_ char *base = own_base(h);
	/* All that is asked for and exists; else what our own group was given; else a bare
	 * group, which still holds processes together and device rules. */
	uint32_t all = ctls ? ctls & read_controllers(h->mount, "cgroup.controllers") : 0;
	uint32_t given = all ? all & read_controllers(base, "cgroup.controllers") : 0;
	const uint32_t sets[] = {all, given, 0};
	nd_err *e = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (i && sets[i] == sets[i - 1])
			continue;
		err_free(e);
		e = climb(h, sub, sets[i], plan, ret, ret_rung);
		if (!e) {
			ret->mount = str_dup(h->mount);
			*ret_got = sets[i];
			return NULL;
		}
		if (is_final(e))
			break;
	}
	return e;
}
