/* OCI image layout (image-spec image-layout.md): a directory with oci-layout,
 * index.json and blobs/sha256/HEX.  The layout belongs to the user who names it, so
 * links in it are followed; what they lead to must be a regular file with the right
 * digest, which is why nothing else can be read through them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/sha256.h"
#include "store/manifest.h"
#include "store/platform.h"
#include "store/source.h"

enum { NEST_MAX = 8 };

/* O_NONBLOCK: a FIFO put there must not hold us. */
static nd_err *open_regular(int dir_fd, const char *path, int *ret_fd, uint64_t *ret_size)
{
	struct stat st;
	_cleanup_fd_ int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(errno, "open", "%s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "fstat", "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_invalid("%s is not a regular file", path);
	*ret_fd = steal_fd(&fd);
	*ret_size = (uint64_t)st.st_size;
	return NULL;
}

static nd_err *read_small(int dir_fd, const char *path, struct buf *ret)
{
	_cleanup_fd_ int fd = -1;
	uint64_t size;
	TRY(open_regular(dir_fd, path, &fd, &size));
	return fd_read_text(fd, path, SOURCE_JSON_MAX, ret);
}

static char *blob_path(const char *digest)
{
	return str_fmt("blobs/sha256/%s", str_after(digest, "sha256:"));
}

/* Reads a JSON blob and checks size and digest. */
static nd_err *read_blob(int dir_fd, const struct descriptor *d, struct buf *ret)
{
	char hex[SHA256_HEX];
	_cleanup_free_ char *path = blob_path(d->digest);
	_cleanup_buf_ struct buf text = {0};
	TRY(read_small(dir_fd, path, &text));
	if (text.len != d->size)
		return err_new(ND_INVALID, "bad-digest",
			"%s has %zu bytes where its descriptor says %llu", path, text.len,
			(unsigned long long)d->size);
	sha256_hex(text.data, text.len, hex);
	if (strcmp(hex, str_after(d->digest, "sha256:")) != 0)
		return err_new(ND_INVALID, "bad-digest", "%s has the sha256 %s instead", path, hex);
	*ret = text;
	text = (struct buf){0};
	return NULL;
}

/* TAG matches a whole ref name or what stands after its last colon. */
static bool tag_matches(const char *ref_name, const char *tag)
{
	if (!ref_name || str_eq(ref_name, tag))
		return ref_name != NULL;
	const char *colon = strrchr(ref_name, ':');
	return colon && !strchr(colon, '/') && str_eq(colon + 1, tag);
}

static void add_tag(struct strv *l, const char *name)
{
	if (name && !strv_has(l, name) && l->n < 20)
		strv_add(l, name);
}

/* The descriptor of index.json that is meant; ties are broken by platform. */
static nd_err *choose(
	const struct root_ref *ref, const struct index *idx, const struct descriptor **ret)
{
	_cleanup_strv_ struct strv tags = {0};
	const struct descriptor *best = NULL;
	int best_rank = -1;
	bool tie = false;
	for (size_t i = 0; i < idx->n; i++) {
		const struct descriptor *d = &idx->v[i];
		add_tag(&tags, d->ref_name);
		if (descriptor_kind(d) == BLOB_OTHER && d->media_type)
			continue;
		if (ref->tag && !tag_matches(d->ref_name, ref->tag) && !str_eq(d->digest, ref->tag))
			continue;
		int rank = platform_rank(d->os, d->arch, d->variant);
		if (best && rank == best_rank && !str_eq(d->digest, best->digest))
			tie = true;
		if (rank > best_rank) {
			tie = false;
			best = d;
			best_rank = rank;
		}
	}
	_cleanup_free_ char *have = strv_join(&tags, ", ");
	if (!best && ref->tag)
		return err_remedy(err_new(ND_ABSENT, "no-such-tag",
					  "%s: the layout has no image with the tag '%s'",
					  ref->text, ref->tag),
			"Its tags are: %s.", *have ? have : "none");
	if (!best)
		return err_new(ND_ABSENT, "no-image", "%s: index.json lists no image", ref->text);
	if (tie)
		return err_remedy(err_new(ND_INVALID, "many-images",
					  "%s: the layout has several images", ref->text),
			"Say which one: oci:%s:TAG; its tags are: %s.", ref->path,
			*have ? have : "none");
	*ret = best;
	return NULL;
}

/* Of an index of platforms, the manifest that runs here best. */
static nd_err *choose_platform(
	const struct root_ref *ref, const struct index *idx, const struct descriptor **ret)
{
	_cleanup_strv_ struct strv have = {0};
	const struct descriptor *best = NULL;
	int best_rank = 0;
	for (size_t i = 0; i < idx->n; i++) {
		const struct descriptor *d = &idx->v[i];
		int rank = platform_rank(d->os, d->arch, d->variant);
		if (descriptor_kind(d) == BLOB_OTHER && d->media_type)
			continue;
		if (d->arch && have.n < 20)
			strv_fmt(&have, "%s/%s", d->os ? d->os : "linux", d->arch);
		if (rank > best_rank) {
			best = d;
			best_rank = rank;
		}
	}
	_cleanup_free_ char *list = strv_join(&have, ", ");
	if (!best)
		return err_remedy(err_new(ND_INVALID, "wrong-platform",
					  "%s has no image for linux/%s; it has: %s", ref->text,
					  platform_arch(), *list ? list : "none"),
			"Get the image for linux/%s.", platform_arch());
	*ret = best;
	return NULL;
}

static void descriptor_copy(struct descriptor *to, const struct descriptor *from)
{
	*to = (struct descriptor){.digest = str_dup(from->digest),
		.media_type = str_dup(from->media_type),
		.size = from->size};
}

/* Goes down nested indexes until a manifest is reached; its text is the result. */
static nd_err *find_manifest(const struct root_ref *ref, int fd, const struct descriptor *start,
	struct buf *ret_text, char **ret_digest)
{
	struct descriptor d;
	descriptor_copy(&d, start);
	struct index one = {.v = mem_alloc(sizeof d), .n = 1};
	one.v[0] = d;
	for (int depth = 0; depth < NEST_MAX; depth++) {
		_cleanup_buf_ struct buf text = {0};
		nd_err *e = read_blob(fd, &one.v[0], &text);
		if (!e && descriptor_kind(&one.v[0]) != BLOB_INDEX) {
			*ret_text = text;
			*ret_digest = str_dup(one.v[0].digest);
			text = (struct buf){0};
			index_done(&one);
			return NULL;
		}
		struct index idx = {0};
		const struct descriptor *best = NULL;
		if (!e)
			e = index_parse(
				one.v[0].digest, text.data ? text.data : "", text.len, &idx);
		if (!e)
			e = choose_platform(ref, &idx, &best);
		if (best)
			descriptor_copy(&d, best);
		index_done(&idx);
		index_done(&one);
		if (e)
			return e;
		one = (struct index){.v = mem_alloc(sizeof d), .n = 1};
		one.v[0] = d;
	}
	index_done(&one);
	return err_invalid("%s: indexes are nested more than %d deep", ref->text, NEST_MAX);
}

static nd_err *check_layout(const struct root_ref *ref, int fd)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_json_ struct json_doc doc = {0};
	_cleanup_free_ char *version = NULL;
	nd_err *e = read_small(fd, "oci-layout", &text);
	if (e)
		return err_remedy(err_wrap(e, "%s is not an OCI image layout", ref->path),
			"An OCI layout has the files oci-layout and index.json; 'skopeo copy "
			"SOURCE oci:DIR:TAG' makes one.");
	TRY(json_parse("oci-layout", text.data ? text.data : "", text.len, &doc));
	TRY(json_need_str(&doc.at, "imageLayoutVersion", &version));
	if (!str_starts(version, "1."))
		return json_err(&doc.at, "imageLayoutVersion must be 1.x, not '%.40s'", version);
	return NULL;
}

