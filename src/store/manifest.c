/* Parsing of index and manifest: see manifest.h.  Annotations and platform are
 * optional everywhere; digests, sizes and media types are not. */
#include "store/manifest.h"

#include <string.h>

#include "base/json.h"
#include "store/config.h"
#include "store/source.h"

static void descriptor_done(struct descriptor *d)
{
	free(d->media_type);
	free(d->digest);
	free(d->ref_name);
	free(d->os);
	free(d->arch);
	free(d->variant);
	*d = (struct descriptor){0};
}

static nd_err *parse_descriptor(const struct json_at *o, struct descriptor *d)
{
	struct json_at sub;
	const char *hex;
	if (json_kind_of(o) != JSON_OBJECT)
		return json_err(o, "must be an object");
	TRY(json_get_str(o, "mediaType", &d->media_type));
	TRY(json_need_str(o, "digest", &d->digest));
	_cleanup_free_ char *path = json_path(o);
	_cleanup_free_ char *what = str_fmt("%s", path);
	TRY_WRAP(digest_check(what, d->digest, &hex), "the image's manifest or index");
	if (!json_has(o, "size"))
		return json_err(o, "size is missing");
	TRY(json_get_u64(o, "size", &d->size));
	TRY(json_get_obj(o, "annotations", &sub));
	TRY(json_get_str(&sub, "org.opencontainers.image.ref.name", &d->ref_name));
	if (!d->ref_name)
		TRY(json_get_str(&sub, "io.containerd.image.name", &d->ref_name));
	TRY(json_get_obj(o, "platform", &sub));
	TRY(json_get_str(&sub, "os", &d->os));
	TRY(json_get_str(&sub, "architecture", &d->arch));
	return json_get_str(&sub, "variant", &d->variant);
}

static nd_err *parse_list(const struct json_at *root, const char *key, size_t max,
	struct descriptor **ret, size_t *ret_n)
{
	struct json_at list;
	TRY(json_get_arr(root, key, &list));
	if (!list.v)
		return json_err(root, "has no '%s' array", key);
	size_t n = json_arr_len(&list);
	if (n > max)
		return json_err(&list, "has %zu elements; at most %zu are allowed", n, max);
	*ret = mem_alloc((n + 1) * sizeof **ret);
	*ret_n = n;
	for (size_t i = 0; i < n; i++) {
		struct json_at at = json_arr_at(&list, i);
		TRY(parse_descriptor(&at, &(*ret)[i]));
	}
	return NULL;
}

static nd_err *check_version(const struct json_at *root)
{
	int64_t version = 0;
	if (json_kind_of(root) != JSON_OBJECT)
		return json_err(root, "must be an object");
	TRY(json_get_i64(root, "schemaVersion", &version));
	if (version == 1)
		return err_remedy(json_err(root, "is a docker schema 1 manifest, which nobody has "
						 "written since 2017"),
			"Convert the image: skopeo copy --format oci SOURCE oci:DIR.");
	if (version != 2)
		return json_err(root, "schemaVersion must be 2, not %lld", (long long)version);
	return NULL;
}

nd_err *index_parse(const char *name, const char *text, size_t len, struct index *ret)
{
	_cleanup_json_ struct json_doc doc = {0};
	TRY(json_parse(name, text, len, &doc));
	TRY(check_version(&doc.at));
	struct index idx = {0};
	nd_err *e = parse_list(&doc.at, "manifests", 10000, &idx.v, &idx.n);
	if (e)
		index_done(&idx);
	else
		*ret = idx;
	return e;
}

static nd_err *parse_manifest(const struct json_at *root, struct manifest *m)
{
	struct json_at config;
	_cleanup_free_ char *artifact = NULL;
	TRY(check_version(root));
	TRY(json_get_str(root, "artifactType", &artifact));
	TRY(json_get_obj(root, "config", &config));
	if (!config.v)
		return json_err(root, "has no 'config' object, so it is not an image");
	TRY(parse_descriptor(&config, &m->config));
	const char *type = m->config.media_type;
	if (type && strcmp(type, "application/vnd.oci.image.config.v1+json") != 0 &&
		strcmp(type, "application/vnd.docker.container.image.v1+json") != 0)
		return err_new(ND_INVALID, "not-an-image",
			"%s: is not a container image but an artifact of type %.100s", root->file,
			artifact ? artifact : type);
	return parse_list(root, "layers", SOURCE_LAYERS_MAX, &m->layers, &m->n_layers);
}

nd_err *manifest_parse(const char *name, const char *text, size_t len, struct manifest *ret)
{
	_cleanup_json_ struct json_doc doc = {0};
	TRY(json_parse(name, text, len, &doc));
	struct manifest m = {0};
	nd_err *e = parse_manifest(&doc.at, &m);
	if (e)
		manifest_done(&m);
	else
		*ret = m;
	return e;
}

enum blob_kind descriptor_kind(const struct descriptor *d)
{
	static const struct {
		const char *type;
		enum blob_kind kind;
	} types[] = {
		{"application/vnd.oci.image.index.v1+json", BLOB_INDEX},
		{"application/vnd.docker.distribution.manifest.list.v2+json", BLOB_INDEX},
		{"application/vnd.oci.image.manifest.v1+json", BLOB_MANIFEST},
		{"application/vnd.docker.distribution.manifest.v2+json", BLOB_MANIFEST},
	};
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(d->media_type, types[i].type))
			return types[i].kind;
	return BLOB_OTHER;
}

void index_done(struct index *idx)
{
	for (size_t i = 0; i < idx->n; i++)
		descriptor_done(&idx->v[i]);
	free(idx->v);
	*idx = (struct index){0};
}

void manifest_done(struct manifest *m)
{
	descriptor_done(&m->config);
	for (size_t i = 0; i < m->n_layers; i++)
		descriptor_done(&m->layers[i]);
	free(m->layers);
	*m = (struct manifest){0};
}
