/* JSON in and out.  In: json-c parses (it keeps 64-bit unsigned numbers), and the
 * typed readers here name the JSON path of whatever is wrong.  Out: a streaming
 * writer into a buffer, without a tree.  Unknown keys are the caller's business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "str.h"

struct json_object;

/* A value and the way to it; the chain of `up` lives on the callers' stacks, and a
 * path is only spelled out when an error needs it. */
struct json_at {
	struct json_object *v; /* borrowed from the document; NULL is JSON null or absent */
	const struct json_at *up;
	const char
		*key; /* NULL in an array element or the root (there: the file's name in `file`) */
	size_t index;
	const char *file;
};

struct json_doc {
	struct json_object *root;
	struct json_at at;
};

/* Parses strictly, depth at most 64; errors read "FILE:LINE:COLUMN: what". `file` must
 * outlive the document. */
nd_must nd_err *json_parse(
	const char *file, const char *text, size_t len, struct json_doc *ret_doc);
nd_must nd_err *json_load(int dir_fd, const char *path, struct json_doc *ret_doc);
void json_done(struct json_doc *d);
#define _cleanup_json_ _cleanup_(json_done)

enum json_kind {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,
	JSON_DOUBLE,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};
enum json_kind json_kind_of(const struct json_at *at);

/* ".linux.resources.pids.limit", "$" for the root; the caller frees. */
char *json_path(const struct json_at *at);
/* An invalid-request error that begins with "FILE: PATH: ". */
nd_must nd_err *json_err(const struct json_at *at, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Members.  An absent (or null) key leaves *ret untouched and is no error; a wrong
 * type or range is.  json_need_* demands the key. */
bool json_has(const struct json_at *o, const char *key);
nd_must nd_err *json_get_str(const struct json_at *o, const char *key, char **ret); /* owned copy */
nd_must nd_err *json_need_str(const struct json_at *o, const char *key, char **ret);
nd_must nd_err *json_get_bool(const struct json_at *o, const char *key, bool *ret);
nd_must nd_err *json_get_i64(const struct json_at *o, const char *key, int64_t *ret);
nd_must nd_err *json_get_u64(const struct json_at *o, const char *key, uint64_t *ret);
nd_must nd_err *json_get_u32(const struct json_at *o, const char *key, uint32_t *ret);
nd_must nd_err *json_get_double(const struct json_at *o, const char *key, double *ret);
nd_must nd_err *json_get_strv(const struct json_at *o, const char *key, struct strv *ret);
/* Object or array member; ret->v is NULL when absent. */
nd_must nd_err *json_get_obj(const struct json_at *o, const char *key, struct json_at *ret);
nd_must nd_err *json_get_arr(const struct json_at *o, const char *key, struct json_at *ret);
size_t json_arr_len(const struct json_at *a); /* 0 for an absent one */
struct json_at json_arr_at(const struct json_at *a, size_t i);
/* The value itself as a string; an error names its path. */
nd_must nd_err *json_str(const struct json_at *at, const char **ret); /* borrowed */
nd_must nd_err *json_u64(const struct json_at *at, uint64_t *ret);
/* Walks an object's members; the callback's error ends the walk. */
nd_must nd_err *json_each(const struct json_at *o,
	nd_err *(*fn)(const char *key, const struct json_at *value, void *arg), void *arg);

/* The writer.  Keys are NULL inside arrays.  Commas are its business. */
struct json_out {
	struct buf b;
	bool comma; /* something stands before the next value on this level */
	int indent; /* < 0: one line */
	int depth;
};
void jo_open(struct json_out *o, const char *key, char bracket);     /* '{' or '[' */
void jo_close(struct json_out *o, char bracket);                     /* '}' or ']' */
void jo_str(struct json_out *o, const char *key, const char *value); /* NULL writes null */
void jo_int(struct json_out *o, const char *key, int64_t value);
void jo_uint(struct json_out *o, const char *key, uint64_t value);
void jo_double(struct json_out *o, const char *key, double value);
void jo_bool(struct json_out *o, const char *key, bool value);
void jo_null(struct json_out *o, const char *key);
/* A value that was read before, as it is; absent gives null. */
void jo_copy(struct json_out *o, const char *key, const struct json_at *value);
void jo_strv(struct json_out *o, const char *key, const struct strv *l);
/* Invalid UTF-8 comes out as U+FFFD, so that the text is always JSON. */
void json_quote(struct buf *b, const char *s);
void jo_err(struct json_out *o, const char *key, const nd_err *e); /* an object; see docs */
