/* JSON: see json.h.  json-c 0.16 is asked for strict parsing; its own error has an
 * offset only, so line and column are counted here. */
#include "json.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fd.h"

enum { DEPTH_MAX = 64 };

nd_err *json_parse(const char *file, const char *text, size_t len, struct json_doc *ret_doc)
{
	if (len > INT32_MAX - 1)
		return err_invalid("%s: larger than 2 GiB", file);
	json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	if (!tok)
		return err_sys(12, "json", "%s", file);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* The terminating NUL tells the tokener that a number at the end is whole. */
	struct json_object *v = json_tokener_parse_ex(tok, text, (int)len);
	enum json_tokener_error err = json_tokener_get_error(tok);
	if (err == json_tokener_continue) {
		v = json_tokener_parse_ex(tok, "", 1);
		err = json_tokener_get_error(tok);
	}
	size_t end = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	size_t rest = end;
	while (rest < len && text[rest] && strchr(" \t\r\n", text[rest]))
		rest++;
	if (err == json_tokener_success && rest < len) {
		json_object_put(v);
		v = NULL;
		err = json_tokener_error_parse_unexpected;
	}
	if (err != json_tokener_success) {
		size_t line = 1, column = 1;
		for (size_t i = 0; i < end && i < len; i++)
			if (text[i] == '\n')
				line++, column = 1;
			else
				column++;
		return err_invalid("%s:%zu:%zu: not valid JSON: %s", file, line, column,
			json_tokener_error_desc(err));
	}
	*ret_doc = (struct json_doc){.root = v, .at = {.v = v, .file = file}};
	return NULL;
}

nd_err *json_load(int dir_fd, const char *path, struct json_doc *ret_doc)
{
	_cleanup_buf_ struct buf text = {0};
	TRY(file_read(dir_fd, path, 64u << 20, &text));
	return json_parse(path, text.data ? text.data : "", text.len, ret_doc);
}

void json_done(struct json_doc *d)
{
	json_object_put(d->root);
	*d = (struct json_doc){0};
}

