/* Importing: see import.h.  A layer is made in HEX.tmp by the holder of that directory's
 * flock and renamed once it is whole and synced; a second importer of the same layer
 * waits for the lock and finds it made.  Whoever dies leaves a HEX.tmp without a lock,
 * which the next importer or gc empties.  Layers are locked in the order of their names,
 * so that two imports cannot wait for each other. */
#include "store/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/owner.h"
#include "store/record.h"
#include "store/unpack.h"

/* A layer that this import makes. */
struct making {
	const struct source_layer *layer;
	const char *hex;
	char *temp;
	int temp_fd, tree_fd;
};

struct work {
	struct making *v;
	size_t n;
};

static void work_done(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		fd_done(&w->v[i].tree_fd);
		fd_done(&w->v[i].temp_fd);
		free(w->v[i].temp);
	}
	free(w->v);
	*w = (struct work){0};
}

static int by_hex(const void *a, const void *b)
{
	return strcmp(((const struct making *)a)->hex, ((const struct making *)b)->hex);
}

/* The layers of the source that the store lacks, each once, in order of their names. */
static void find_missing(struct store *s, const struct source *source, struct work *w)
{
	w->v = mem_alloc((source->n_layers + 1) * sizeof *w->v);
	for (size_t i = 0; i < source->n_layers; i++) {
		const struct source_layer *l = &source->layers[i];
		bool twice = false;
		for (size_t k = 0; k < w->n; k++)
			twice |= strcmp(w->v[k].layer->diff_id, l->diff_id) == 0;
		if (twice || layer_exists(s, l->diff_id))
			continue;
		w->v[w->n++] = (struct making){.layer = l,
			.hex = id_hex(l->diff_id),
			.temp = str_fmt("%s.tmp", id_hex(l->diff_id)),
			.temp_fd = -1,
			.tree_fd = -1};
	}
	qsort(w->v, w->n, sizeof *w->v, by_hex);
}

/* Locks HEX.tmp; m->temp_fd stays -1 when somebody else finished the layer. */
static nd_err *lock_temp(struct store *s, struct making *m)
{
	while (!layer_exists(s, m->hex)) {
		struct stat a, b;
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
	return NULL;
}

static nd_err *prepare(struct store *s, struct making *m)
{
	TRY(lock_temp(s, m));
	if (m->temp_fd < 0)
		return NULL;
	TRY(owner_tree_remove(s, m->temp_fd, "tree"));
	if (mkdirat(m->temp_fd, "tree", 0700) < 0)
		return err_sys(errno, "mkdir", "%s/layers/%s/tree", s->path, m->temp);
	m->tree_fd = openat(m->temp_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (m->tree_fd < 0)
		return err_sys(errno, "open", "%s/layers/%s/tree", s->path, m->temp);
	return NULL;
}

static nd_err *unpack_all(
	struct store *s, const struct source *source, const struct store_opts *opts, struct work *w)
{
	const struct extract_opts extract = {.squash = s->squash, .devices = s->devices};
	_cleanup_free_ struct unpack_job *jobs = mem_alloc((w->n + 1) * sizeof *jobs);
	size_t n = 0;
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].temp_fd >= 0)
			jobs[n++] = (struct unpack_job){
				.layer = w->v[i].layer, .tree_fd = w->v[i].tree_fd};
	if (!n)
		return NULL;
	TRY(unpack_run(s, source, &extract, opts, jobs, n));
	for (size_t i = 0, k = 0; i < w->n; i++)
		if (w->v[i].temp_fd >= 0)
			TRY(layer_write(
				w->v[i].temp_fd, w->v[i].layer->diff_id, &jobs[k++].result));
	/* One sync for all files of all layers: an fsync a file would take minutes. */
	if (syncfs(s->layers_fd) < 0)
		return err_sys(errno, "syncfs", "%s", s->path);
	return NULL;
}

static nd_err *publish(struct store *s, struct work *w)
{
	bool any = false;
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].temp_fd < 0)
			continue;
		if (renameat(s->layers_fd, w->v[i].temp, s->layers_fd, w->v[i].hex) < 0)
			return err_sys(errno, "rename", "%s/layers/%s", s->path, w->v[i].temp);
		fd_done(&w->v[i].temp_fd);
		any = true;
	}
	if (any && fsync(s->layers_fd) < 0)
		return err_sys(errno, "fsync", "%s/layers", s->path);
	return NULL;
}

/* What failed is removed at once: on a full disk it is in everybody's way. */
static void discard(struct store *s, struct work *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].temp_fd >= 0)
			err_free(owner_tree_remove(s, s->layers_fd, w->v[i].temp));
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
	struct work w = {0};
	nd_err *e = NULL;
	_cleanup_fd_ int lock_fd = -1;
	TRY(store_lock(s, LOCK_SH, LOCK_DEADLINE_MS, &lock_fd));
	TRY(owner_prove(s));
	find_missing(s, source, &w);
	for (size_t i = 0; i < w.n && !e; i++)
		e = prepare(s, &w.v[i]);
	if (!e)
		e = unpack_all(s, source, opts, &w);
	if (!e)
		e = publish(s, &w);
	if (e)
		discard(s, &w);
	work_done(&w);
	if (!e)
		e = write_record(s, source);
	for (size_t i = 0; i < source->names.n && !e; i++)
		e = name_set(s, source->names.v[i], source->id);
	return err_wrap(e, "import %s", source->where);
}
