/* A fact is the answer to one question about the place, got by trying in a
 * throw-away child.  Each question is one function; the table in facts.c lists them.
 * A trial may do anything to its own process (it dies afterwards) and must leave
 * nothing outside it: no mount, cgroup, link, file or process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum fact_state { FACT_WORKS, FACT_DENIED, FACT_ABSENT, FACT_BROKEN, FACT_UNKNOWN };

/* Fixed size: a trial's child writes it through a pipe in one go. */
struct fact_result {
	enum fact_state state;
	int errnum;          /* of the call that decided; 0 if none */
	char op[32];         /* that call */
	char value[96];      /* for questions whose answer is a value: "v1+v2", "gVisor"; else "" */
	char reason[160];    /* one line for people, where the state is not works */
	char evidence[640];  /* what was done and seen, with the file or call it was seen in */
	char remedy[320];    /* what would help here; "" takes the table's */
	unsigned elapsed_us; /* filled by the runner */
	bool cached;         /* asked earlier: this boot, this user namespace (cache.h) */
};

struct fact {
	const char *name;     /* dotted, stable: "userns", "mount.overlay.userxattr", "kvm" */
	const char *group;    /* heading in the table */
	const char *question; /* "Can a process get a user namespace of its own?" */
	const char *how;      /* how it is tried, for `nidus probe NAME` */
	const char *remedy;   /* what helps where it is not works; may be refined by the trial */
	void (*try)(struct fact_result *r);
	unsigned timeout_ms; /* the watchdog; 0: 3000 */
	bool costly;         /* cached per boot and user namespace (DESIGN.md, Flow) */
};

extern const struct fact facts[];
extern const size_t n_facts;
const struct fact *fact_find(const char *name); /* NULL if there is none */
/* Whether `pattern` names the fact: its whole name, the beginning of it up to a dot
 * ("mount" means all of "mount.*", unless a fact is called just that), or with * and ?. */
bool fact_matches(const struct fact *f, const char *pattern);
/* What helps: the trial's own word, else the table's; "" where it works or none is known. */
const char *fact_remedy(const struct fact *f, const struct fact_result *r);
const char *fact_state_name(enum fact_state s);
enum fact_state fact_state_of_errno(int errnum);

/* Runs one trial in a child under its watchdog; a child that dies or hangs gives
 * FACT_BROKEN or FACT_UNKNOWN with the signal or the time-out as evidence. */
nd_must nd_err *fact_ask(const struct fact *f, struct fact_result *ret);
/* Asks many at once (a few children side by side); results in the order of `list`. */
nd_must nd_err *fact_ask_many(
	const struct fact *const *list, size_t n, struct fact_result *results);

/* For trials: the usual ways to answer. */
void fact_works(struct fact_result *r, const char *evidence, ...)
	__attribute__((format(printf, 2, 3)));
/* State from errnum: EPERM, EACCES, EROFS denied; ENOSYS, ENOENT, ENODEV ... absent. */
void fact_refused(struct fact_result *r, int errnum, const char *op, const char *evidence, ...)
	__attribute__((format(printf, 4, 5)));
void fact_set(struct fact_result *r, enum fact_state s, const char *reason, const char *evidence,
	...) __attribute__((format(printf, 4, 5)));
