/* `nidus _complete -- WORDS...`: what the last word may become, one candidate a line with its
 * description behind a tab; ":files" or ":dirs" where the shell itself knows better.  Options
 * come from the tables, operands from the words of the synopsis: RUN, ROOT, FILE and so on.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmds.h"
#include "cli/help.h"
#include "cli/print.h"
#include "probe/fact.h"
#include "store/store.h"
#include "supervise/runinfo.h"
#include "supervise/state.h"

static void offer(const char *prefix, const char *so_far, const char *word, const char *about)
{
	if (!str_starts(word, so_far))
		return;
	printf("%s%s\t", prefix, word);
	for (const char *p = about; *p; p++)
		putchar(iscntrl((unsigned char)*p) ? ' ' : *p);
	putchar('\n');
}

static void offer_verbs(const char *so_far)
{
	for (size_t i = 0; i < n_cmds; i++)
		if (!cmds[i]->hidden)
			offer("", so_far, cmds[i]->name, cmds[i]->brief);
}

static void offer_options(const struct cmd *c, const char *so_far)
{
	for (size_t i = 0; i < c->n_opts; i++) {
		_cleanup_free_ char *name = str_fmt("--%s", c->opts[i].name);
		offer("", so_far, name, c->opts[i].help);
	}
	offer("", so_far, "--help", "show the options");
}

/* Runs by name; by id as well once a part of it is there. */
static void offer_runs(const char *so_far)
{
	_cleanup_state_ struct state state = {.runs_fd = -1};
	_cleanup_run_infos_ struct run_infos runs = {0};
	nd_err *e = state_open(&state);
	if (!e)
		e = runinfo_all(&state, &runs);
	for (size_t i = 0; i < runs.n && !e; i++) {
		const struct run_info *r = &runs.v[i];
		const char *about = r->command_line ? r->command_line : "";
		offer("", so_far, r->name, about);
		if (*so_far) {
			_cleanup_free_ char *id = str_ndup(r->dir.id, 12);
			offer("", so_far, id, about);
		}
	}
	err_free(e);
}

static void offer_images(const char *so_far)
{
	struct store_image *images = NULL;
	size_t n = 0;
	err_free(store_list(&images, &n));
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < images[i].names.n; k++)
			offer("", so_far, images[i].names.v[k], "image");
	store_list_free(images, n);
}

static void offer_facts(const char *so_far)
{
	for (size_t i = 0; i < n_facts; i++)
		offer("", so_far, facts[i].name, facts[i].question);
}

static void offer_files(const char *so_far)
{
	puts(":files");
}

static void offer_dirs(const char *so_far)
{
	puts(":dirs");
}

static void offer_roots(const char *so_far)
{
	offer_images(so_far);
	offer_dirs(so_far);
}

/* What a word of a synopsis stands for. */
static const struct {
	const char *word;
	void (*offer)(const char *so_far);
} kinds[] = {
	{"RUN", offer_runs},
	{"IMAGE", offer_images},
	{"ROOT", offer_roots},
	{"VERB", offer_verbs},
	{"NAME", offer_facts},
	{"CMD", offer_files},
	{"ARG", offer_files},
	{"FILE", offer_files},
	{"SOURCE", offer_files},
	{"DIR", offer_dirs},
	{"BUNDLE", offer_dirs},
};

/* The word for operand `index` in "[options] RUN CMD [ARG...]"; the last may repeat. */
static void offer_by_synopsis(const char *synopsis, size_t index, const char *so_far)
{
	_cleanup_strv_ struct strv words = {0};
	strv_split(&words, synopsis, ' ');
	const char *word = NULL;
	size_t at = 0;
	for (size_t i = 0; i < words.n && at <= index; i++)
		if (*words.v[i] && !str_eq(words.v[i], "[options]")) {
			word = words.v[i];
			at++;
		}
	if (!word || (at <= index && !strstr(word, "...")))
		return;
	word += strspn(word, "[");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcspn(word, ".]") == strlen(kinds[i].word) && str_starts(word, kinds[i].word))
			kinds[i].offer(so_far);
}

