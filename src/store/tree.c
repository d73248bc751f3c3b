/* Walking and making directories: see tree.h. */
#include "store/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "kernel/sys.h"

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

void tree_init(struct tree *t, int root_fd, bool squash)
{
	*t = (struct tree){.root_fd = root_fd, .deep_fd = -1, .squash = squash};
}

static void forget_levels(struct tree *t, size_t keep)
{
	while (t->n_levels > keep) {
		t->n_levels--;
		free(t->levels[t->n_levels].name);
		fd_close(t->levels[t->n_levels].fd);
	}
	fd_done(&t->deep_fd);
}

static void xattrs_free(struct tar_xattr *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		free(v[i].value);
	}
	free(v);
}

void tree_done(struct tree *t)
{
	forget_levels(t, 0);
	for (size_t i = 0; i < t->n_dirs; i++) {
		free(t->dirs[i].path);
		xattrs_free(t->dirs[i].xattrs, t->dirs[i].n_xattrs);
	}
	free(t->dirs);
	buf_done(&t->implicit);
	*t = (struct tree){.root_fd = -1, .deep_fd = -1};
}

nd_err *tree_clean_name(const char *name, char *clean)
{
	size_t len = 0;
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return err_invalid("the name '%.200s' has '..' in it", name);
		if (n > NAME_MAX)
			return err_invalid("the name '%.200s' has a part longer than %d bytes",
				name, NAME_MAX);
		if (n && !(n == 1 && *p == '.')) {
			if (len + n + 2 > PATH_MAX)
				return err_invalid("the name '%.200s...' is longer than %d bytes",
					name, PATH_MAX - 1);
			if (len)
				clean[len++] = '/';
			memcpy(clean + len, p, n);
			len += n;
		}
		p += n + (p[n] == '/');
	}
	clean[len] = '\0';
	return NULL;
}

static struct tree_dir *add_dir(struct tree *t, const char *path)
{
	if ((t->n_dirs & (t->n_dirs - 1)) == 0)
		t->dirs = mem_grow(t->dirs, t->n_dirs ? t->n_dirs * 2 : 1, sizeof *t->dirs);
	struct tree_dir *d = &t->dirs[t->n_dirs];
	*d = (struct tree_dir){.path = str_dup(path), .order = t->n_dirs};
	t->n_dirs++;
	return d;
}

static void note_dir(struct tree *t, const char *path, const struct tar_entry *e, bool implicit)
{
	struct tree_dir *d = add_dir(t, path);
	d->mtime_s = e->mtime_s;
	d->mtime_ns = e->mtime_ns;
	d->mode = implicit ? 0755 : e->mode;
	d->implicit = implicit;
	if (implicit)
		return;
	d->uid = e->uid;
	d->gid = e->gid;
	d->xattrs = mem_alloc((e->n_xattrs + 1) * sizeof *d->xattrs);
	d->n_xattrs = e->n_xattrs;
	for (size_t i = 0; i < e->n_xattrs; i++) {
		d->xattrs[i] = (struct tar_xattr){str_dup(e->xattrs[i].name),
			mem_alloc(e->xattrs[i].size + 1), e->xattrs[i].size};
		memcpy(d->xattrs[i].value, e->xattrs[i].value, e->xattrs[i].size);
	}
}

/* Opens one directory below dir_fd.  A link there is refused by name: following it is
 * what an attack would want. */
static nd_err *open_dir(int dir_fd, const char *name, int *ret)
{
	*ret = openat(dir_fd, name, DIR_FLAGS);
	if (*ret >= 0)
		return NULL;
	int err = errno;
	struct stat st;
	if ((err == ELOOP || err == ENOTDIR) &&
		fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode))
			return err_new(ND_INVALID, "through-link",
				"its parent '%s' is a symbolic link", name);
		return err_new(
			ND_INVALID, "not-a-directory", "its parent '%s' is not a directory", name);
	}
	return err_sys(err, "open", "%s", name);
}

/* Makes `name` if it is missing or is a mark of deletion; what is deleted below must
 * then stay hidden. */
