/* The one error type.  An error is a chain of facts, raised where the object is
 * known and wrapped where the intention is known; only cli/ prints it.  NULL is
 * success.  A child after clone cannot allocate: it sends a `struct err_wire`
 * through a descriptor, and the parent rebuilds the error from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_kind {
	ND_DENIED,  /* the place refuses (EPERM, EACCES, an LSM, seccomp) */
	ND_ABSENT,  /* a thing is not there (ENOENT, ENOSYS, no program) */
	ND_BUSY,    /* somebody else holds it */
	ND_LIMIT,   /* a resource ran out (ENOSPC, EMFILE, EAGAIN, ENOMEM) */
	ND_TIMEOUT, /* a deadline passed */
	ND_INVALID, /* the request is wrong: the user can mend it */
	ND_BUG,     /* ours */
};

typedef struct nd_err nd_err;

struct nd_err {
	enum nd_kind kind;
	int errnum;       /* as the kernel gave it; 0 if none */
	const char *op;   /* static: "mount", "clone3"; NULL where an intention was wrapped */
	char *object;     /* what it was done to: path, id map, flags; or the intention */
	const char *code; /* static: stable name, as "userns-blocked-by-lsm"; NULL if none */
	char *detail;     /* facts, with where they were read; NULL if none */
	char *remedy;     /* what the reader can do; NULL if unknown */
	bool proved;      /* the cause was shown by a trial, not inferred */
	nd_err *cause;    /* owned */
};

#define nd_must __attribute__((warn_unused_result))

/* A system call failed: kind follows from errnum.  `fmt` names the object. */
nd_must nd_err *err_sys(int errnum, const char *op, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Anything else: `code` is a stable name or NULL, `fmt` says what is wrong in one line. */
nd_must nd_err *err_new(enum nd_kind kind, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The request is wrong; short for err_new(ND_INVALID, "invalid", ...). */
nd_must nd_err *err_invalid(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Puts an intention in front of a cause; takes ownership of `cause`; NULL stays NULL. */
nd_must nd_err *err_wrap(nd_err *cause, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Set (replace) the detail or the remedy of the outermost error, and return it. */
nd_err *err_detail(nd_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
nd_err *err_remedy(nd_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
nd_err *err_code(nd_err *e, const char *code);

void err_free(nd_err *e);
static inline void err_free_p(nd_err **e)
{
	err_free(*e);
}
#define _cleanup_err_ _cleanup_(err_free_p)

/* The innermost error of the chain: the one a system call gave. */
const nd_err *err_root(const nd_err *e);
/* First code, detail or remedy found walking from the outside in; NULL if none. */
const char *err_find_code(const nd_err *e);
const char *err_find_detail(const nd_err *e);
const char *err_find_remedy(const nd_err *e);
const char *kind_name(enum nd_kind kind);
enum nd_kind kind_of_errno(int errnum);

/* One line without a newline: intentions outermost first, then the root cause, as
 * "start the container: mount proc on /proc: Operation not permitted".  The caller frees. */
char *err_line(const nd_err *e);

/* What a child that may not allocate can say.  Fixed size, so that one write(2)
 * below PIPE_BUF is atomic (pipe(7)). */
struct err_wire {
	uint32_t magic;
	int32_t kind, errnum, step;
	char op[40], code[48], object[384], detail[512], remedy[512];
};
#define ERR_WIRE_MAGIC 0x6e647731u

/* Fills a wire record without allocating.  op, code may be NULL. */
void err_wire_set(struct err_wire *w, int errnum, const char *op, const char *code, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));
/* Copies the root facts of an error into a wire record. */
void err_to_wire(const nd_err *e, struct err_wire *w);
/* Rebuilds an error.  A record with a wrong magic gives an ND_BUG error. */
nd_must nd_err *err_from_wire(const struct err_wire *w);

/* An error of any length as bytes, for a pipe between processes of ours: the chain is
 * flattened into its line, first code, detail and remedy. */
struct buf;
void err_pack(const nd_err *e, struct buf *b);
nd_must nd_err *err_unpack(const char *data, size_t len);

/* `TRY(f())` returns the error of f from the current function; `TRY_WRAP` wraps it first. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		nd_err *try_e_ = (expr);                                                           \
		if (try_e_)                                                                        \
			return try_e_;                                                             \
	} while (0)
#define TRY_WRAP(expr, ...)                                                                        \
	do {                                                                                       \
		nd_err *try_e_ = (expr);                                                           \
		if (try_e_)                                                                        \
			return err_wrap(try_e_, __VA_ARGS__);                                      \
	} while (0)