enum json_kind json_kind_of(const struct json_at *at)
{
	switch (json_object_get_type(at->v)) {
	case json_type_boolean:
		return JSON_BOOL;
	case json_type_int:
		return JSON_INT;
	case json_type_double:
		return JSON_DOUBLE;
	case json_type_string:
		return JSON_STRING;
	case json_type_array:
		return JSON_ARRAY;
	case json_type_object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

static void path_add(struct buf *b, const struct json_at *at)
{
	if (!at->up)
		return;
	path_add(b, at->up);
	if (at->key)
		buf_fmt(b, ".%s", at->key);
	else
		buf_fmt(b, "[%zu]", at->index);
}

char *json_path(const struct json_at *at)
{
	struct buf b = {0};
	path_add(&b, at);
	if (!b.len)
		buf_str(&b, "$");
	return buf_steal(&b);
}

nd_err *json_err(const struct json_at *at, const char *fmt, ...)
{
	const struct json_at *root = at;
	while (root->up)
		root = root->up;
	_cleanup_free_ char *path = json_path(at);
	va_list ap;
	va_start(ap, fmt);
	_cleanup_free_ char *what = str_vfmt(fmt, ap);
	va_end(ap);
	return err_invalid("%s: %s: %s", root->file ? root->file : "JSON", path, what);
}

static struct json_at member(const struct json_at *o, const char *key)
{
	struct json_at at = {.up = o, .key = key};
	if (o->v && json_object_is_type(o->v, json_type_object))
		json_object_object_get_ex(o->v, key, &at.v);
	return at;
}

static const char *kind_word(const struct json_at *at)
{
	static const char *const words[] = {"null", "true or false", "a number", "a fraction",
		"a string", "an array", "an object"};
	return words[json_kind_of(at)];
}

bool json_has(const struct json_at *o, const char *key)
{
	return member(o, key).v != NULL;
}

nd_err *json_str(const struct json_at *at, const char **ret)
{
	if (json_kind_of(at) != JSON_STRING)
		return json_err(at, "must be a string, not %s", kind_word(at));
	const char *s = json_object_get_string(at->v);
	if (strlen(s) != (size_t)json_object_get_string_len(at->v))
		return json_err(at, "must not contain a NUL character");
	*ret = s;
	return NULL;
}

nd_err *json_get_str(const struct json_at *o, const char *key, char **ret)
{
	struct json_at at = member(o, key);
	const char *s;
	if (!at.v)
		return NULL;
	TRY(json_str(&at, &s));
	free(*ret);
	*ret = str_dup(s);
	return NULL;
}

nd_err *json_need_str(const struct json_at *o, const char *key, char **ret)
{
	struct json_at at = member(o, key);
	if (!at.v)
		return json_err(&at, "is missing; a string is needed");
	return json_get_str(o, key, ret);
}

nd_err *json_get_bool(const struct json_at *o, const char *key, bool *ret)
{
	struct json_at at = member(o, key);
	if (!at.v)
		return NULL;
	if (json_kind_of(&at) != JSON_BOOL)
		return json_err(&at, "must be true or false, not %s", kind_word(&at));
	*ret = json_object_get_boolean(at.v);
	return NULL;
}

nd_err *json_get_i64(const struct json_at *o, const char *key, int64_t *ret)
{
	struct json_at at = member(o, key);
	if (!at.v)
		return NULL;
	if (json_kind_of(&at) != JSON_INT)
		return json_err(&at, "must be a whole number, not %s", kind_word(&at));
	if (json_object_get_uint64(at.v) > INT64_MAX && json_object_get_int64(at.v) == INT64_MAX)
		return json_err(&at, "is larger than %lld", (long long)INT64_MAX);
	*ret = json_object_get_int64(at.v);
	return NULL;
}

nd_err *json_u64(const struct json_at *at, uint64_t *ret)
{
	if (json_kind_of(at) != JSON_INT)
		return json_err(at, "must be a whole number, not %s", kind_word(at));
	if (json_object_get_int64(at->v) < 0)
		return json_err(at, "must not be negative");
	*ret = json_object_get_uint64(at->v);
	return NULL;
}

nd_err *json_get_u64(const struct json_at *o, const char *key, uint64_t *ret)
{
	struct json_at at = member(o, key);
	return at.v ? json_u64(&at, ret) : NULL;
}

nd_err *json_get_u32(const struct json_at *o, const char *key, uint32_t *ret)
{
	uint64_t v = *ret;
	TRY(json_get_u64(o, key, &v));
	struct json_at at = member(o, key);
	if (v > UINT32_MAX)
		return json_err(&at, "must be 0 to %u", UINT32_MAX);
	*ret = (uint32_t)v;
	return NULL;
}

nd_err *json_get_double(const struct json_at *o, const char *key, double *ret)
{
	struct json_at at = member(o, key);
	if (!at.v)
		return NULL;
	enum json_kind kind = json_kind_of(&at);
	if (kind != JSON_INT && kind != JSON_DOUBLE)
		return json_err(&at, "must be a number, not %s", kind_word(&at));
	*ret = json_object_get_double(at.v);
	return NULL;
}

static nd_err *get_typed(const struct json_at *o, const char *key, enum json_kind kind,
	const char *word, struct json_at *ret)
{
	struct json_at at = member(o, key);
	if (at.v && json_kind_of(&at) != kind)
		return json_err(&at, "must be %s, not %s", word, kind_word(&at));
	*ret = at;
	return NULL;
}

nd_err *json_get_obj(const struct json_at *o, const char *key, struct json_at *ret)
{
	return get_typed(o, key, JSON_OBJECT, "an object", ret);
}

nd_err *json_get_arr(const struct json_at *o, const char *key, struct json_at *ret)
{
	return get_typed(o, key, JSON_ARRAY, "an array", ret);
}

size_t json_arr_len(const struct json_at *a)
{
	return a->v && json_object_is_type(a->v, json_type_array) ? json_object_array_length(a->v)
								  : 0;
}

struct json_at json_arr_at(const struct json_at *a, size_t i)
{
	return (struct json_at){.v = json_object_array_get_idx(a->v, i), .up = a, .index = i};
}

nd_err *json_get_strv(const struct json_at *o, const char *key, struct strv *ret)
{
	struct json_at arr;
	TRY(json_get_arr(o, key, &arr));
	for (size_t i = 0; i < json_arr_len(&arr); i++) {
		struct json_at at = json_arr_at(&arr, i);
		const char *s;
		TRY(json_str(&at, &s));
		strv_add(ret, s);
	}
	return NULL;
}

nd_err *json_each(const struct json_at *o,
	nd_err *(*fn)(const char *key, const struct json_at *value, void *arg), void *arg)
{
	if (!o->v || !json_object_is_type(o->v, json_type_object))
		return NULL;
	json_object_object_foreach(o->v, key, value)
	{
		struct json_at at = {.v = value, .up = o, .key = key};
		TRY(fn(key, &at, arg));
	}
	return NULL;
}

static void newline(struct json_out *o)
{
	if (o->indent <= 0)
		return;
	buf_str(&o->b, "\n");
	for (int i = 0; i < o->depth * o->indent; i++)
		buf_str(&o->b, " ");
}

static void before(struct json_out *o, const char *key)
{
	if (o->comma)
		buf_str(&o->b, ",");
	if (o->depth)
		newline(o);
	if (key) {
		json_quote(&o->b, key);
		buf_str(&o->b, o->indent > 0 ? ": " : ":");
	}
	o->comma = true;
}

void jo_open(struct json_out *o, const char *key, char bracket)
{
	before(o, key);
	buf_add(&o->b, &bracket, 1);
	o->depth++;
	o->comma = false;
}

void jo_close(struct json_out *o, char bracket)
{
	o->depth--;
	if (o->comma)
		newline(o);
	buf_add(&o->b, &bracket, 1);
	o->comma = true;
}

void jo_str(struct json_out *o, const char *key, const char *value)
{
	before(o, key);
	if (value)
		json_quote(&o->b, value);
	else
		buf_str(&o->b, "null");
}

void jo_int(struct json_out *o, const char *key, int64_t value)
{
	before(o, key);
	buf_fmt(&o->b, "%lld", (long long)value);
}

void jo_uint(struct json_out *o, const char *key, uint64_t value)
{
	before(o, key);
	buf_fmt(&o->b, "%llu", (unsigned long long)value);
}

void jo_double(struct json_out *o, const char *key, double value)
{
	before(o, key);
	if (isfinite(value))
		buf_fmt(&o->b, "%.10g", value);
	else
		buf_str(&o->b, "null");
}

void jo_bool(struct json_out *o, const char *key, bool value)
{
	before(o, key);
	buf_str(&o->b, value ? "true" : "false");
}

void jo_null(struct json_out *o, const char *key)
{
	jo_str(o, key, NULL);
}

void jo_copy(struct json_out *o, const char *key, const struct json_at *value)
{
	switch (json_kind_of(value)) {
	case JSON_OBJECT:
		jo_open(o, key, '{');
		json_object_object_foreach(value->v, name, member_value)
			jo_copy(o, name, &(struct json_at){.v = member_value});
		jo_close(o, '}');
		break;
	case JSON_ARRAY:
		jo_open(o, key, '[');
		for (size_t i = 0; i < json_arr_len(value); i++) {
			struct json_at at = json_arr_at(value, i);
			jo_copy(o, NULL, &at);
		}
		jo_close(o, ']');
		break;
	case JSON_STRING:
		jo_str(o, key, json_object_get_string(value->v));
		break;
	case JSON_INT:
		if (json_object_get_int64(value->v) < 0)
			jo_int(o, key, json_object_get_int64(value->v));
		else
			jo_uint(o, key, json_object_get_uint64(value->v));
		break;
	case JSON_DOUBLE:
		jo_double(o, key, json_object_get_double(value->v));
		break;
	case JSON_BOOL:
		jo_bool(o, key, json_object_get_boolean(value->v));
		break;
	case JSON_NULL:
		jo_null(o, key);
		break;
	}
}

void jo_strv(struct json_out *o, const char *key, const struct strv *l)
{
	jo_open(o, key, '[');
	for (size_t i = 0; i < l->n; i++)
		jo_str(o, NULL, l->v[i]);
	jo_close(o, ']');
}

/* Length of the valid UTF-8 sequence at s (RFC 3629: no overlong forms, no
 * surrogates), 0 if there is none.  The text is NUL-terminated, so a short
 * sequence ends at the NUL. */
static size_t utf8_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (s[0] > 0xf4 || n == 0)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

void json_quote(struct buf *b, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	buf_str(b, "\"");
	while (*s) {
		size_t n = utf8_len(s);
		if (*s == '"' || *s == '\\')
			buf_fmt(b, "\\%c", *s);
		else if (*s == '\n')
			buf_str(b, "\\n");
		else if (*s == '\t')
			buf_str(b, "\\t");
		else if (*s < 0x20 || *s == 0x7f)
			buf_fmt(b, "\\u%04x", *s);
		else if (n)
			buf_add(b, s, n);
		else
			buf_str(b, "\\ufffd");
		s += n ? n : 1;
	}
	buf_str(b, "\"");
}

void jo_err(struct json_out *o, const char *key, const nd_err *e)
{
	if (!e) {
		jo_null(o, key);
		return;
	}
	const nd_err *root = err_root(e);
	_cleanup_free_ char *line = err_line(e);
	jo_open(o, key, '{');
	jo_str(o, "message", line);
	jo_str(o, "kind", kind_name(root->kind));
	jo_int(o, "errno", root->errnum);
	jo_str(o, "op", root->op);
	jo_str(o, "object", root->object);
	jo_str(o, "code", err_find_code(e));
	jo_str(o, "detail", err_find_detail(e));
	jo_str(o, "remedy", err_find_remedy(e));
	jo_bool(o, "proved", root->proved);
	jo_close(o, '}');
}
