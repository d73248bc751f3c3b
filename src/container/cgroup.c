/* The cgroups of one container: what is held, joined, saved and loaded.  See cgroup.h;
 * making them is in cgroup-make.c. */
#include "container/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/cgroup-limits.h"

/* Through the descriptor that was opened with the rights of whoever made the group; a
 * loaded group has none, there the path must do. */
static bool join(const struct cgroup_dir *d)
{
	if (d->join_fd >= 0)
		return write(d->join_fd, "0", 1) == 1;
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", d->path, d->v2 ? "cgroup.procs" : "tasks") >=
		(int)sizeof path) {
		errno = ENAMETOOLONG;
		return false;
	}
	return file_poke(AT_FDCWD, path, "0");
}

bool cgroup_join_child(const struct cgroup *c, bool cloned_into)
{
	for (size_t i = 0; i < c->n; i++) {
		/* Into v2 by a write is the slow way, about 10 ms: where clone3 could not do it. */
		if (!(c->dirs[i].v2 && cloned_into) && !join(&c->dirs[i]))
			return false;
	}
	return true;
}

bool cgroup_weaker_child(const struct cgroup *c)
{
	if (c->nproc) {
		struct rlimit r = {c->nproc, c->nproc};
		if (setrlimit(RLIMIT_NPROC, &r) < 0)
			return false;
	}
	struct cpu_list list;
	if (c->cpu_affinity && cpu_list_parse(c->cpu_affinity, &list)) {
		/* Bit N of the kernel's mask is CPU N, as in the list. */
		return sched_setaffinity(0, sizeof list.bits, (const cpu_set_t *)list.bits) == 0;
	}
	return true;
}

void cgroup_joined(struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		fd_done(&c->dirs[i].join_fd);
	fd_done(&c->clone_fd);
}

static void dir_done(struct cgroup_dir *d)
{
	fd_done(&d->join_fd);
	free(d->name);
	free(d->path);
	free(d->mount);
}

void cgroup_done(struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		dir_done(&c->dirs[i]);
	free(c->dirs);
	free(c->cpu_affinity);
	fd_done(&c->clone_fd);
	*c = CGROUP_NONE;
}

char *cgroup_save(const struct cgroup *c)
{
	struct buf b = {0};
	if (!c->n)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		buf_fmt(&b, "%s %s %s\n", c->dirs[i].v2 ? "v2" : "v1",
			*c->dirs[i].name ? c->dirs[i].name : "-", c->dirs[i].path);
	return buf_steal(&b);
}

/* "v1 NAME /path"; the path may hold spaces, never a newline (cgroup_mkdir refuses it). */
static bool load_line(char *line, struct cgroup_dir *ret)
{
	bool v2 = str_starts(line, "v2 ");
	if (!v2 && !str_starts(line, "v1 "))
		return false;
	char *name = line + 3, *space = strchr(name, ' ');
	if (!space || space == name || space[1] != '/' || strstr(space, "/../"))
		return false;
	*space = '\0';
	*ret = (struct cgroup_dir){
		.v2 = v2,
		.ctls = v2 ? 0 : cgroup_ctl_list(name, ','),
		.name = str_dup(v2 ? "" : name),
		.path = str_dup(space + 1),
		.join_fd = -1,
	};
	return true;
}

/* On v2 the controllers are what the group says now. */
static void load_controllers(struct cgroup_dir *d)
{
	char text[512];
	_cleanup_free_ char *file = str_fmt("%s/cgroup.controllers", d->path);
	if (file_read_line(AT_FDCWD, file, text, sizeof text) >= 0)
		d->ctls = cgroup_ctl_list(text, ' ');
}

static nd_err *load(char *text, struct cgroup *c)
{
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		struct cgroup_dir d;
		if (!load_line(line, &d))
			return err_invalid("a record's cgroup line cannot be read: '%s'", line);
		if (d.v2)
			load_controllers(&d);
		c->dirs = mem_grow(c->dirs, c->n + 1, sizeof *c->dirs);
		c->dirs[c->n++] = d;
	}
	return NULL;
}

nd_err *cgroup_load(const char *text, struct cgroup *ret)
{
	struct cgroup c = CGROUP_NONE;
	_cleanup_free_ char *copy = str_dup(text);
	nd_err *e = load(copy, &c);
	if (e) {
		cgroup_done(&c);
		return e;
	}
	*ret = c;
	return NULL;
}

/* What follows our group's name in the leader's own path: "" or "/init.scope". */
static char *beneath(const struct cgroup_dir *d, pid_t leader)
{
	_cleanup_free_ char *file = str_fmt("/proc/%d/cgroup", (int)leader);
	const char *name = strrchr(d->path, '/');
	_cleanup_cgroup_place_ struct cgroup_place place = {0};
	struct buf text = {0};
	nd_err *e = file_read(AT_FDCWD, file, 1 << 20, &text);
	if (e) {
		err_free(e);
		return NULL;
	}
	cgroup_place_parse(&place, &text);
	const struct cgroup_hier *v2 = cgroup_hier_v2(&place);
	const char *at = v2 ? strstr(v2->own, name) : NULL;
	if (!at)
		return NULL;
	at += strlen(name);
	return *at == '/' || *at == '\0' ? str_dup(at) : NULL;
}

nd_err *cgroup_reopen(struct cgroup *c, pid_t leader)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct cgroup_dir *d = &c->dirs[i];
		char taken[512];
		if (!d->v2)
			continue;
		_cleanup_free_ char *control = str_fmt("%s/cgroup.subtree_control", d->path);
		_cleanup_free_ char *rest = NULL;
		if (file_read_line(AT_FDCWD, control, taken, sizeof taken) > 0)
			rest = beneath(d, leader);
		_cleanup_free_ char *path = str_fmt("%s%s", d->path, rest ? rest : "");
		fd_done(&c->clone_fd);
		c->clone_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (c->clone_fd < 0)
			return err_sys(errno, "open", "%s", path);
	}
	return NULL;
}
