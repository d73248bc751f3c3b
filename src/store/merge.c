/* Merging: see merge.h.  Both trees lie on one file system, so that everything moves by
 * rename(2), hard links included.  A name means what overlayfs makes of it: directories
 * merge, anything else replaces. */
#include "store/merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int open_sub(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static nd_err *list_names(int dir_fd, struct strv *ret)
{
	int fd = open_sub(dir_fd, ".");
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(errno, "open", "a directory to merge");
	struct dirent *e;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strv_add(ret, e->d_name);
	return NULL;
}

static nd_err *delete_path(struct tree *flat, const char *path)
{
	int fd;
	const char *name;
	_cleanup_strv_ struct strv names = {0};
	if (*path) {
		TRY(tree_find(flat, path, &fd, &name));
		return fd < 0 ? NULL : tree_clear(flat, path, fd, name);
	}
	/* an opaque root */
	TRY(list_names(flat->root_fd, &names));
	for (size_t i = 0; i < names.n; i++)
		TRY(tree_clear(flat, names.v[i], flat->root_fd, names.v[i]));
	return NULL;
}

static nd_err *is_dir_in(struct tree *t, const char *path, bool *ret)
{
	int fd;
	const char *name;
	struct stat st;
	TRY(tree_find(t, path, &fd, &name));
	*ret = fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	return NULL;
}

/* A directory that the layer leaves out and that is there keeps its attributes. */
static nd_err *move_records(struct tree *flat, struct tree *fresh)
{
	for (size_t i = 0; i < fresh->n_dirs; i++) {
		struct tree_dir *d = &fresh->dirs[i];
		bool there = false;
		if (d->implicit)
			TRY(is_dir_in(flat, d->path, &there));
		if (there)
			continue;
		tree_take_record(flat, d);
	}
	return NULL;
}

static nd_err *merge_dir(int from, int to);

static nd_err *merge_one(int from, int to, const char *name)
{
	_cleanup_fd_ int sub = open_sub(from, name);
	_cleanup_fd_ int there = sub < 0 ? -1 : open_sub(to, name);
	if (sub < 0 && errno != ENOTDIR && errno != ELOOP && errno != ENXIO && errno != ENODEV)
		return err_sys(errno, "open", "%s", name);
	if (there >= 0) {
		TRY(merge_dir(sub, there));
		if (unlinkat(from, name, AT_REMOVEDIR) < 0)
			return err_sys(errno, "rmdir", "%s", name);
		return NULL;
	}
	TRY(tree_remove(to, name));
	if (renameat(from, name, to, name) < 0)
		return err_sys(errno, "rename", "%s", name);
	return NULL;
}

static nd_err *merge_dir(int from, int to)
{
	_cleanup_strv_ struct strv names = {0};
	TRY(list_names(from, &names));
	for (size_t i = 0; i < names.n; i++)
		TRY(merge_one(from, to, names.v[i]));
	return NULL;
}

nd_err *merge_layer(struct tree *flat, struct tree *fresh, const struct marks *marks)
{
	for (size_t i = 0; i < marks->deleted.n; i++)
		TRY(delete_path(flat, marks->deleted.v[i]));
	for (size_t i = 0; i < marks->opaque.n; i++)
		TRY(delete_path(flat, marks->opaque.v[i]));
	TRY(move_records(flat, fresh));
	tree_forget(flat);
	tree_forget(fresh);
	return merge_dir(fresh->root_fd, flat->root_fd);
}
