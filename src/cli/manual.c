/* Man pages from the option tables, in mdoc(7): `nidus _manual VERB` writes that of a verb,
 * `nidus _manual nidus` the one of the whole.  docs/man holds what this prints; a lint test
 * compares.  Sentences begin on lines of their own, as `mandoc -T lint` wants it.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmds.h"
#include "cli/help.h"
#include "cli/print.h"

#define MANUAL_DATE "November 21, 2026"

enum { COLUMNS = 78 };

/* One word of running text.  A dash at the beginning is an option's: it stays a dash. */
static size_t word(const char *p, size_t n, bool line_begins)
{
	if (line_begins && (*p == '.' || *p == '\''))
		fputs("\\&", stdout);
	bool option = *p == '-' || (n > 1 && strchr("'(\"", *p) && p[1] == '-');
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\\')
			fputs("\\e", stdout);
		else if (p[i] == '-' && option)
			fputs("\\-", stdout);
		else
			fputc(p[i], stdout);
	return n;
}

static bool ends_sentence(const char *p, size_t n, const char *next)
{
	while (n && strchr(")'\"", p[n - 1]))
		n--;
	return n > 1 && strchr(".!?", p[n - 1]) && isupper((unsigned char)*next);
}

/* Text up to `end`, filled; a new line for each sentence. */
static void prose(const char *text, const char *end)
{
	size_t column = 0;
	for (const char *p = text; p < end;) {
		while (p < end && isspace((unsigned char)*p))
			p++;
		size_t n = 0;
		while (p + n < end && !isspace((unsigned char)p[n]))
			n++;
		if (!n)
			break;
		if (column && column + 1 + n > COLUMNS) {
			fputc('\n', stdout);
			column = 0;
		} else if (column) {
			fputc(' ', stdout);
			column++;
		}
		column += word(p, n, column == 0);
		const char *next = p + n + strspn(p + n, " \n");
		if (next < end && ends_sentence(p, n, next)) {
			fputc('\n', stdout);
			column = 0;
		}
		p += n;
	}
	if (column)
		fputc('\n', stdout);
}

/* Paragraphs with blank lines between; one that is indented is shown as it stands. */
static void paragraphs(const char *text)
{
	bool first = true;
	for (const char *p = text; *p;) {
		const char *end = strstr(p, "\n\n");
		if (!end)
			end = p + strlen(p);
		if (*p == ' ' || *p == '\t') {
			puts(".Bd -literal -offset indent");
			for (const char *line = p; line < end;) {
				size_t n = strcspn(line, "\n");
				const char *from = line + strspn(line, " \t");
				word(from, from < line + n ? (size_t)(line + n - from) : 0, true);
				fputc('\n', stdout);
				line += n + 1;
			}
			puts(".Ed");
		} else {
			if (!first)
				puts(".Pp");
			prose(p, end);
		}
		first = false;
		p = end + strspn(end, "\n");
	}
}

/* An argument of a macro, quoted, so that no word of it is taken for a macro. */
static void argument(const char *text)
{
	fputs(" \"", stdout);
	for (; *text; text++)
		if (*text == '"')
			fputs("\\(dq", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else
			fputc(*text, stdout);
	fputc('"', stdout);
}

/* "[options] ROOT [CMD [ARG...]]" as macros: brackets open and close, the rest are arguments. */
static void synopsis(const char *name, const char *text)
{
	printf(".Nm nidus %s\n", name);
	_cleanup_strv_ struct strv words = {0};
	strv_split(&words, text, ' ');
	for (size_t i = 0; i < words.n; i++) {
		const char *w = words.v[i];
		for (; *w == '['; w++)
			puts(".Oo");
		size_t n = strlen(w), closing = 0;
		for (; closing < n && w[n - closing - 1] == ']'; closing++)
			;
		if (n > closing) {
			_cleanup_free_ char *core = str_ndup(w, n - closing);
			fputs(".Ar", stdout);
			argument(core);
			fputc('\n', stdout);
		}
		for (; closing; closing--)
			puts(".Oc");
	}
}

/* "turn it on" is a line of help; "Turn it on." begins the text of the manual. */
static void sentence(const char *help, const char *rest)
{
	_cleanup_buf_ struct buf b = {0};
	buf_fmt(&b, "%c%s%s", toupper((unsigned char)*help), help + 1,
		help[strlen(help) - 1] == '.' ? "" : ".");
	if (rest)
		buf_fmt(&b, " %s", rest);
	paragraphs(b.data);
}

static void option(const struct opt *o)
{
	fputs(".It", stdout);
	if (o->letter)
		printf(" Fl %c ,", o->letter);
	printf(" Fl \\-%s", o->name);
	if (o->arg && o->optional)
		fputs(" Ns Op = Ns Ar", stdout);
	else if (o->arg)
		fputs(" Ar", stdout);
	if (o->arg)
		argument(o->arg);
	fputc('\n', stdout);
	_cleanup_buf_ struct buf b = {0};
	if (o->choices && *o->choices != '@') {
		_cleanup_strv_ struct strv words = {0};
		strv_split(&words, o->choices, '|');
		_cleanup_free_ char *list = strv_join(&words, ", ");
		buf_fmt(&b, "One of: %s. ", list);
	}
	if (o->more)
		buf_str(&b, o->more);
	sentence(o->help, b.data);
}

static void options(const struct cmd *c)
{
	puts(".Sh OPTIONS");
	bool open = false, letter = true;
	for (size_t i = 0; i < c->n_opts; i++) {
		const struct opt *o = &c->opts[i];
		if (o->group && (i == 0 || !str_eq(o->group, c->opts[i - 1].group))) {
			if (open)
				puts(".El");
			printf(".Ss %s\n", o->group);
			open = false;
		}
		if (!open)
			puts(".Bl -tag -width Ds");
		open = true;
		letter = letter && o->letter != 'h';
		option(o);
	}
	if (!open)
		puts(".Bl -tag -width Ds");
	printf(".It %sFl \\-help\nShow the options and exit.\n.El\n", letter ? "Fl h , " : "");
}

static void examples(const char *text)
{
	puts(".Sh EXAMPLES");
	bool shown = false;
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		if (n && *line == '$') {
			fputs(".Dl", stdout);
			_cleanup_free_ char *command = str_ndup(line, n);
			argument(command);
			fputc('\n', stdout);
			shown = true;
		} else if (n) {
			if (shown)
				puts(".Pp");
			_cleanup_free_ char *about = str_ndup(line, n);
			about[0] = (char)toupper((unsigned char)about[0]);
			prose(about, about + n);
			shown = false;
		}
		line += n + (line[n] == '\n');
	}
}

