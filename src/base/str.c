/* Strings: see str.h.  Growth doubles, so that building a text is linear. */
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);
	if (!p)
		abort();
	return p;
}

void *mem_grow(void *p, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		abort();
	p = realloc(p, total ? total : 1);
	if (!p)
		abort();
	return p;
}

static void buf_room(struct buf *b, size_t more)
{
	if (b->len + more + 1 <= b->cap)
		return;
	size_t cap = b->cap ? b->cap * 2 : 64;
	while (cap < b->len + more + 1)
		cap *= 2;
	b->data = mem_grow(b->data, cap, 1);
	b->cap = cap;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	buf_room(b, len);
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

__attribute__((format(printf, 2, 0))) static void buf_vfmt(
	struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0)
		abort();
	buf_room(b, (size_t)n);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

char *buf_steal(struct buf *b)
{
	char *s = b->data ? b->data : str_dup("");
	*b = (struct buf){0};
	return s;
}

char *str_ndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = mem_alloc(len + 1);
	memcpy(p, s, len);
	return p;
}

char *str_dup(const char *s)
{
	return s ? str_ndup(s, strlen(s)) : NULL;
}

char *str_vfmt(const char *fmt, va_list ap)
{
	struct buf b = {0};
	buf_vfmt(&b, fmt, ap);
	return buf_steal(&b);
}

char *str_fmt(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = str_vfmt(fmt, ap);
	va_end(ap);
	return s;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_starts(const char *s, const char *prefix)
{
	return str_after(s, prefix) != NULL;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t a = strlen(s), b = strlen(suffix);
	return a >= b && strcmp(s + a - b, suffix) == 0;
}

char *str_rtrim(char *s)
{
	size_t n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}

bool str_to_u64(const char *s, uint64_t *ret)
{
	if (!s || !isdigit((unsigned char)*s))
		return false;
	char *end;
	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	if (errno || *end)
		return false;
	*ret = v;
	return true;
}

bool str_to_i64(const char *s, int64_t *ret)
{
	if (!s || !(isdigit((unsigned char)*s) || (*s == '-' && isdigit((unsigned char)s[1]))))
		return false;
	char *end;
	errno = 0;
	long long v = strtoll(s, &end, 10);
	if (errno || *end)
		return false;
	*ret = v;
	return true;
}

bool str_to_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	if (!str_to_u64(s, &v) || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool str_to_bytes(const char *s, uint64_t *ret)
{
	if (!s || !isdigit((unsigned char)*s))
		return false;
	char *end;
	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	if (errno)
		return false;
	unsigned shift = 0;
	switch (tolower((unsigned char)*end)) {
	case 'b':
		end++;
		break;
	case 't':
		shift += 10;
		/* fallthrough */
	case 'g':
		shift += 10;
		/* fallthrough */
	case 'm':
		shift += 10;
		/* fallthrough */
	case 'k':
		shift += 10;
		end++;
		if (tolower((unsigned char)*end) == 'i')
			end++;
		if (tolower((unsigned char)*end) == 'b')
			end++;
		break;
	default:
		break;
	}
	if (*end || v > (UINT64_MAX >> shift))
		return false;
	*ret = (uint64_t)v << shift;
	return true;
}

bool str_to_ms(const char *s, int64_t *ret)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"ms", 1}, {"us", 0.001}, {"s", 1e3}, {"m", 6e4}, {"h", 36e5}, {"d", 864e5}};

	if (!s || !isdigit((unsigned char)*s))
		return false;
	double total = 0;
	while (*s) {
		size_t n = 0;
		double v = 0, scale = 1;
		for (; isdigit((unsigned char)s[n]); n++)
			v = v * 10 + (s[n] - '0');
		if (!n)
			return false;
		if (s[n] == '.')
			for (n++; isdigit((unsigned char)s[n]); n++)
				v += (s[n] - '0') * (scale /= 10);
		s += n;
		size_t letters = 0;
		while (isalpha((unsigned char)s[letters]))
			letters++;
		double ms = letters == 0 && *s == '\0' ? 1e3 : -1;
		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (letters && strlen(units[i].name) == letters &&
				strncmp(s, units[i].name, letters) == 0)
				ms = units[i].ms;
		if (ms < 0)
			return false;
		total += v * ms;
		s += letters;
	}
	if (total > 1e15)
		return false;
	*ret = (int64_t)(total + 0.5);
	return true;
}

void strv_take(struct strv *l, char *s)
{
	l->v = mem_grow(l->v, l->n + 2, sizeof *l->v);
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
	strv_take(l, str_dup(s));
}

void strv_fmt(struct strv *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	strv_take(l, str_vfmt(fmt, ap));
	va_end(ap);
}

void strv_split(struct strv *l, const char *s, char sep)
{
	for (;;) {
		const char *end = strchr(s, sep);
		strv_take(l, end ? str_ndup(s, (size_t)(end - s)) : str_dup(s));
		if (!end)
			return;
		s = end + 1;
	}
}

void strv_done(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strv){0};
}

void strv_copy(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		strv_add(to, from->v[i]);
}

bool strv_has(const struct strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

char *strv_join(const struct strv *l, const char *sep)
{
	struct buf b = {0};
	for (size_t i = 0; i < l->n; i++)
		buf_fmt(&b, "%s%s", i ? sep : "", l->v[i]);
	return buf_steal(&b);
}

static char **env_slot(const struct strv *env, const char *key, size_t len)
{
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], key, len) == 0 && env->v[i][len] == '=')
			return &env->v[i];
	return NULL;
}

void env_set(struct strv *env, const char *pair)
{
	const char *eq = strchr(pair, '=');
	size_t len = eq ? (size_t)(eq - pair) : strlen(pair);
	char **slot = env_slot(env, pair, len);
	if (!slot) {
		strv_add(env, pair);
		return;
	}
	free(*slot);
	*slot = str_dup(pair);
}

const char *env_get(const struct strv *env, const char *key)
{
	size_t len = strlen(key);
	char **slot = env_slot(env, key, len);
	return slot ? *slot + len + 1 : NULL;
}
