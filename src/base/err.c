/* Building, walking and flattening of the error chain.  Allocation failure while
 * reporting aborts: there is nothing left to say it with. */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

static const char *const kind_names[] = {
	[ND_DENIED] = "denied",
	[ND_ABSENT] = "absent",
	[ND_BUSY] = "busy",
	[ND_LIMIT] = "limit",
	[ND_TIMEOUT] = "timeout",
	[ND_INVALID] = "invalid",
	[ND_BUG] = "bug",
};

const char *kind_name(enum nd_kind kind)
{
	return (unsigned)kind <= ND_BUG ? kind_names[kind] : "bug";
}

enum nd_kind kind_of_errno(int errnum)
{
	switch (errnum) {
	case EPERM:
	case EACCES:
	case EROFS:
		return ND_DENIED;
	case ENOENT:
	case ENOSYS:
	case ENODEV:
	case ENXIO:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case ENOTDIR:
	case EPROTONOSUPPORT:
		return ND_ABSENT;
	case EBUSY:
	case EEXIST:
	case EADDRINUSE:
	case ETXTBSY:
	case ENOTEMPTY:
		return ND_BUSY;
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
	case ENOMEM:
	case EUSERS:
		return ND_LIMIT;
	case ETIMEDOUT:
		return ND_TIMEOUT;
	default:
		return ND_INVALID;
	}
}

static nd_err *err_alloc(enum nd_kind kind, int errnum, const char *op, const char *code)
{
	nd_err *e = calloc(1, sizeof *e);
	if (!e)
		abort();
	e->kind = kind;
	e->errnum = errnum;
	e->op = op;
	e->code = code;
	return e;
}

#define VFORMAT(target, fmt)                                                                       \
	do {                                                                                       \
		va_list ap_;                                                                       \
		va_start(ap_, fmt);                                                                \
		(target) = str_vfmt(fmt, ap_);                                                     \
		va_end(ap_);                                                                       \
	} while (0)

nd_err *err_sys(int errnum, const char *op, const char *fmt, ...)
{
	nd_err *e = err_alloc(kind_of_errno(errnum), errnum, op, NULL);
	VFORMAT(e->object, fmt);
	return e;
}

nd_err *err_new(enum nd_kind kind, const char *code, const char *fmt, ...)
{
	nd_err *e = err_alloc(kind, 0, NULL, code);
	VFORMAT(e->object, fmt);
	return e;
}

nd_err *err_invalid(const char *fmt, ...)
{
	nd_err *e = err_alloc(ND_INVALID, 0, NULL, "invalid");
	VFORMAT(e->object, fmt);
	return e;
}

nd_err *err_wrap(nd_err *cause, const char *fmt, ...)
{
	if (!cause)
		return NULL;
	nd_err *e = err_alloc(cause->kind, cause->errnum, NULL, NULL);
	e->cause = cause;
	VFORMAT(e->object, fmt);
	return e;
}

nd_err *err_detail(nd_err *e, const char *fmt, ...)
{
	if (!e)
		return NULL;
	free(e->detail);
	VFORMAT(e->detail, fmt);
	return e;
}

nd_err *err_remedy(nd_err *e, const char *fmt, ...)
{
	if (!e)
		return NULL;
	free(e->remedy);
	VFORMAT(e->remedy, fmt);
	return e;
}

nd_err *err_code(nd_err *e, const char *code)
{
	if (e)
		e->code = code;
	return e;
}

void err_free(nd_err *e)
{
	while (e) {
		nd_err *next = e->cause;
		free(e->object);
		free(e->detail);
		free(e->remedy);
		free(e);
		e = next;
	}
}

const nd_err *err_root(const nd_err *e)
{
	while (e && e->cause)
		e = e->cause;
	return e;
}

const char *err_find_code(const nd_err *e)
{
	for (; e; e = e->cause)
		if (e->code)
			return e->code;
	return NULL;
}

const char *err_find_detail(const nd_err *e)
{
	for (; e; e = e->cause)
		if (e->detail)
			return e->detail;
	return NULL;
}

const char *err_find_remedy(const nd_err *e)
{
	for (; e; e = e->cause)
		if (e->remedy)
			return e->remedy;
	return NULL;
}

