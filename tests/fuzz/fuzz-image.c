/* store/: index, manifest, config and manifest.json of an archive.  The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/archive.h"
#include "store/config.h"
#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_digest(const char *digest)
{
	if (!digest || strlen(digest) != 71 || strchr(digest, '/'))
		abort();
}

static nd_err *try_index(const char *text, size_t len)
{
	struct index i = {0};
	nd_err *e = index_parse("input", text, len, &i);
	for (size_t k = 0; k < i.n; k++) {
		check_digest(i.v[k].digest);
		descriptor_kind(&i.v[k]);
	}
	index_done(&i);
	return e;
}

static nd_err *try_manifest(const char *text, size_t len)
{
	struct manifest m = {0};
	nd_err *e = manifest_parse("input", text, len, &m);
	for (size_t k = 0; k < m.n_layers; k++)
		check_digest(m.layers[k].digest);
	manifest_done(&m);
	return e;
}

static nd_err *try_config(const char *text, size_t len)
{
	struct image_config c = {0};
	nd_err *e = image_config_parse("input", text, len, &c);
	for (size_t k = 0; k < c.diff_ids.n; k++)
		check_digest(c.diff_ids.v[k]);
	image_config_done(&c);
	return e;
}

static nd_err *try_archive(const char *text, size_t len)
{
	struct archive_manifest m = {0};
	const struct archive_image *i;
	nd_err *e = archive_manifest_parse("input", text, len, &m);
	if (!e)
		e = archive_choose(&m, "input", "a:1", &i);
	archive_manifest_done(&m);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static nd_err *(*const tries[])(const char *, size_t) = {
		try_index, try_manifest, try_config, try_archive};
	if (!size)
		return 0;
	/* The parser wants a NUL behind the text, as it stands behind every buffer. */
	char *text = str_ndup("", 0);
	text = mem_grow(text, size, 1);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	err_free(tries[data[0] & 3](text, size - 1));
	free(text);
	return 0;
}
