/* What the kinds of sources share: see source.h. */
#include "store/source.h"

#include "base/fd.h"
#include "base/sha256.h"
#include "store/platform.h"

struct source_layer *source_add_layer(struct source *s, const char *diff_id, const char *digest)
{
	s->layers = mem_grow(s->layers, s->n_layers + 1, sizeof *s->layers);
	struct source_layer *l = &s->layers[s->n_layers++];
	*l = (struct source_layer){.diff_id = str_dup(diff_id), .digest = str_dup(digest)};
	l->label = str_fmt("layer %zu (%.19s)", s->n_layers, digest ? digest : diff_id);
	return l;
}

nd_err *source_set_config(struct source *s, const char *name, struct buf *text)
{
	char hex[SHA256_HEX];
	TRY(image_config_parse(name, text->data ? text->data : "", text->len, &s->config));
	sha256_hex(text->data, text->len, hex);
	s->id = str_fmt("sha256:%s", hex);
	s->config_text = *text;
	*text = (struct buf){0};
	if (platform_rank(s->config.os, s->config.architecture, s->config.variant) == 0)
		return err_remedy(
			err_new(ND_INVALID, "wrong-platform",
				"%s is an image for %s/%s; this machine runs linux/%s", s->where,
				s->config.os ? s->config.os : "linux",
				s->config.architecture ? s->config.architecture : "unknown",
				platform_arch()),
			"Get the image for linux/%s.", platform_arch());
	return NULL;
}

nd_err *source_open(const struct root_ref *ref, struct source *ret)
{
	struct source s = {.fd = -1, .where = str_dup(ref->text)};
	nd_err *e = ref->kind == REF_OCI ? layout_open(ref, &s) : archive_open(ref, &s);
	if (!e && s.n_layers != s.config.diff_ids.n)
		e = err_invalid("%s: the manifest has %zu layers and the config %zu diff_ids",
			s.where, s.n_layers, s.config.diff_ids.n);
	if (e)
		source_done(&s);
	else
		*ret = s;
	return e;
}

void source_done(struct source *s)
{
	fd_done(&s->fd);
	free(s->where);
	free(s->id);
	strv_done(&s->names);
	buf_done(&s->config_text);
	image_config_done(&s->config);
	for (size_t i = 0; i < s->n_layers; i++) {
		free(s->layers[i].diff_id);
		free(s->layers[i].digest);
		free(s->layers[i].label);
		free(s->layers[i].path);
	}
	free(s->layers);
	*s = (struct source){.fd = -1};
}
