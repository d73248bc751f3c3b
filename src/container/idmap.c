/* Writing the id maps of a new user namespace: see idmap.h.  Rests on user_namespaces(7):
 * a process without privilege may map its own id only, and must deny setgroups(2) first;
 * subordinate ids need the setuid helpers newuidmap(1) and newgidmap(1). */
#include "container/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"

static char *map_text(const struct id_maps *m)
{
	struct buf b = {0};
	for (size_t i = 0; i < m->n; i++)
		buf_fmt(&b, "%u %u %u\n", m->v[i].inside, m->v[i].outside, m->v[i].count);
	return buf_steal(&b);
}

static nd_err *by_helper(const char *program, pid_t pid, const struct id_maps *m)
{
	_cleanup_strv_ struct strv argv = {0};
	strv_add(&argv, program);
	strv_fmt(&argv, "%d", (int)pid);
	for (size_t i = 0; i < m->n; i++) {
		strv_fmt(&argv, "%u", m->v[i].inside);
		strv_fmt(&argv, "%u", m->v[i].outside);
		strv_fmt(&argv, "%u", m->v[i].count);
	}
	return spawn_run(
		&(struct spawn){.argv = (const char *const *)argv.v, .deadline_ms = 5000}, NULL);
}

static nd_err *write_one(
	pid_t pid, const char *file, const char *helper, const struct id_maps *m, bool direct)
{
	char path[48];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	_cleanup_free_ char *text = map_text(m);
	int err = EPERM;
	if (direct || (m->n == 1 && m->v[0].count == 1)) {
		if (file_poke(AT_FDCWD, path, text))
			return NULL;
		err = errno;
	}
	if (err == EPERM && m->n && (m->n > 1 || m->v[0].count > 1)) {
		nd_err *e = by_helper(helper, pid, m);
		return err_wrap(e, "map ids by %s", helper);
	}
	str_rtrim(text);
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ',';
	return err_sys(err, "write", "%s (%s)", path, text);
}

nd_err *idmaps_write(pid_t pid, const struct id_maps *uids, const struct id_maps *gids)
{
	bool direct = geteuid() == 0;
	bool one_gid = gids->n == 1 && gids->v[0].count == 1;
	/* Without privilege a gid map of one's own id wants setgroups denied (CVE-2014-8989). */
	if (!direct && one_gid) {
		char path[48];
		snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
		if (!file_poke(AT_FDCWD, path, "deny"))
			return err_sys(errno, "write", "%s (deny)", path);
	}
	TRY(write_one(pid, "uid_map", "newuidmap", uids, direct));
	return write_one(pid, "gid_map", "newgidmap", gids, direct);
}