static nd_err *add_layers(struct source *s, const struct manifest *m)
{
	if (m->n_layers != s->config.diff_ids.n)
		return err_invalid("the manifest has %zu layers and the config %zu diff_ids",
			m->n_layers, s->config.diff_ids.n);
	for (size_t i = 0; i < m->n_layers; i++) {
		const struct descriptor *d = &m->layers[i];
		if (d->media_type && strstr(d->media_type, "encrypted"))
			return err_invalid("layer %zu is encrypted (%s)", i + 1, d->media_type);
		struct source_layer *l = source_add_layer(s, s->config.diff_ids.v[i], d->digest);
		l->path = blob_path(d->digest);
		l->size = d->size;
	}
	return NULL;
}

/* "debian:12" for oci:/some/where/debian:12; a full ref name stands for itself. */
static void add_name(struct source *s, const struct root_ref *ref, const char *ref_name)
{
	const char *tag = ref_name ? ref_name : ref->tag;
	if (tag && (strchr(tag, '/') || strchr(tag, ':'))) {
		strv_add(&s->names, tag);
		return;
	}
	_cleanup_free_ char *real = realpath(ref->path, NULL);
	const char *base = real ? strrchr(real, '/') + 1 : ref->path;
	strv_fmt(&s->names, "%s:%s", *base ? base : "root", tag ? tag : "latest");
}

static nd_err *read_image(const struct root_ref *ref, struct source *s, const struct descriptor *d)
{
	_cleanup_buf_ struct buf text = {0}, config = {0};
	_cleanup_free_ char *digest = NULL;
	struct manifest m = {0};
	TRY(find_manifest(ref, s->fd, d, &text, &digest));
	TRY(manifest_parse(digest, text.data ? text.data : "", text.len, &m));
	nd_err *e = read_blob(s->fd, &m.config, &config);
	if (!e)
		e = source_set_config(s, m.config.digest, &config);
	if (!e)
		e = add_layers(s, &m);
	manifest_done(&m);
	return e;
}

nd_err *layout_open(const struct root_ref *ref, struct source *s)
{
	s->fd = open(ref->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_sys(errno, "open", "%s", ref->path);
	TRY(check_layout(ref, s->fd));
	_cleanup_buf_ struct buf text = {0};
	struct index idx = {0};
	const struct descriptor *d = NULL;
	TRY_WRAP(read_small(s->fd, "index.json", &text), "%s", ref->path);
	TRY_WRAP(index_parse("index.json", text.data ? text.data : "", text.len, &idx), "%s",
		ref->path);
	nd_err *e = choose(ref, &idx, &d);
	if (!e)
		e = err_wrap(read_image(ref, s, d), "%s", ref->text);
	if (!e)
		add_name(s, ref, d->ref_name);
	index_done(&idx);
	return e;
}
