/* Command lines as data.  Each verb is one `struct cmd` with one table of options;
 * the parser here, --help, the man page and the shell completion all read that
 * table and nothing else.  Parsing is pure: it prints nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "str.h"

enum opt_kind {
	OPT_FLAG,  /* bool; --name, --name=true|false */
	OPT_STR,   /* char *; the last one wins */
	OPT_STRV,  /* struct strv; each use appends */
	OPT_BYTES, /* uint64_t; see str_to_bytes */
	OPT_MS,    /* int64_t; see str_to_ms */
	OPT_INT,   /* int64_t */
	OPT_CALL,  /* opt.parse decides */
};

struct opt {
	const char *name; /* without dashes; never NULL */
	char letter;      /* 0 if none */
	enum opt_kind kind;
	size_t offset;   /* of the field in the verb's option struct */
	const char *arg; /* what stands for the value in help, as "MEM"; NULL for flags */
	bool optional;   /* OPT_STR and OPT_CALL: the value may be left out (only --name=VALUE gives
			    one) */
	const char *choices; /* "a|b|c" checked and completed (OPT_STR); "@file", "@dir", "@run"
				completed only */
	const char *group;   /* heading in help and man; NULL: the group of the row before */
	const char *help;    /* one line, no full stop */
	const char *more;    /* further sentences for the man page; NULL if the line says all */
	nd_err *(*parse)(void *target, const struct opt *o, const char *value);
};

struct cmd {
	const char *name;     /* "run" */
	const char *synopsis; /* "[options] ROOT [CMD...]" */
	const char *brief;    /* one line */
	const char
		*manual; /* paragraphs for the man page, blank line between; mdoc-free plain text */
	const char *examples; /* "what it does\n$ command\n\n..."; NULL if none */
	const struct opt *opts;
	size_t n_opts;
	size_t target_size;     /* of the option struct, zeroed before parsing */
	bool stop_at_first;     /* options end at the first operand, as for run and exec */
	int min_args, max_args; /* operands; max < 0: any number */
	bool hidden;
	int (*run)(void *target, char **args, size_t n_args); /* exit status */
	void (*done)(void *target); /* frees the option struct; NULL if nothing to free */
};

/* Parses argv[1..]; operands begin at *ret_first (argv is reordered so that they
 * stand last, unless stop_at_first).  An error names the option and what is allowed.
 * *ret_help is set when --help or -h (where the table has no 'h') was met. */
nd_must nd_err *opt_parse(
	const struct cmd *c, int argc, char **argv, void *target, int *ret_first, bool *ret_help);
/* Frees OPT_STR and OPT_STRV fields. */
void opt_done(const struct cmd *c, void *target);
