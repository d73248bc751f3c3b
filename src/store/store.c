/* store_open(): see store.h.  An image that is there costs a few small reads: the
 * source's index, manifest and config, and the record; no lock that an import holds. */
#include "store/store.h"

#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "store/dir.h"
#include "store/import.h"
#include "store/owner.h"
#include "store/record.h"
#include "store/source.h"

enum { TRIES = 8 };

static nd_err *add_layers(struct store *s, struct store_root *r)
{
	uint64_t devices = 0, xattrs = 0;
	for (size_t i = 0; i < r->config.diff_ids.n; i++) {
		const char *id = r->config.diff_ids.v[i];
		struct extract_result l;
		TRY(layer_read(s, id, &l));
		strv_fmt(&r->layers, "%s/layers/%s/%s/tree", s->path, s->owner, id_hex(id));
		devices += l.skipped_devices;
		xattrs += l.skipped_xattrs;
		if (!l.has_root)
			continue;
		r->has_root = true;
		r->root_mode = l.root_mode;
		r->root_uid = l.root_uid;
		r->root_gid = l.root_gid;
	}
	r->squashed = s->squash;
	if (s->note)
		strv_add(&r->notes, s->note);
	if (devices)
		strv_fmt(&r->notes, "%llu device nodes of the image could not be made here",
			(unsigned long long)devices);
	if (xattrs)
		strv_fmt(&r->notes, "%llu extended attributes of the image were left out",
			(unsigned long long)xattrs);
	return NULL;
}

static bool has_layers(const struct store *s, const struct store_root *r)
{
	for (size_t i = 0; i < r->config.diff_ids.n; i++)
		if (!layer_exists(s, r->config.diff_ids.v[i]))
			return false;
	return true;
}

/* r->lock_fd stays -1 when the image is not there, whole. */
static nd_err *open_record(struct store *s, const char *id, struct store_root *r)
{
	TRY(record_open(s, id, &r->lock_fd, &r->config));
	if (r->lock_fd < 0)
		return NULL;
	bool there = has_layers(s, r);
	/* Made at a time when subordinate ids could not be mapped? */
	if (!there && s->maps.n > 1) {
		owner_squash(s);
		TRY(store_use_owner(s));
		there = has_layers(s, r);
		if (!there) {
			owner_ask(s);
			TRY(store_use_owner(s));
		}
	}
	if (!there) {
		fd_done(&r->lock_fd);
		image_config_done(&r->config);
		return NULL;
	}
	r->id = str_fmt("sha256:%s", id_hex(id));
	return add_layers(s, r);
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
	strv_done(&r->names);
	strv_done(&r->layers);
	strv_done(&r->notes);
	image_config_done(&r->config);
	fd_done(&r->lock_fd);
	*r = (struct store_root){.lock_fd = -1};
}
