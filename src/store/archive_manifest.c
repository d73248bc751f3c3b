/* manifest.json as `docker save` writes it since 1.10: see archive.h. */
#include <string.h>

#include "base/json.h"
#include "store/archive.h"
#include "store/name.h"
#include "store/source.h"

static nd_err *parse_one(const struct json_at *o, struct archive_image *i)
{
	if (json_kind_of(o) != JSON_OBJECT)
		return json_err(o, "must be an object");
	TRY(json_need_str(o, "Config", &i->config));
	TRY(json_get_strv(o, "RepoTags", &i->tags));
	TRY(json_get_strv(o, "Layers", &i->layers));
	if (i->layers.n > SOURCE_LAYERS_MAX)
		return json_err(o, "has %zu layers; at most %d are allowed", i->layers.n,
			SOURCE_LAYERS_MAX);
	return NULL;
}

static nd_err *parse(const struct json_at *root, struct archive_manifest *m)
{
	if (json_kind_of(root) != JSON_ARRAY)
		return json_err(root, "must be an array");
	size_t n = json_arr_len(root);
	if (n > 10000)
		return json_err(root, "has %zu elements; at most 10000 are allowed", n);
	m->v = mem_alloc((n + 1) * sizeof *m->v);
	m->n = n;
	for (size_t i = 0; i < n; i++) {
		struct json_at at = json_arr_at(root, i);
		TRY(parse_one(&at, &m->v[i]));
	}
	return NULL;
}

nd_err *archive_manifest_parse(
	const char *name, const char *text, size_t len, struct archive_manifest *ret)
{
	_cleanup_json_ struct json_doc doc = {0};
	TRY(json_parse(name, text, len, &doc));
	struct archive_manifest m = {0};
	nd_err *e = parse(&doc.at, &m);
	if (e)
		archive_manifest_done(&m);
	else
		*ret = m;
	return e;
}

void archive_manifest_done(struct archive_manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].config);
		strv_done(&m->v[i].tags);
		strv_done(&m->v[i].layers);
	}
	free(m->v);
	*m = (struct archive_manifest){0};
}

static bool has_tag(const struct archive_image *i, const char *ref)
{
	for (size_t k = 0; k < i->tags.n; k++)
		if (name_matches(i->tags.v[k], ref))
			return true;
	return false;
}

nd_err *archive_choose(const struct archive_manifest *m, const char *where, const char *ref,
	const struct archive_image **ret)
{
	uint64_t index;
	_cleanup_strv_ struct strv tags = {0};
	if (!m->n)
		return err_new(ND_ABSENT, "no-image", "%s: manifest.json lists no image", where);
	if (!ref && m->n == 1) {
		*ret = &m->v[0];
		return NULL;
	}
	if (ref && *ref == '@' && str_to_u64(ref + 1, &index) && index < m->n) {
		*ret = &m->v[index];
		return NULL;
	}
	for (size_t i = 0; i < m->n; i++) {
		if (ref && has_tag(&m->v[i], ref)) {
			*ret = &m->v[i];
			return NULL;
		}
		for (size_t k = 0; k < m->v[i].tags.n && tags.n < 20; k++)
			strv_add(&tags, m->v[i].tags.v[k]);
	}
	_cleanup_free_ char *have = strv_join(&tags, ", ");
	return err_remedy(ref ? err_new(ND_ABSENT, "no-such-tag",
					"%s: the archive has no image '%s'", where, ref)
			      : err_new(ND_INVALID, "many-images", "%s: the archive has %zu images",
					where, m->n),
		"Say which one: docker-archive:FILE:REF with one of its tags (%s) or @0 to @%zu.",
		*have ? have : "it has none", m->n - 1);
}