static void head(const char *name, const char *brief)
{
	printf(".\\\" Made by `nidus _manual`; the text stands in the option tables.\n"
	       ".Dd " MANUAL_DATE "\n.Dt ");
	for (const char *p = name; *p; p++)
		fputc(toupper((unsigned char)*p), stdout);
	printf(" 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n", name, brief);
}

static void exit_status(void)
{
	puts(".Sh EXIT STATUS\n"
	     "That of the workload where there is one, and 128+N if signal N ended it.\n"
	     "Of nidus's own: 0 success, 124 a deadline was missed, 125 nidus failed,\n"
	     "126 the command cannot be executed, 127 there is no such command.");
}

static void manual_verb(const struct cmd *c)
{
	_cleanup_free_ char *name = str_fmt("nidus-%s", c->name);
	head(name, c->brief);
	puts(".Sh SYNOPSIS");
	synopsis(c->name, c->synopsis);
	puts(".Sh DESCRIPTION");
	if (c->manual)
		paragraphs(c->manual);
	else
		sentence(c->brief, NULL);
	options(c);
	exit_status();
	if (c->examples)
		examples(c->examples);
	puts(".Sh SEE ALSO\n.Xr nidus 1");
}

static void manual_all(void)
{
	head("nidus", "start workloads in places that were not made for it");
	puts(".Sh SYNOPSIS\n.Nm nidus\n.Ar VERB\n.Op Ar options\n.Op Ar operands\n"
	     ".Sh DESCRIPTION");
	paragraphs("nidus starts containers in places that were not made for it: a VM in a VM, a "
		   "container in a container, an unprivileged user namespace, gVisor. For every "
		   "need of the workload it takes the first mechanism that really works there, "
		   "keeps the reason for each one it left, and gives every wait a deadline. Where "
		   "nothing can work it says exactly why, and what would help.\n\n"
		   "Options are written --name VALUE or --name=VALUE and are never abbreviated. "
		   "A word -- ends them.");
	puts(".Sh VERBS\n.Bl -tag -width Ds");
	for (size_t i = 0; i < n_cmds; i++)
		if (!cmds[i]->hidden) {
			printf(".It Xr nidus-%s 1\n", cmds[i]->name);
			sentence(cmds[i]->brief, NULL);
		}
	puts(".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
	     ".It Ev NIDUS_STATE_DIR\nWhere runs are kept, instead of\n.Pa /run/nidus\n"
	     "(as root) or\n.Pa $XDG_RUNTIME_DIR/nidus .\n"
	     ".It Ev NIDUS_STORE_DIR\nWhere images are kept, instead of\n.Pa /var/lib/nidus\n"
	     "(as root) or\n.Pa $XDG_DATA_HOME/nidus .\n"
	     ".It Ev NO_COLOR\nIf set and not empty, no colours are used.\n.El");
	exit_status();
}

static int manual_run(void *target, char **args, size_t n_args)
{
	if (str_eq(args[0], "nidus")) {
		manual_all();
		return 0;
	}
	const struct cmd *c = cmd_find(args[0]);
	if (!c)
		return print_error(cmd_unknown(args[0]));
	manual_verb(c);
	return 0;
}

const struct cmd cmd_manual = {
	.name = "_manual",
	.synopsis = "VERB|nidus",
	.brief = "write a man page",
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = manual_run,
};
