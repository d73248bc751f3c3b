/* Removing groups, and finding those that were left: see cgroup.h.  rmdir(2) of a group
 * gives EBUSY while a process is in it, for a moment also after the last one ended. */
#include "container/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "container/cgroup-make.h"
#include "container/cgroup-walk.h"

enum { DEPTH_MAX = 64 };

typedef void (*walk_fn)(int dir_fd, const char *path, void *arg);
typedef bool (*leaf_fn)(const char *path, void *arg);

/* `fd` is consumed.  What `is_leaf` (if any) says yes to is not entered. */
static void walk(int fd, const char *path, int depth, walk_fn fn, leaf_fn is_leaf, void *arg)
{
	DIR *d = fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return;
	}
	struct dirent *e;
	bool leaf = depth >= DEPTH_MAX || (is_leaf && is_leaf(path, arg));
	while (!leaf && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		int sub = openat(
			dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			continue;
		_cleanup_free_ char *name = str_fmt("%s/%s", path, e->d_name);
		walk(sub, name, depth + 1, fn, is_leaf, arg);
	}
	fn(dirfd(d), path, arg);
	closedir(d);
}

static int walk_from(const char *path, walk_fn fn, leaf_fn is_leaf, void *arg)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	walk(fd, path, 0, fn, is_leaf, arg);
	return 0;
}

int group_walk(const char *path, walk_fn fn, void *arg)
{
	return walk_from(path, fn, NULL, arg);
}

/* --- removing ----------------------------------------------------------------------- */

static void remove_one(int dir_fd, const char *path, void *arg)
{
	int *err = arg;
	if (rmdir(path) < 0 && errno != ENOENT)
		*err = errno;
}

/* errno of what is left, 0 when all is gone. */
static int remove_tree(const char *path)
{
	int err = 0;
	/* Nothing beneath is the usual case, and one call. */
	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (group_walk(path, remove_one, &err) < 0)
		return errno == ENOENT ? 0 : errno;
	return err;
}

static nd_err *still_there(const struct cgroup *c, const char *path, int err)
{
	nd_err *e = err_code(err_sys(err, "rmdir", "%s", path), "cgroup-busy");
	int64_t n = cgroup_processes(c);
	if (n > 0)
		err_detail(e, "%" PRId64 " processes are still in it", n);
	return e;
}

nd_err *cgroup_remove(struct cgroup *c, int64_t deadline_ms)
{
	int64_t end = now_ms() + deadline_ms;
	for (size_t i = 0; i < c->n; i++) {
		for (long wait_us = 50;; wait_us = wait_us < 20000 ? wait_us * 2 : wait_us) {
			int err = remove_tree(c->dirs[i].path);
			if (!err)
				break;
			if (err != EBUSY && err != ENOTEMPTY)
				return err_sys(err, "rmdir", "%s", c->dirs[i].path);
			if (now_ms() >= end)
				return still_there(c, c->dirs[i].path, err);
			nanosleep(&(struct timespec){.tv_nsec = wait_us * 1000}, NULL);
		}
	}
	return NULL;
}

/* --- finding ------------------------------------------------------------------------ */

struct find {
	const char *parent, *id;
	const struct cgroup_hier *hier;
	struct cgroup *ret;
};

/* The id in a group's path, or NULL when it is none of ours. */
static const char *id_of(const char *path, const char *parent)
{
	const char *name = strrchr(path, '/');
	if (!name || name == path)
		return NULL;
	name++;
	if (!parent)
		return str_eq(name, CGROUP_LEAF) ? NULL : str_after(name, CGROUP_PREFIX);
	size_t n = strlen(parent);
	if (!n)
		return name;
	if ((size_t)(name - path) < n + 2)
		return NULL;
	const char *at = name - 1 - n;
	return at[-1] == '/' && strncmp(at, parent, n) == 0 ? name : NULL;
}

/* Groups inside one of ours belong to whatever runs there. */
static bool is_run(const char *path, void *arg)
{
	const struct find *f = arg;
	const char *id = id_of(path, f->parent);
	/* With an empty parent any name might be one. */
	return id && (!f->parent || *f->parent || str_eq(id, f->id));
}

static void add_found(struct cgroup *c, bool v2, uint32_t ctls, const char *name, const char *path)
{
	c->dirs = mem_grow(c->dirs, c->n + 1, sizeof *c->dirs);
	c->dirs[c->n++] = (struct cgroup_dir){.v2 = v2,
		.ctls = ctls,
		.name = str_dup(name),
		.path = str_dup(path),
		.join_fd = -1};
}

static void find_one(int dir_fd, const char *path, void *arg)
{
	struct find *f = arg;
	const char *id = id_of(path, f->parent);
	if (id && str_eq(id, f->id))
		add_found(f->ret, f->hier->v2, f->hier->ctls, f->hier->name, path);
}

static nd_err *find_all(const char *parent, const char *id, struct cgroup *ret)
{
	_cleanup_cgroup_place_ struct cgroup_place place = {0};
	TRY(cgroup_place_read(&place));
	if (!place.n)
		return NULL;
	TRY(cgroup_mounts_read(&place));
	for (size_t i = 0; i < place.n; i++) {
		struct find f = {parent, id, &place.hiers[i], ret};
		if (f.hier->mount)
			walk_from(f.hier->mount, find_one, is_run, &f);
	}
	return NULL;
}

nd_err *cgroup_find(const char *parent, const char *id, struct cgroup *ret)
{
	struct cgroup c = CGROUP_NONE;
	_cleanup_free_ char *clean = parent ? group_parent(parent) : NULL;
	nd_err *e = parent && !clean ? NULL : find_all(clean, id, &c);
	if (e) {
		cgroup_done(&c);
		return e;
	}
	*ret = c;
	return NULL;
}