/* A synopsis of several forms, "ls | import SOURCE...": the first word chooses one. */
static void offer_operand(const struct cmd *c, const char *first, size_t index, const char *so_far)
{
	if (!strstr(c->synopsis, " | ")) {
		offer_by_synopsis(c->synopsis, index, so_far);
		return;
	}
	_cleanup_strv_ struct strv forms = {0};
	strv_split(&forms, c->synopsis, '|');
	for (size_t i = 0; i < forms.n; i++) {
		const char *form = forms.v[i] + strspn(forms.v[i], " ");
		size_t n = strcspn(form, " ");
		_cleanup_free_ char *name = str_ndup(form, n);
		if (index == 0)
			offer("", so_far, name, "");
		else if (str_eq(name, first))
			offer_by_synopsis(form + n, index - 1, so_far);
	}
}

/* Values of an option; `prefix` is the "--name=" that the word already has. */
static void offer_values(const struct opt *o, const char *prefix, const char *so_far)
{
	if (o->kind == OPT_FLAG) {
		offer(prefix, so_far, "true", "");
		offer(prefix, so_far, "false", "");
	} else if (str_eq(o->choices, "@dir")) {
		puts(":dirs");
	} else if (str_eq(o->choices, "@file")) {
		puts(":files");
	} else if (str_eq(o->choices, "@run")) {
		offer_runs(so_far);
	} else if (o->choices && *o->choices != '@') {
		_cleanup_strv_ struct strv words = {0};
		strv_split(&words, o->choices, '|');
		for (size_t i = 0; i < words.n; i++)
			offer(prefix, so_far, words.v[i], "");
	}
}

static const struct opt *find_long(const struct cmd *c, const char *name, size_t n)
{
	for (size_t i = 0; i < c->n_opts; i++)
		if (strlen(c->opts[i].name) == n && strncmp(c->opts[i].name, name, n) == 0)
			return &c->opts[i];
	return NULL;
}

/* The option that wants its value from the word after this one; NULL if none does. */
static const struct opt *wants_next(const struct cmd *c, const char *w)
{
	const struct opt *o = NULL;
	if (str_starts(w, "--"))
		o = strchr(w, '=') ? NULL : find_long(c, w + 2, strlen(w + 2));
	else
		/* In "-itv" the first letter that takes a value takes the rest of the word. */
		for (const char *p = w + 1; *p && !o; p++)
			for (size_t i = 0; i < c->n_opts; i++) {
				const struct opt *l = &c->opts[i];
				if (l->letter == *p && l->kind != OPT_FLAG && !l->optional) {
					if (p[1])
						return NULL;
					o = l;
				}
			}
	return o && o->kind != OPT_FLAG && !o->optional ? o : NULL;
}

/* The words of a verb; the last is the one being written. */
static void complete_verb(const struct cmd *c, char **words, size_t n)
{
	const struct opt *pending = NULL;
	const char *first = NULL;
	size_t operands = 0;
	bool only_operands = false;
	for (size_t i = 0; i + 1 < n; i++) {
		const char *w = words[i];
		if (pending) {
			pending = NULL;
		} else if (!only_operands && str_eq(w, "--")) {
			only_operands = true;
		} else if (!only_operands && w[0] == '-' && w[1]) {
			pending = wants_next(c, w);
		} else {
			if (!operands++)
				first = w;
			only_operands = only_operands || c->stop_at_first;
		}
	}
	const char *last = words[n - 1], *eq = strchr(last, '=');
	if (pending) {
		offer_values(pending, "", last);
	} else if (only_operands || *last != '-') {
		offer_operand(c, first, operands, last);
	} else if (eq && str_starts(last, "--")) {
		const struct opt *o = find_long(c, last + 2, (size_t)(eq - last) - 2);
		_cleanup_free_ char *prefix = str_ndup(last, (size_t)(eq - last) + 1);
		if (o)
			offer_values(o, prefix, eq + 1);
	} else {
		offer_options(c, last);
	}
}

static int complete_run(void *target, char **args, size_t n_args)
{
	if (n_args == 1) {
		offer_verbs(args[0]);
		offer("", args[0], "--help", "list the verbs");
		offer("", args[0], "--version", "print the version");
	} else if (n_args) {
		const struct cmd *c = cmd_find(args[0]);
		if (c)
			complete_verb(c, args + 1, n_args - 1);
	}
	return 0;
}

const struct cmd cmd_complete = {
	.name = "_complete",
	.synopsis = "-- WORD...",
	.brief = "say what the last word may become",
	.max_args = -1,
	.hidden = true,
	.run = complete_run,
};
