/* Reclaiming: layers that no image names, and what dead processes left.  Deciding what
 * is unreferenced needs the store's lock, so that no import stands between a layer and
 * its record; removing does not: a layer first becomes HEX.tmp by one rename, so that a
 * kill in the middle leaves debris and never half a layer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/chain.h"
#include "store/owner.h"
#include "store/record.h"
#include "store/store.h"

enum { LOCK_MS = 3000 };

static nd_err *list_dir(int dir_fd, const char *what, struct strv *ret)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(errno, "open", "%s", what);
	struct dirent *e;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strv_add(ret, e->d_name);
	return NULL;
}

/* Removes what has a temporary name and no holder. */
static nd_err *remove_temp(const struct store *s, int dir_fd, const char *name, bool *ret_removed)
{
	struct stat a, b;
	*ret_removed = false;
	_cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0)
		return err_sys(errno, "open", "%s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return NULL;
	if (fstat(fd, &a) < 0 || fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) < 0 ||
		a.st_ino != b.st_ino)
		return NULL;
	TRY(owner_tree_remove(s, dir_fd, name));
	*ret_removed = true;
	return NULL;
}

static nd_err *remove_temps(const struct store *s, int dir_fd, const char *what, uint64_t *count)
{
	_cleanup_strv_ struct strv names = {0};
	TRY(list_dir(dir_fd, what, &names));
	for (size_t i = 0; i < names.n; i++) {
		bool removed;
		if (!str_ends(names.v[i], ".tmp"))
			continue;
		TRY(remove_temp(s, dir_fd, names.v[i], &removed));
		*count += removed;
	}
	return NULL;
}

/* A layer may have either name: see chain.h. */
static void add_names(struct strv *used, const struct strv *diff_ids, size_t i)
{
	strv_add(used, id_hex(diff_ids->v[i]));
	if (i)
		strv_take(used, chain_name(diff_ids, i));
	if (i + 1 == diff_ids->n)
		strv_take(used, chain_flat_name(diff_ids));
}

/* Names of all layers of all images; a record that cannot be read is removed: it is worth nothing.
 */
static nd_err *find_used(struct store *s, struct strv *used, uint64_t *debris)
{
	_cleanup_strv_ struct strv ids = {0};
	TRY(store_ids(s, &ids));
	for (size_t i = 0; i < ids.n; i++) {
		_cleanup_fd_ int fd = -1;
		struct image_config config = {0};
		err_free(record_open(s, ids.v[i], &fd, &config));
		for (size_t k = 0; k < config.diff_ids.n; k++)
			add_names(used, &config.diff_ids, k);
		image_config_done(&config);
		if (fd >= 0)
			continue;
		_cleanup_free_ char *file = str_fmt("%s.json", id_hex(ids.v[i]));
		if (unlinkat(s->images_fd, file, 0) == 0)
			++*debris;
	}
	return NULL;
}

static nd_err *drop_names(struct store *s, uint64_t *debris)
{
	_cleanup_strv_ struct strv names = {0};
	TRY(name_list(s, &names));
	for (size_t i = 0; i < names.n; i += 2) {
		_cleanup_free_ char *file = str_fmt("%s.json", id_hex(names.v[i + 1]));
		if (faccessat(s->images_fd, file, F_OK, 0) == 0)
			continue;
		TRY(name_remove(s, names.v[i]));
		++*debris;
	}
	return NULL;
}

static nd_err *retire_layers(struct store *s, const struct strv *used, uint64_t *count)
{
	_cleanup_strv_ struct strv names = {0};
	TRY(list_dir(s->layers_fd, "layers", &names));
	for (size_t i = 0; i < names.n; i++) {
		if (str_ends(names.v[i], ".tmp") || strv_has(used, names.v[i]))
			continue;
		_cleanup_free_ char *temp = str_fmt("%s.tmp", names.v[i]);
		TRY(owner_tree_remove(
			s, s->layers_fd, temp)); /* nobody makes it: we hold the store */
		if (renameat(s->layers_fd, names.v[i], s->layers_fd, temp) < 0)
			return err_sys(errno, "rename", "layers/%s", names.v[i]);
		++*count;
	}
	if (fsync(s->layers_fd) < 0)
		return err_sys(errno, "fsync", "layers");
	return NULL;
}

struct pass {
	const struct strv *used;
	struct store_gc *r;
	bool counted; /* what is swept is layers that were counted when they were retired */
	uint64_t again;
};

static nd_err *retire_owner(struct store *s, struct pass *p)
{
	TRY(remove_temps(s, s->layers_fd, "layers", &p->r->debris));
	return retire_layers(s, p->used, &p->r->layers);
}

static nd_err *sweep_owner(struct store *s, struct pass *p)
{
	return remove_temps(s, s->layers_fd, "layers", p->counted ? &p->again : &p->r->debris);
}

/* For each directory in layers/, with layers_fd set to it. */
static nd_err *each_owner(
	struct store *s, nd_err *(*fn)(struct store *s, struct pass *p), struct pass *p)
{
	_cleanup_strv_ struct strv owners = {0};
	_cleanup_fd_ int fd = openat(s->fd, "layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s/layers", s->path);
	TRY(list_dir(fd, "layers", &owners));
	for (size_t i = 0; i < owners.n; i++) {
		fd_done(&s->layers_fd);
		s->layers_fd =
			openat(fd, owners.v[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (s->layers_fd < 0)
			return err_sys(errno, "open", "%s/layers/%s", s->path, owners.v[i]);
		TRY(fn(s, p));
	}
	return NULL;
}

static nd_err *retire(struct store *s, struct store_gc *r)
{
	_cleanup_strv_ struct strv used = {0};
	TRY(find_used(s, &used, &r->debris));
	TRY(drop_names(s, &r->debris));
	TRY(remove_temps(s, s->images_fd, "images", &r->debris));
	TRY(remove_temps(s, s->names_fd, "names", &r->debris));
	return each_owner(s, retire_owner, &(struct pass){.used = &used, .r = r});
}

nd_err *store_gc(struct store_gc *ret)
{
	_cleanup_store_dir_ struct store s = STORE_EMPTY;
	struct store_gc r = {0};
	int lock_fd = -1;
	TRY(store_dir_open(&s));
	nd_err *e = store_lock(&s, LOCK_EX, LOCK_MS, &lock_fd);
	r.busy = str_eq(err_find_code(e), "store-busy");
	if (e && !r.busy)
		return e;
	err_free(e);
	e = NULL;
	if (!r.busy)
		e = retire(&s, &r);
	fd_done(&lock_fd);
	if (!e)
		e = each_owner(&s, sweep_owner, &(struct pass){.r = &r, .counted = !r.busy});
	if (!e)
		*ret = r;
	return err_wrap(e, "collect garbage in %s", s.path);
}
