/* Importing: see import.h.  All layers are unpacked, get what they take from the layers
 * below them, are written to disk in one sync, and only then get their names; the image
 * record comes last. */
#include "store/import.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/adopt.h"
#include "store/chain.h"
#include "store/making.h"
#include "store/owner.h"
#include "store/record.h"
#include "store/unpack.h"

enum { LIST_MAX = 256 << 20 };

struct import {
	struct store *s;
	const struct source *source;
	struct making_list list;
	int *trees; /* of all layers; owned */
};

static nd_err *unpack_all(struct import *im, const struct store_opts *opts)
{
	const struct extract_opts extract = {
		.squash = im->s->squash, .devices = im->s->devices, .implicit_fd = -1};
	struct making_list *l = &im->list;
	_cleanup_free_ struct unpack_job *jobs = mem_alloc((l->n + 1) * sizeof *jobs);
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].temp_fd >= 0)
			jobs[n++] = (struct unpack_job){.layers = l->v[i].layer,
				.n_layers = l->v[i].flat ? im->source->n_layers : 1,
				.tree_fd = l->v[i].tree_fd,
				.work_fd = l->v[i].flat ? l->v[i].temp_fd : -1,
				.implicit_fd = l->v[i].implicit_fd};
	if (n)
		TRY(unpack_run(im->s, im->source, &extract, opts, jobs, n));
	for (size_t i = 0, k = 0; i < l->n; i++)
		if (l->v[i].temp_fd >= 0)
			l->v[i].result = jobs[k++].result;
	return NULL;
}

static struct making *find_making(struct import *im, size_t index)
{
	for (size_t i = 0; i < im->list.n; i++)
		if (im->list.v[i].temp_fd >= 0 &&
			str_eq(im->list.v[i].layer->diff_id, im->source->layers[index].diff_id))
			return &im->list.v[i];
	return NULL;
}

static nd_err *open_trees(struct import *im)
{
	im->trees = mem_alloc((im->source->n_layers + 1) * sizeof *im->trees);
	for (size_t i = 0; i < im->source->n_layers; i++)
		im->trees[i] = -1;
	for (size_t i = 0; i < im->source->n_layers; i++) {
		struct making *m = find_making(im, i);
		struct extract_result r;
		_cleanup_free_ char *name = NULL, *path = NULL;
		if (!m)
			TRY(chain_find(im->s, &im->source->config.diff_ids, i, &name, &r));
		if (!m && !name)
			return err_new(ND_BUG, "bug", "%s is neither made nor there",
				im->source->layers[i].label);
		path = str_fmt("%s/tree", m ? m->temp : name);
		im->trees[i] = openat(
			im->s->layers_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (im->trees[i] < 0)
			return err_sys(errno, "open", "%s/layers/%s", im->s->path, path);
	}
	return NULL;
}

/* In a child with the owners' rights; from the lowest layer up, as an upper one may take
 * from one that has just taken itself. */
static nd_err *adopt_all(void *arg)
{
	struct import *im = arg;
	for (size_t i = 1; i < im->source->n_layers; i++) {
		struct making *m = find_making(im, i);
		_cleanup_buf_ struct buf paths = {0};
		if (!m || m->index != i || !m->result.implicit)
			continue;
		if (lseek(m->implicit_fd, 0, SEEK_SET) < 0)
			return err_sys(errno, "lseek", "the list of implicit directories");
		TRY(fd_read_text(m->implicit_fd, "implicit", LIST_MAX, &paths));
		TRY_WRAP(adopt_dirs(im->trees, i + 1, &paths), "%s", m->layer->label);
	}
	return NULL;
}

static nd_err *adopt(struct import *im)
{
	bool any = false;
	for (size_t i = 0; i < im->list.n; i++) {
		const struct making *m = &im->list.v[i];
		any |= m->temp_fd >= 0 && m->index > 0 && m->result.implicit;
	}
	if (!any)
		return NULL;
	TRY(open_trees(im));
	return owner_run(im->s, adopt_all, im);
}

static nd_err *finish_all(struct import *im)
{
	bool any = false;
	for (size_t i = 0; i < im->list.n; i++) {
		const struct making *m = &im->list.v[i];
		if (m->temp_fd < 0)
			continue;
		any = true;
		TRY(layer_write(m->temp_fd, m->layer->diff_id, &m->result));
	}
	/* One sync for all files of all layers: an fsync a file would take minutes. */
	if (any && syncfs(im->s->layers_fd) < 0)
		return err_sys(errno, "syncfs", "%s", im->s->path);
	return making_publish(im->s, im->source, &im->list);
}

static nd_err *prepare_and_unpack(struct import *im, const struct store_opts *opts)
{
	for (size_t i = 0; i < im->list.n; i++)
		TRY(making_prepare(im->s, im->source, &im->list.v[i]));
	return unpack_all(im, opts);
}

/* Optimistic: only a layer that deletes something finds out that marks cannot be made. */
static nd_err *make_layers(struct import *im, const struct store_opts *opts)
{
	TRY(owner_prove(im->s));
	TRY(making_find(im->s, im->source, &im->list));
	nd_err *e = prepare_and_unpack(im, opts);
	if (str_eq(err_find_code(e), "no-marks")) {
		err_free(e);
		making_discard(im->s, &im->list);
		making_done(&im->list);
		making_flat(im->source, &im->list);
		e = prepare_and_unpack(im, opts);
	}
	TRY(e);
	TRY(adopt(im));
	return finish_all(im);
}

/* A good record stays: containers hold locks on that very file. */
static nd_err *write_record(struct store *s, const struct source *source)
{
	_cleanup_fd_ int fd = -1;
	struct image_config config = {0};
	err_free(record_open(s, source->id, &fd, &config));
	image_config_done(&config);
	return fd >= 0 ? NULL : record_write(s, source->id, &source->config_text);
}

nd_err *image_import(struct store *s, const struct source *source, const struct store_opts *opts)
{
	struct import im = {.s = s, .source = source};
	_cleanup_fd_ int lock_fd = -1;
	TRY(store_lock(s, LOCK_SH, LOCK_DEADLINE_MS, &lock_fd));
	nd_err *e = make_layers(&im, opts);
	if (e)
		making_discard(s, &im.list);
	making_done(&im.list);
	for (size_t i = 0; im.trees && i < source->n_layers; i++)
		fd_close(im.trees[i]);
	free(im.trees);
	if (!e)
		e = write_record(s, source);
	for (size_t i = 0; i < source->names.n && !e; i++)
		e = name_set(s, source->names.v[i], source->id);
	return err_wrap(e, "import %s", source->where);
}
