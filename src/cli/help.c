/* Help from the option tables.  Grouped as the tables are, two columns as wide as the
 * terminal allows, headings bold where a person is looking.
 */
#include "cli/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/near.h"
#include "cli/cmds.h"
#include "cli/print.h"

enum { LEFT_MAX = 30 };

const struct cmd *cmd_find(const char *name)
{
	for (size_t i = 0; i < n_cmds; i++)
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
	return NULL;
}

nd_err *cmd_unknown(const char *name)
{
	struct near near = {.word = name};
	for (size_t i = 0; i < n_cmds; i++)
		if (!cmds[i]->hidden)
			near_offer(&near, cmds[i]->name);
	nd_err *e = err_invalid("there is no verb '%s'", name);
	if (near.best)
		return err_remedy(e, "Did you mean '%s'? 'nidus help' lists the verbs.", near.best);
	return err_remedy(e, "'nidus help' lists the verbs.");
}

static size_t width_of(FILE *f)
{
	struct winsize size;
	uint64_t columns = 80;
	if (ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col)
		columns = size.ws_col;
	else
		str_to_u64(getenv("COLUMNS"), &columns);
	return columns < 50 ? 50 : columns > 110 ? 110 : (size_t)columns;
}

static void heading(FILE *f, const char *text)
{
	bool bold = print_coloured(f);
	fprintf(f, "\n%s%s:%s\n", bold ? "\033[1m" : "", text, bold ? "\033[0m" : "");
}

/* Words of `text`, broken before `width`; the cursor stands at `column` and later lines
 * begin at `indent`. */
static void wrap(FILE *f, const char *text, size_t column, size_t indent, size_t width)
{
	bool first = true;
	for (const char *p = text; *(p += strspn(p, " \n"));) {
		size_t n = strcspn(p, " \n");
		if (!first && column + 1 + n > width) {
			fprintf(f, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', f);
			column++;
		}
		fprintf(f, "%.*s", (int)n, p);
		column += n;
		first = false;
		p += n;
	}
	fputc('\n', f);
}

static void row(FILE *f, const char *left, const char *right, size_t at, size_t width)
{
	size_t n = strlen(left);
	fprintf(f, "  %s", left);
	if (n + 2 > at)
		fprintf(f, "\n%*s", (int)at + 2, "");
	else
		fprintf(f, "%*s", (int)(at - n), "");
	wrap(f, right, at + 2, at + 2, width);
}

static char *left_of(const struct opt *o)
{
	struct buf b = {0};
	if (o->letter)
		buf_fmt(&b, "-%c, --%s", o->letter, o->name);
	else
		buf_fmt(&b, "    --%s", o->name);
	if (o->arg)
		buf_fmt(&b, o->optional ? "[=%s]" : " %s", o->arg);
	return buf_steal(&b);
}

static char *right_of(const struct opt *o)
{
	struct buf b = {0};
	buf_str(&b, o->help);
	/* The choices are told here unless the value's name tells them already. */
	if (o->choices && *o->choices != '@' && !str_eq(o->choices, o->arg)) {
		_cleanup_strv_ struct strv words = {0};
		strv_split(&words, o->choices, '|');
		_cleanup_free_ char *list = strv_join(&words, ", ");
		buf_fmt(&b, " (%s)", list);
	}
	return buf_steal(&b);
}

static bool takes_letter(const struct cmd *c, char letter)
{
	for (size_t i = 0; i < c->n_opts; i++)
		if (c->opts[i].letter == letter)
			return true;
	return false;
}

static void help_options(FILE *f, const struct cmd *c, size_t width)
{
	size_t at = 12;
	for (size_t i = 0; i < c->n_opts; i++) {
		_cleanup_free_ char *left = left_of(&c->opts[i]);
		size_t n = strlen(left) + 2;
		if (n > at && n <= LEFT_MAX)
			at = n;
	}
	for (size_t i = 0; i < c->n_opts; i++) {
		const struct opt *o = &c->opts[i];
		if (o->group && (i == 0 || !str_eq(o->group, c->opts[i - 1].group)))
			heading(f, o->group);
		else if (i == 0)
			heading(f, "Options");
		_cleanup_free_ char *left = left_of(o), *right = right_of(o);
		row(f, left, right, at, width);
	}
	if (!c->n_opts)
		heading(f, "Options");
	row(f, takes_letter(c, 'h') ? "    --help" : "-h, --help", "show this help", at, width);
}

static void help_examples(FILE *f, const char *text)
{
	heading(f, "Examples");
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		if (n)
			fprintf(f, "  %s%.*s\n", *line == '$' ? "  " : "", (int)n, line);
		line += n + (line[n] == '\n');
	}
}

void help_verb(FILE *f, const struct cmd *c)
{
	size_t width = width_of(f);
	fprintf(f, "Usage: nidus %s %s\n\n", c->name, c->synopsis);
	_cleanup_free_ char *brief = str_fmt("%s.", c->brief);
	brief[0] = (char)toupper((unsigned char)brief[0]);
	wrap(f, brief, 0, 0, width);
	help_options(f, c, width);
	if (c->examples)
		help_examples(f, c->examples);
}

void help_all(FILE *f)
{
	size_t width = width_of(f), at = 10;
	fputs("Usage: nidus VERB [options] [operands]\n", f);
	heading(f, "Verbs");
	for (size_t i = 0; i < n_cmds; i++)
		if (!cmds[i]->hidden)
			row(f, cmds[i]->name, cmds[i]->brief, at, width);
	fputs("\n'nidus VERB --help' tells more.\n", f);
}

static int help_run(void *target, char **args, size_t n_args)
{
	if (!n_args) {
		help_all(stdout);
		return 0;
	}
	const struct cmd *c = cmd_find(args[0]);
	if (!c)
		return print_error(cmd_unknown(args[0]));
	help_verb(stdout, c);
	return 0;
}

const struct cmd cmd_help = {
	.name = "help",
	.synopsis = "[VERB]",
	.brief = "show the verbs, or the options of one",
	.manual = "Without an operand, lists the verbs. With one, shows what 'nidus VERB --help' "
		  "shows.",
	.max_args = 1,
	.run = help_run,
};
