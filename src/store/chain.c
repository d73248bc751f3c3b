/* Names of layer directories: see chain.h. */
#include "store/chain.h"

#include <errno.h>
#include <string.h>

#include "base/sha256.h"
#include "store/record.h"

static void chain_hex(const struct strv *diff_ids, size_t i, char *hex)
{
	snprintf(hex, SHA256_HEX, "%s", id_hex(diff_ids->v[0]));
	for (size_t k = 1; k <= i; k++) {
		_cleanup_free_ char *text = str_fmt("sha256:%s %s", hex, diff_ids->v[k]);
		sha256_hex(text, strlen(text), hex);
	}
}

char *chain_name(const struct strv *diff_ids, size_t i)
{
	char hex[SHA256_HEX];
	chain_hex(diff_ids, i, hex);
	return str_fmt("%s-%s", id_hex(diff_ids->v[i]), hex);
}

char *chain_flat_name(const struct strv *diff_ids)
{
	char hex[SHA256_HEX];
	chain_hex(diff_ids, diff_ids->n - 1, hex);
	return str_fmt("flat-%s", hex);
}

char *chain_name_for(const struct strv *diff_ids, size_t i, const struct extract_result *r)
{
	return i > 0 && r->implicit ? chain_name(diff_ids, i) : str_dup(id_hex(diff_ids->v[i]));
}

/* False when there is no such layer, or none whose facts can be read. */
static nd_err *try_name(
	const struct store *s, const char *name, struct extract_result *ret, bool *ret_there)
{
	nd_err *e = layer_read(s, name, ret);
	*ret_there = !e;
	if (e && err_root(e)->errnum != ENOENT && err_root(e)->kind != ND_INVALID)
		return e;
	err_free(e);
	return NULL;
}

nd_err *chain_find(const struct store *s, const struct strv *diff_ids, size_t i, char **ret_name,
	struct extract_result *ret)
{
	bool there;
	*ret_name = NULL;
	TRY(try_name(s, id_hex(diff_ids->v[i]), ret, &there));
	if (there && (i == 0 || !ret->implicit)) {
		*ret_name = str_dup(id_hex(diff_ids->v[i]));
		return NULL;
	}
	if (i == 0)
		return NULL;
	_cleanup_free_ char *chained = chain_name(diff_ids, i);
	TRY(try_name(s, chained, ret, &there));
	if (there)
		*ret_name = steal_ptr(&chained);
	return NULL;
}

nd_err *chain_flat_find(const struct store *s, const struct strv *diff_ids, char **ret_name,
	struct extract_result *ret)
{
	bool there;
	*ret_name = NULL;
	if (!diff_ids->n)
		return NULL;
	_cleanup_free_ char *name = chain_flat_name(diff_ids);
	TRY(try_name(s, name, ret, &there));
	if (there)
		*ret_name = steal_ptr(&name);
	return NULL;
}