char *err_line(const nd_err *e)
{
	struct buf b = {0};
	for (; e; e = e->cause) {
		if (e->op && e->object && *e->object)
			buf_fmt(&b, "%s %s", e->op, e->object);
		else
			buf_fmt(&b, "%s", e->op ? e->op : e->object ? e->object : "unknown error");
		if (!e->cause && e->errnum)
			buf_fmt(&b, ": %s", strerror(e->errnum));
		if (e->cause)
			buf_fmt(&b, ": ");
	}
	return buf_steal(&b);
}

static void copy_field(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

void err_wire_set(
	struct err_wire *w, int errnum, const char *op, const char *code, const char *fmt, ...)
{
	memset(w, 0, sizeof *w);
	w->magic = ERR_WIRE_MAGIC;
	w->kind = (int32_t)kind_of_errno(errnum);
	w->errnum = errnum;
	copy_field(w->op, sizeof w->op, op);
	copy_field(w->code, sizeof w->code, code);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(w->object, sizeof w->object, fmt, ap);
	va_end(ap);
}

void err_to_wire(const nd_err *e, struct err_wire *w)
{
	const nd_err *root = err_root(e);
	memset(w, 0, sizeof *w);
	w->magic = ERR_WIRE_MAGIC;
	w->kind = (int32_t)root->kind;
	w->errnum = root->errnum;
	copy_field(w->op, sizeof w->op, root->op);
	copy_field(w->code, sizeof w->code, err_find_code(e));
	copy_field(w->object, sizeof w->object, root->object);
	copy_field(w->detail, sizeof w->detail, err_find_detail(e));
	copy_field(w->remedy, sizeof w->remedy, err_find_remedy(e));
}

/* op and code are static strings in an nd_err; those off the wire are kept in a
 * small table that lives as long as the process (a handful of names exist). */
static const char *intern(const char *s)
{
	static char *names[64];
	if (!*s)
		return NULL;
	for (size_t i = 0; i < 64; i++) {
		if (!names[i])
			return names[i] = str_dup(s);
		if (strcmp(names[i], s) == 0)
			return names[i];
	}
	return "other";
}

nd_err *err_from_wire(const struct err_wire *w)
{
	if (w->magic != ERR_WIRE_MAGIC)
		return err_new(ND_BUG, "bad-wire", "a child reported an error that cannot be read");
	struct err_wire c = *w;
	c.op[sizeof c.op - 1] = c.code[sizeof c.code - 1] = c.object[sizeof c.object - 1] = '\0';
	c.detail[sizeof c.detail - 1] = c.remedy[sizeof c.remedy - 1] = '\0';
	nd_err *e = err_alloc((enum nd_kind)c.kind, c.errnum, intern(c.op), intern(c.code));
	e->object = str_dup(c.object);
	if (*c.detail)
		e->detail = str_dup(c.detail);
	if (*c.remedy)
		e->remedy = str_dup(c.remedy);
	return e;
}

void err_pack(const nd_err *e, struct buf *b)
{
	char *line = err_line(e);
	const char *texts[] = {err_find_code(e), line, err_find_detail(e), err_find_remedy(e)};
	buf_fmt(b, "%d %d", (int)e->kind, e->proved);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		buf_add(b, "", 1);
		buf_str(b, texts[i] ? texts[i] : "");
	}
	free(line);
}

nd_err *err_unpack(const char *data, size_t len)
{
	const char *texts[5] = {"", "", "", "", ""};
	struct buf copy = {0};
	int kind = ND_BUG, proved = 0;
	buf_add(&copy, data, len);
	const char *p = copy.data, *end = copy.data + len;
	for (size_t i = 0; i < 5 && p <= end; i++) {
		texts[i] = p;
		p += strlen(p) + 1;
	}
	if (sscanf(texts[0], "%d %d", &kind, &proved) != 2 || kind < 0 || kind > ND_BUG)
		kind = ND_BUG;
	nd_err *e = err_alloc((enum nd_kind)kind, 0, NULL, intern(texts[1]));
	e->object = str_dup(texts[2]);
	e->proved = proved;
	if (*texts[3])
		e->detail = str_dup(texts[3]);
	if (*texts[4])
		e->remedy = str_dup(texts[4]);
	buf_done(&copy);
	return e;
}
