/* The option parser: see opt.h.  The syntax is that of getopt_long(3), but exact:
 * no abbreviations, so that adding an option never changes what a script means. */
#include "opt.h"

#include <string.h>

#include "near.h"

static const struct opt *by_name(const struct cmd *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->n_opts; i++)
		if (strlen(c->opts[i].name) == len && strncmp(c->opts[i].name, name, len) == 0)
			return &c->opts[i];
	return NULL;
}

static const struct opt *by_letter(const struct cmd *c, char letter)
{
	for (size_t i = 0; i < c->n_opts; i++)
		if (letter && c->opts[i].letter == letter)
			return &c->opts[i];
	return NULL;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);
	for (const char *p = choices; p && len; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
		size_t n = strcspn(p, "|");
		if (n == len && strncmp(p, value, n) == 0)
			return true;
	}
	return false;
}

static nd_err *store(const struct opt *o, void *target, const char *value)
{
	void *field = (char *)target + o->offset;
	switch (o->kind) {
	case OPT_FLAG:
		if (!value || str_eq(value, "true"))
			*(bool *)field = true;
		else if (str_eq(value, "false"))
			*(bool *)field = false;
		else
			return err_invalid("--%s: '%s' is neither true nor false", o->name, value);
		return NULL;
	case OPT_STR:
		if (o->choices && *o->choices != '@' && value && !is_choice(o->choices, value))
			return err_invalid(
				"--%s: '%s' is not one of %s", o->name, value, o->choices);
		free(*(char **)field);
		*(char **)field = str_dup(value ? value : "");
		return NULL;
	case OPT_STRV:
		strv_add(field, value);
		return NULL;
	case OPT_BYTES:
		if (!str_to_bytes(value, field))
			return err_invalid(
				"--%s: '%s' is not a size (as 512m, 2g, 1048576)", o->name, value);
		return NULL;
	case OPT_MS:
		if (!str_to_ms(value, field))
			return err_invalid("--%s: '%s' is not a duration (as 10, 1.5s, 200ms, 2m)",
				o->name, value);
		return NULL;
	case OPT_INT:
		if (!str_to_i64(value, field))
			return err_invalid("--%s: '%s' is not a whole number", o->name, value);
		return NULL;
	case OPT_CALL:
		break;
	}
	return o->parse(target, o, value);
}

static nd_err *unknown_long(const struct cmd *c, const char *word, size_t len)
{
	_cleanup_free_ char *name = str_ndup(word, len);
	struct near near = {.word = name};
	for (size_t i = 0; i < c->n_opts; i++)
		near_offer(&near, c->opts[i].name);
	nd_err *e = err_invalid("unknown option --%s", name);
	if (near.best)
		return err_remedy(e, "Did you mean --%s? 'nidus %s --help' lists the options.",
			near.best, c->name);
	return err_remedy(e, "'nidus %s --help' lists the options.", c->name);
}

/* "--name[=value]" at argv[*i]; moves *i when the value is the next word. */
static nd_err *parse_long(
	const struct cmd *c, int argc, char **argv, int *i, void *target, bool *ret_help)
{
	const char *word = argv[*i] + 2, *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	const struct opt *o = by_name(c, word, len);
	if (!o && str_eq(word, "help")) {
		*ret_help = true;
		return NULL;
	}
	if (!o)
		return unknown_long(c, word, len);
	const char *value = eq ? eq + 1 : NULL;
	if (!value && o->kind != OPT_FLAG && !o->optional) {
		if (*i + 1 >= argc)
			return err_invalid("--%s needs a value (%s)", o->name, o->arg);
		value = argv[++*i];
	}
	return store(o, target, value);
}

/* "-itv VALUE", "-vVALUE". */
static nd_err *parse_letters(
	const struct cmd *c, int argc, char **argv, int *i, void *target, bool *ret_help)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct opt *o = by_letter(c, *p);
		if (!o && *p == 'h') {
			*ret_help = true;
			return NULL;
		}
		if (!o)
			return err_remedy(err_invalid("unknown option -%c", *p),
				"'nidus %s --help' lists the options.", c->name);
		if (o->kind == OPT_FLAG || o->optional) {
			TRY(store(o, target, NULL));
			continue;
		}
		const char *value = p[1] ? p + 1 : NULL;
		if (!value) {
			if (*i + 1 >= argc)
				return err_invalid(
					"-%c (--%s) needs a value (%s)", *p, o->name, o->arg);
			value = argv[++*i];
		}
		return store(o, target, *value == '=' ? value + 1 : value);
	}
	return NULL;
}

nd_err *opt_parse(
	const struct cmd *c, int argc, char **argv, void *target, int *ret_first, bool *ret_help)
{
	int operands = 0, i = 1;
	bool help = false;
	_cleanup_free_ char **held = mem_alloc(((size_t)argc + 1) * sizeof *held);
	for (; i < argc; i++) {
		char *word = argv[i];
		if (str_eq(word, "--")) {
			i++;
			break;
		}
		if (word[0] == '-' && word[1] == '-') {
			TRY(parse_long(c, argc, argv, &i, target, &help));
		} else if (word[0] == '-' && word[1]) {
			TRY(parse_letters(c, argc, argv, &i, target, &help));
		} else {
			held[operands++] = word;
			if (c->stop_at_first) {
				i++;
				/* `run / -- id`: a "--" right after the operand is only a
				 * separator. */
				if (i < argc && str_eq(argv[i], "--"))
					i++;
				break;
			}
		}
		if (help)
			break;
	}
	int first = i - operands;
	if (operands)
		memcpy(argv + first, held, (size_t)operands * sizeof *held);
	*ret_first = first;
	*ret_help = help;
	if (help)
		return NULL;
	int n = argc - first;
	if (n < c->min_args)
		return err_remedy(err_invalid("%s: too few operands", c->name),
			"Usage: nidus %s %s", c->name, c->synopsis);
	if (c->max_args >= 0 && n > c->max_args)
		return err_remedy(err_invalid("%s: unexpected operand '%s'", c->name,
					  argv[first + c->max_args]),
			"Usage: nidus %s %s", c->name, c->synopsis);
	return NULL;
}

void opt_done(const struct cmd *c, void *target)
{
	for (size_t i = 0; i < c->n_opts; i++) {
		void *field = (char *)target + c->opts[i].offset;
		if (c->opts[i].kind == OPT_STR) {
			free(*(char **)field);
			*(char **)field = NULL;
		} else if (c->opts[i].kind == OPT_STRV) {
			strv_done(field);
		}
	}
}
