/* Finding the row that fits, and putting its words into an error: see explain.h. */
#include "explain/explain.h"

#include <fnmatch.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct explain_table *const tables[] = {&explain_namespaces, &explain_mounts,
	&explain_cgroups, &explain_process, &explain_resources};

static bool lacks(const struct surroundings *s, unsigned cap)
{
	return !(s->caps >> cap & 1);
}

enum { OVERFLOW_ID = 65534 }; /* /proc/sys/kernel/overflowuid's default */

static bool holds(enum explain_when when, const struct surroundings *s)
{
	switch (when) {
	case WHEN_ALWAYS:
		return true;
	case WHEN_NO_SYS_ADMIN:
		return lacks(s, CAP_SYS_ADMIN);
	case WHEN_NO_SYS_RESOURCE:
		return lacks(s, CAP_SYS_RESOURCE) || s->in_userns;
	case WHEN_NO_SETPCAP:
		return lacks(s, CAP_SETPCAP);
	case WHEN_NOT_ROOT:
		return s->euid != 0;
	case WHEN_USERNS:
		return s->in_userns || s->new_userns;
	case WHEN_NEW_USERNS:
		return s->new_userns;
	case WHEN_NO_NEW_USERNS:
		return !s->new_userns;
	case WHEN_IN_USERNS:
		return s->in_userns;
	case WHEN_UNMAPPED:
		return s->in_userns && s->euid == OVERFLOW_ID;
	case WHEN_SETGROUPS_DENIED:
		return s->setgroups_denied;
	case WHEN_SECCOMP:
		return s->seccomp_mode > 0;
	case WHEN_LSM_LABEL:
		return *s->lsm_label != '\0';
	case WHEN_MAX_USERNS_ZERO:
		return s->max_user_namespaces == 0;
	case WHEN_USERNS_CLONE_ZERO:
		return s->userns_clone == 0;
	case WHEN_APPARMOR_RESTRICTS:
		return s->apparmor_restrict_userns > 0;
	case WHEN_CHROOT:
		return !s->root_is_mount;
	case WHEN_ROOTFS:
		return str_eq(s->root_type, "rootfs");
	case WHEN_ROOT_OVERLAY:
		return str_eq(s->root_type, "overlay");
	case WHEN_PROC_MASKED:
		return *s->proc_mask != '\0';
	case WHEN_SYS_MASKED:
		return *s->sys_mask != '\0';
	case WHEN_PROC_SYS_READONLY:
		return s->proc_sys_readonly;
	case WHEN_CGROUP_READONLY:
		return s->cgroup_readonly;
	case WHEN_CGROUP_ABSENT:
		return !s->cgroup_there;
	case WHEN_NO_SUBIDS:
		return !s->has_subids;
	case WHEN_NO_NEWUIDMAP:
		return !s->has_newuidmap;
	case WHEN_GVISOR:
		return s->is_gvisor;
	}
	return false;
}

static bool fits(const struct explain_row *r, const nd_err *root, const struct surroundings *s)
{
	bool errnum = r->errnums[0] == 0;
	for (size_t i = 0; i < ARRAY_SIZE(r->errnums) && r->errnums[i]; i++)
		errnum |= r->errnums[i] == root->errnum;
	if (!errnum || fnmatch(r->op, root->op, FNM_EXTMATCH) != 0)
		return false;
	if (r->object && fnmatch(r->object, root->object ? root->object : "", FNM_EXTMATCH) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(r->when); i++)
		if (!holds(r->when[i], s))
			return false;
	return true;
}

const struct explain_row *explain_find(const nd_err *root, const struct surroundings *s)
{
	if (!root || !root->op || !root->errnum)
		return NULL;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (size_t i = 0; i < tables[t]->n; i++)
			if (fits(&tables[t]->rows[i], root, s))
				return &tables[t]->rows[i];
	return NULL;
}

static void put_limit(struct buf *b, uint64_t v)
{
	if (v == UINT64_MAX)
		buf_str(b, "unlimited");
	else
		buf_fmt(b, "%llu", (unsigned long long)v);
}

static void put_fact(struct buf *b, const char *name, size_t len, const struct surroundings *s)
{
	const struct {
		const char *name, *text;
	} texts[] = {{"uid_map", s->uid_map}, {"lsm_label", s->lsm_label},
		{"proc_mask", s->proc_mask}, {"sys_mask", s->sys_mask}, {"root_type", s->root_type},
		{"kernel", s->kernel}};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strlen(texts[i].name) == len && strncmp(texts[i].name, name, len) == 0)
			buf_str(b, *texts[i].text ? texts[i].text : "unknown");
	if (strncmp(name, "euid", len) == 0)
		buf_fmt(b, "%u", s->euid);
	else if (strncmp(name, "max_processes", len) == 0)
		put_limit(b, s->max_processes);
	else if (strncmp(name, "max_files", len) == 0)
		put_limit(b, s->max_files);
	else if (strncmp(name, "seccomp_filters", len) == 0 && s->seccomp_filters > 0)
		buf_fmt(b, "%d", s->seccomp_filters);
	else if (strncmp(name, "seccomp_filters", len) == 0)
		buf_str(b, "some");
}

static char *expand(const char *text, const struct surroundings *s)
{
	struct buf b = {0};
	for (const char *p = text; *p;) {
		const char *open = strchr(p, '{'), *close = open ? strchr(open, '}') : NULL;
		if (!close) {
			buf_str(&b, p);
			break;
		}
		buf_add(&b, p, (size_t)(open - p));
		put_fact(&b, open + 1, (size_t)(close - open - 1), s);
		p = close + 1;
	}
	return buf_steal(&b);
}

nd_err *explain_err(nd_err *e, const struct surroundings *s)
{
	const struct explain_row *r = explain_find(err_root(e), s);
	if (!r || err_find_remedy(e))
		return e;
	_cleanup_free_ char *detail = expand(r->detail, s), *remedy = expand(r->remedy, s);
	/* What was seen where it happened says more than what is concluded here. */
	const char *seen = err_find_detail(e);
	_cleanup_free_ char *before = seen ? str_fmt("%s; ", seen) : NULL;
	err_detail(e, "%scause (%s): %s", before ? before : "", r->proved ? "proved" : "likely",
		detail);
	err_remedy(e, "%s", remedy);
	/* The codes of a failed execve(2) decide the exit status: they stay. */
	const char *code = err_find_code(e);
	if (!code || !str_starts(code, "exec-"))
		err_code(e, r->code);
	for (nd_err *at = e; at; at = at->cause)
		at->proved = r->proved;
	return e;
}
