/* Strings: a growable buffer, formatted allocation, and NULL-terminated lists.
 * Running out of memory aborts; nothing here returns NULL for that. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

struct buf {
	char *data; /* NUL-terminated once anything was written; NULL while empty */
	size_t len, cap;
};

void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_done(struct buf *b);
/* The text (never NULL); the buffer is empty afterwards.  The caller frees. */
char *buf_steal(struct buf *b);
#define _cleanup_buf_ _cleanup_(buf_done)

char *str_dup(const char *s); /* NULL gives NULL */
char *str_ndup(const char *s, size_t n);
char *str_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *str_vfmt(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* The text after `prefix`, or NULL when s does not start with it. */
const char *str_after(const char *s, const char *prefix);
/* Cuts trailing white space in place and returns s. */
char *str_rtrim(char *s);

/* Whole-string numbers: false on empty, sign trouble, junk or overflow. */
bool str_to_u64(const char *s, uint64_t *ret);
bool str_to_i64(const char *s, int64_t *ret);
bool str_to_u32(const char *s, uint32_t *ret);
/* "512", "10b", "64k", "100m", "2g" (docker's units: powers of 1024) in bytes. */
bool str_to_bytes(const char *s, uint64_t *ret);
/* "10", "1.5s", "200ms", "2m", "1h30m" in milliseconds; a bare number is seconds. */
bool str_to_ms(const char *s, int64_t *ret);

/* A list of owned strings; `v` is NULL-terminated once it holds anything, so it
 * can be handed to execve(2). */
struct strv {
	char **v;
	size_t n;
};
void strv_add(struct strv *l, const char *s); /* copies */
void strv_take(struct strv *l, char *s);      /* owns */
void strv_fmt(struct strv *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strv_split(struct strv *l, const char *s, char sep); /* appends; empty parts kept */
void strv_done(struct strv *l);
void strv_copy(struct strv *to, const struct strv *from); /* appends copies */
bool strv_has(const struct strv *l, const char *s);
char *strv_join(const struct strv *l, const char *sep);
/* Sets KEY=VALUE in an environment list, replacing an older KEY. */
void env_set(struct strv *env, const char *pair);
const char *env_get(const struct strv *env, const char *key);
#define _cleanup_strv_ _cleanup_(strv_done)

void *mem_alloc(size_t size); /* zeroed; aborts on failure */
void *mem_grow(void *p, size_t count, size_t size);
