/* store_open(): see store.h.  An image that is there costs a few small reads: the
 * source's index, manifest and config, and the record; no lock that an import holds. */
#include "store/store.h"

#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "store/chain.h"
#include "store/dir.h"
#include "store/import.h"
#include "store/owner.h"
#include "store/record.h"
#include "store/source.h"

enum { TRIES = 8 };

static char *tree_path(const struct store *s, const char *name)
{
	return str_fmt("%s/layers/%s/%s/tree", s->path, s->owner, name);
}

static void note_result(struct store_root *r, const struct store *s, const char *name,
	const struct extract_result *l)
{
	r->skipped_devices += l->skipped_devices;
	r->skipped_xattrs += l->skipped_xattrs;
	if (!l->has_root)
		return;
	free(r->root_like);
	r->root_like = tree_path(s, name);
}

/* A layer that occurs again further up adds nothing here, and overlayfs refuses to have a
 * directory twice. */
static bool comes_again(const struct strv *names, size_t i)
{
	for (size_t k = i + 1; k < names->n; k++)
		if (strcmp(names->v[i], names->v[k]) == 0)
			return true;
	return false;
}

static void add_layers(
	const struct store *s, const struct strv *names, size_t first, struct store_root *r)
{
	for (size_t i = first; i < names->n; i++)
		if (!comes_again(names, i))
			strv_fmt(
				&r->layers, "%s/layers/%s/%s/tree", s->path, s->owner, names->v[i]);
	r->squashed = s->squash;
	if (r->flat)
		strv_add(&r->notes,
			"the image is kept as one tree, because deleted files cannot be "
			"marked here");
	if (s->note)
		strv_add(&r->notes, s->note);
	if (r->skipped_devices)
		strv_fmt(&r->notes, "%llu device nodes of the image could not be made here",
			(unsigned long long)r->skipped_devices);
	if (r->skipped_xattrs)
		strv_fmt(&r->notes, "%llu extended attributes of the image were left out",
			(unsigned long long)r->skipped_xattrs);
}

static void forget_layers(struct store_root *r)
{
	free(r->root_like);
	r->root_like = NULL;
	r->skipped_devices = r->skipped_xattrs = 0;
}

static nd_err *find_flat(const struct store *s, struct store_root *r, struct strv *names)
{
	struct extract_result l;
	char *name;
	TRY(chain_flat_find(s, &r->config.diff_ids, &name, &l));
	if (!name)
		return NULL;
	strv_done(names);
	strv_take(names, name);
	note_result(r, s, name, &l);
	r->flat = true;
	return NULL;
}

/* Finds the directories of all layers; *ret_there false: one is missing. */
static nd_err *find_layers(const struct store *s, struct store_root *r, bool *ret_there)
{
	_cleanup_strv_ struct strv names = {0};
	const struct strv *ids = &r->config.diff_ids;
	size_t first = 0;
	r->flat = false;
	forget_layers(r);
	for (size_t i = 0; i < ids->n; i++) {
		struct extract_result l;
		char *name;
		TRY(chain_find(s, ids, i, &name, &l));
		if (!name) {
			forget_layers(r);
			TRY(find_flat(s, r, &names));
			break;
		}
		strv_take(&names, name);
		if (l.opaque_root)
			first = i;
		note_result(r, s, name, &l);
	}
	*ret_there = r->flat || names.n == ids->n;
	if (*ret_there)
		add_layers(s, &names, r->flat ? 0 : first, r);
	return NULL;
}

/* Also where the layers were made at a time when subordinate ids could not be mapped. */
static nd_err *find_layers_of_any(struct store *s, struct store_root *r, bool *ret_there)
{
	TRY(find_layers(s, r, ret_there));
	if (*ret_there || s->maps.n < 2)
		return NULL;
	owner_squash(s);
	TRY(store_use_owner(s));
	TRY(find_layers(s, r, ret_there));
	if (*ret_there)
		return NULL;
	owner_ask(s);
	return store_use_owner(s);
}

/* r->lock_fd stays -1 when the image is not there, whole. */
static nd_err *open_record(struct store *s, const char *id, struct store_root *r)
{
	bool there;
	TRY(record_open(s, id, &r->lock_fd, &r->config));
	if (r->lock_fd < 0)
		return NULL;
	TRY(find_layers_of_any(s, r, &there));
	if (!there) {
		fd_done(&r->lock_fd);
		image_config_done(&r->config);
		return NULL;
	}
	r->id = str_fmt("sha256:%s", id_hex(id));
	return NULL;
}

/* A tag may have moved to this image; written only then, under the lock that keeps gc
 * from taking the new file for debris. */
static nd_err *update_names(struct store *s, const struct source *source)
{
	_cleanup_fd_ int lock_fd = -1;
	for (size_t i = 0; i < source->names.n; i++) {
		_cleanup_free_ char *id = NULL;
		nd_err *e = name_get(s, source->names.v[i], &id);
		err_free(e); /* a damaged name is written anew */
		if (str_eq(id, source->id))
			continue;
		if (lock_fd < 0)
			TRY(store_lock(s, LOCK_SH, LOCK_DEADLINE_MS, &lock_fd));
		TRY(name_set(s, source->names.v[i], source->id));
	}
	return NULL;
}

static nd_err *open_source(struct store *s, const struct root_ref *ref,
	const struct store_opts *opts, struct store_root *r)
{
	_cleanup_source_ struct source source = {.fd = -1};
	TRY(source_open(ref, &source));
	TRY(open_record(s, source.id, r));
	/* Several rounds: another process may remove the image between import and lock. */
	for (int i = 0; r->lock_fd < 0 && i < TRIES; i++) {
		TRY(image_import(s, &source, opts));
		TRY(open_record(s, source.id, r));
	}
	if (r->lock_fd < 0)
		return err_new(ND_BUSY, "store-busy",
			"%s: the image is removed again each time it is imported", ref->text);
	TRY(update_names(s, &source));
	strv_copy(&r->names, &source.names);
	return NULL;
}

static nd_err *open_named(struct store *s, const struct root_ref *ref, struct store_root *r)
{
	_cleanup_free_ char *id = NULL, *name = NULL;
	TRY(store_find(s, ref->tag, &id, &name));
	if (id)
		TRY(open_record(s, id, r));
	if (r->lock_fd >= 0) {
		if (name)
			strv_add(&r->names, name);
		return NULL;
	}
	return err_remedy(
		err_new(ND_ABSENT, "no-such-image",
			"ROOT '%s' is neither a directory nor an image in the store", ref->text),
		"%s.", ref_allowed);
}

nd_err *store_open(
	const struct root_ref *ref, const struct store_opts *opts, struct store_root *ret)
{
	_cleanup_store_dir_ struct store s = STORE_EMPTY;
	struct store_root r = {.lock_fd = -1};
	if (ref->kind == REF_PLACE || ref->kind == REF_DIR)
		return err_new(ND_BUG, "bug", "'%s' is not an image", ref->text);
	TRY(store_dir_open(&s));
	nd_err *e =
		ref->kind == REF_IMAGE ? open_named(&s, ref, &r) : open_source(&s, ref, opts, &r);
	if (e)
		store_root_done(&r);
	else
		*ret = r;
	return e;
}

void store_root_done(struct store_root *r)
{
	free(r->id);
	free(r->root_like);
	strv_done(&r->names);
	strv_done(&r->layers);
	strv_done(&r->notes);
	image_config_done(&r->config);
	fd_done(&r->lock_fd);
	*r = (struct store_root){.lock_fd = -1};
}