static nd_err *make_dir(int dir_fd, const char *name, bool *ret_new)
{
	*ret_new = false;
	bool whiteout = is_whiteout(dir_fd, name);
	if (whiteout && unlinkat(dir_fd, name, 0) < 0)
		return err_sys(errno, "unlink", "%s", name);
	if (mkdirat(dir_fd, name, 0700) == 0)
		*ret_new = true;
	else if (errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", name);
	return whiteout ? set_opaque(dir_fd, name) : NULL;
}

static nd_err *descend(struct tree *t, int dir_fd, const char *name, const char *path, size_t len,
	const struct tar_entry *make, int *ret)
{
	nd_err *e = open_dir(dir_fd, name, ret);
	if (!e || !make || (err_root(e)->errnum != ENOENT && !is_whiteout(dir_fd, name)))
		return e;
	err_free(e);
	bool is_new;
	TRY(make_dir(dir_fd, name, &is_new));
	if (is_new) {
		_cleanup_free_ char *whole = str_ndup(path, len);
		note_dir(t, whole, make, true);
	}
	return open_dir(dir_fd, name, ret);
}

/* The parent of a path in one call, as by components it would take as many calls as there
 * are; -1 where something is missing or a link, or without openat2(2). */
static int open_deep(int dir_fd, const char *path)
{
	_cleanup_free_ char *parent = str_ndup(path, (size_t)(strrchr(path, '/') - path));
	return sys_openat2(dir_fd, parent, DIR_FLAGS, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

nd_err *tree_parent(struct tree *t, const char *path, const struct tar_entry *make, int *ret_fd,
	const char **ret_name)
{
	size_t depth = 0, at = 0;
	fd_done(&t->deep_fd);
	for (;; depth++) {
		size_t n = strcspn(path + at, "/");
		if (!path[at + n])
			break;
		int fd, above = t->deep_fd >= 0 ? t->deep_fd
				: depth         ? t->levels[depth - 1].fd
						: t->root_fd;
		_cleanup_free_ char *name = str_ndup(path + at, n);
		if (depth < t->n_levels && strcmp(t->levels[depth].name, name) == 0) {
			at += n + 1;
			continue;
		}
		if (depth < TREE_CACHE)
			forget_levels(t, depth);
		if (depth == TREE_CACHE && (t->deep_fd = open_deep(above, path + at)) >= 0) {
			at = (size_t)(strrchr(path, '/') + 1 - path);
			break;
		}
		TRY(descend(t, above, name, path, at + n, make, &fd));
		if (depth < TREE_CACHE) {
			t->levels[t->n_levels].name = steal_ptr(&name);
			t->levels[t->n_levels++].fd = fd;
		} else {
			fd_done(&t->deep_fd);
			t->deep_fd = fd;
		}
		at += n + 1;
	}
	*ret_fd = t->deep_fd >= 0 ? t->deep_fd : depth ? t->levels[depth - 1].fd : t->root_fd;
	*ret_name = path + at;
	return NULL;
}

nd_err *tree_find(struct tree *t, const char *path, int *ret_fd, const char **ret_name)
{
	nd_err *e = tree_parent(t, path, NULL, ret_fd, ret_name);
	if (!e || (err_root(e)->errnum != ENOENT && err_root(e)->errnum != 0))
		return e;
	err_free(e);
	*ret_fd = -1;
	return NULL;
}

void tree_take_record(struct tree *t, struct tree_dir *d)
{
	struct tree_dir *to = add_dir(t, "");
	size_t order = to->order;
	free(to->path);
	*to = *d;
	to->order = order;
	*d = (struct tree_dir){0};
}

void tree_forget(struct tree *t)
{
	forget_levels(t, 0);
}

nd_err *tree_mkdir(struct tree *t, const char *path, const struct tar_entry *e)
{
	if (*path) {
		int fd;
		const char *name;
		struct stat st;
		bool is_new;
		TRY(tree_parent(t, path, e, &fd, &name));
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
			!is_whiteout(fd, name))
			TRY(tree_clear(t, path, fd, name));
		TRY(make_dir(fd, name, &is_new));
	}
	note_dir(t, path, e, false);
	return NULL;
}

nd_err *tree_clear(struct tree *t, const char *path, int dir_fd, const char *name)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return NULL;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(errno, "unlink", "%s", path);
	TRY(tree_remove(dir_fd, name));
	/* Of the open directories, those above stay (dir_fd is one), those below are gone. */
	size_t depth = 0;
	for (const char *p = path; *p; p++)
		depth += *p == '/';
	int deep_fd = steal_fd(&t->deep_fd);
	forget_levels(t, depth);
	t->deep_fd = deep_fd;
	return NULL;
}
