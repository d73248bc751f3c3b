/* Listing and removing of images. */
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/chain.h"
#include "store/record.h"
#include "store/store.h"

static nd_err *list_one(
	struct store *s, const char *id, const struct strv *names, struct store_image *i)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	TRY(record_open(s, id, &fd, &i->config));
	if (fd < 0)
		return NULL; /* removed meanwhile */
	if (fstat(fd, &st) == 0)
		i->imported_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	for (size_t k = 0; k < i->config.diff_ids.n; k++) {
		struct extract_result l = {0};
		_cleanup_free_ char *name = NULL;
		err_free(chain_find(s, &i->config.diff_ids, k, &name, &l));
		i->bytes += l.bytes;
	}
	for (size_t k = 0; k < names->n; k += 2)
		if (strcmp(names->v[k + 1], id) == 0)
			strv_add(&i->names, names->v[k]);
	i->id = str_dup(id);
	return NULL;
}

static int newest_first(const void *a, const void *b)
{
	const struct store_image *x = a, *y = b;
	return x->imported_ms > y->imported_ms ? -1 : x->imported_ms < y->imported_ms;
}

nd_err *store_list(struct store_image **ret, size_t *ret_n)
{
	_cleanup_store_dir_ struct store s = STORE_EMPTY;
	_cleanup_strv_ struct strv ids = {0}, names = {0};
	TRY(store_dir_open(&s));
	TRY(store_ids(&s, &ids));
	TRY(name_list(&s, &names));
	struct store_image *v = mem_alloc((ids.n + 1) * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; i < ids.n; i++) {
		nd_err *e = list_one(&s, ids.v[i], &names, &v[n]);
		if (e) {
			store_list_free(v, ids.n);
			return e;
		}
		n += v[n].id != NULL;
	}
	qsort(v, n, sizeof *v, newest_first);
	*ret = v;
	*ret_n = n;
	return NULL;
}

void store_list_free(struct store_image *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].id);
		strv_done(&v[i].names);
		image_config_done(&v[i].config);
	}
	free(v);
}

/* The record goes first: a name without an image is nothing, an image without its names
 * can still be found by id. */
static nd_err *remove_image(struct store *s, const char *id, const struct strv *names)
{
	_cleanup_fd_ int fd = -1;
	struct image_config config = {0};
	_cleanup_free_ char *file = str_fmt("%s.json", id_hex(id));
	TRY(record_open(s, id, &fd, &config));
	image_config_done(&config);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_remedy(err_new(ND_BUSY, "image-in-use", "the image %.19s is in use", id),
			"Remove the containers made from it first.");
	if (unlinkat(s->images_fd, file, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "unlink", "images/%s", file);
	for (size_t i = 0; i < names->n; i += 2)
		if (strcmp(names->v[i + 1], id) == 0)
			TRY(name_remove(s, names->v[i]));
	return NULL;
}

nd_err *store_remove(const char *asked, char **ret_id, bool *ret_untagged)
{
	_cleanup_store_dir_ struct store s = STORE_EMPTY;
	_cleanup_strv_ struct strv names = {0};
	_cleanup_free_ char *id = NULL, *name = NULL;
	size_t n = 0;
	TRY(store_dir_open(&s));
	TRY(store_find(&s, asked, &id, &name));
	if (!id)
		return err_remedy(err_new(ND_ABSENT, "no-such-image",
					  "there is no image '%s' in the store", asked),
			"'nidus image ls' lists them.");
	TRY(name_list(&s, &names));
	for (size_t i = 0; i < names.n; i += 2)
		n += strcmp(names.v[i + 1], id) == 0;
	*ret_untagged = name && n > 1;
	TRY(*ret_untagged ? name_remove(&s, name) : remove_image(&s, id, &names));
	*ret_id = steal_ptr(&id);
	return NULL;
}
