/* Layers in the making: see making.h.  A layer is made in DIFF.tmp by the holder of that
 * directory's flock and renamed once it is whole and synced; a second importer of the
 * same layer waits for the lock and finds it made.  Whoever dies leaves a DIFF.tmp
 * without a lock, which the next importer or gc empties.  Layers are locked in the order
 * of their names, so that two imports cannot wait for each other. */
#include "store/making.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/chain.h"
#include "store/owner.h"
#include "store/record.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct making *)a)->temp, ((const struct making *)b)->temp);
}

static nd_err *exists(const struct store *s, const struct source *source, size_t index, bool flat,
	bool *ret_there)
{
	struct extract_result r;
	_cleanup_free_ char *name = NULL;
	const struct strv *ids = &source->config.diff_ids;
	TRY(flat ? chain_flat_find(s, ids, &name, &r) : chain_find(s, ids, index, &name, &r));
	*ret_there = name != NULL;
	return NULL;
}

static bool is_listed(const struct making_list *l, const char *diff_id)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].layer->diff_id, diff_id) == 0)
			return true;
	return false;
}

nd_err *making_find(const struct store *s, const struct source *source, struct making_list *ret)
{
	ret->v = mem_alloc((source->n_layers + 1) * sizeof *ret->v);
	for (size_t i = 0; i < source->n_layers; i++) {
		const struct source_layer *l = &source->layers[i];
		bool there;
		TRY(exists(s, source, i, false, &there));
		if (there || is_listed(ret, l->diff_id))
			continue;
		ret->v[ret->n++] = (struct making){.layer = l,
			.index = i,
			.temp = str_fmt("%s.tmp", id_hex(l->diff_id)),
			.temp_fd = -1,
			.tree_fd = -1,
			.implicit_fd = -1};
	}
	qsort(ret->v, ret->n, sizeof *ret->v, by_name);
	return NULL;
}

void making_flat(const struct source *source, struct making_list *ret)
{
	_cleanup_free_ char *name = chain_flat_name(&source->config.diff_ids);
	ret->v = mem_alloc(sizeof *ret->v);
	ret->n = 1;
	ret->v[0] = (struct making){.layer = source->layers,
		.flat = true,
		.temp = str_fmt("%s.tmp", name),
		.temp_fd = -1,
		.tree_fd = -1,
		.implicit_fd = -1};
}

static nd_err *lock_temp(const struct store *s, const struct source *source, struct making *m)
{
	for (;;) {
		struct stat a, b;
		bool there;
		TRY(exists(s, source, m->index, m->flat, &there));
		if (there)
			return NULL;
		if (mkdirat(s->layers_fd, m->temp, 0700) < 0 && errno != EEXIST)
			return err_sys(errno, "mkdir", "%s/layers/%s", s->path, m->temp);
		_cleanup_fd_ int fd = openat(
			s->layers_fd, m->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return err_sys(errno, "open", "%s/layers/%s", s->path, m->temp);
		TRY(lock_wait(fd, LOCK_EX, LOCK_DEADLINE_MS, m->layer->label));
		if (fstat(fd, &a) < 0 ||
			fstatat(s->layers_fd, m->temp, &b, AT_SYMLINK_NOFOLLOW) < 0 ||
			a.st_ino != b.st_ino)
			continue; /* renamed or removed while we waited */
		m->temp_fd = steal_fd(&fd);
		return NULL;
	}
}

nd_err *making_prepare(const struct store *s, const struct source *source, struct making *m)
{
	TRY(lock_temp(s, source, m));
	if (m->temp_fd < 0)
		return NULL;
	TRY(owner_tree_remove(s, m->temp_fd, "tree"));
	TRY(owner_tree_remove(s, m->temp_fd, "new"));
	if (mkdirat(m->temp_fd, "tree", 0700) < 0)
		return err_sys(errno, "mkdir", "%s/layers/%s/tree", s->path, m->temp);
	m->tree_fd = openat(m->temp_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (m->tree_fd < 0)
		return err_sys(errno, "open", "%s/layers/%s/tree", s->path, m->temp);
	m->implicit_fd = openat(
		m->temp_fd, "implicit", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (m->implicit_fd < 0)
		return err_sys(errno, "open", "%s/layers/%s/implicit", s->path, m->temp);
	return NULL;
}

nd_err *making_publish(const struct store *s, const struct source *source, struct making_list *l)
{
	bool any = false;
	for (size_t i = 0; i < l->n; i++) {
		struct making *m = &l->v[i];
		if (m->temp_fd < 0)
			continue;
		_cleanup_free_ char *name =
			m->flat ? chain_flat_name(&source->config.diff_ids)
				: chain_name_for(&source->config.diff_ids, m->index, &m->result);
		/* What has the name and is no layer (a spoilt layer.json) makes way. */
		TRY(owner_tree_remove(s, s->layers_fd, name));
		if (renameat(s->layers_fd, m->temp, s->layers_fd, name) < 0)
			return err_sys(errno, "rename", "%s/layers/%s", s->path, m->temp);
		fd_done(&m->temp_fd);
		any = true;
	}
	if (any && fsync(s->layers_fd) < 0)
		return err_sys(errno, "fsync", "%s/layers", s->path);
	return NULL;
}

void making_discard(const struct store *s, struct making_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].temp_fd >= 0)
			err_free(owner_tree_remove(s, s->layers_fd, l->v[i].temp));
}

void making_done(struct making_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		fd_done(&l->v[i].implicit_fd);
		fd_done(&l->v[i].tree_fd);
		fd_done(&l->v[i].temp_fd);
		free(l->v[i].temp);
	}
	free(l->v);
	*l = (struct making_list){0};
}
