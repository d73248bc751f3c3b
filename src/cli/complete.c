/* Completion: `nidus _complete -- WORDS...` answers what the last word may become, one
 * candidate a line with its description behind a tab, ":files" or ":dirs" where the shell
 * itself knows better.  `nidus _completion SHELL` prints the few lines that a shell needs to
 * ask.  So the option tables are the only list there is.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cmds.h"
#include "cli/help.h"
#include "cli/print.h"
#include "probe/fact.h"

static void offer(const char *prefix, const char *so_far, const char *word, const char *about)
{
	if (str_starts(word, so_far))
		printf("%s%s\t%s\n", prefix, word, about);
}

static void offer_verbs(const char *so_far)
{
	for (size_t i = 0; i < n_cmds; i++)
		if (!cmds[i]->hidden)
			offer("", so_far, cmds[i]->name, cmds[i]->brief);
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
	} else if (o->choices && *o->choices != '@') {
		_cleanup_strv_ struct strv words = {0};
		strv_split(&words, o->choices, '|');
		for (size_t i = 0; i < words.n; i++)
			offer(prefix, so_far, words.v[i], "");
	}
}

static void offer_options(const struct cmd *c, const char *so_far)
{
	for (size_t i = 0; i < c->n_opts; i++) {
		_cleanup_free_ char *name = str_fmt("--%s", c->opts[i].name);
		offer("", so_far, name, c->opts[i].help);
	}
	offer("", so_far, "--help", "show the options");
}

/* An operand: its name in the synopsis tells what it is. */
static void offer_operand(const struct cmd *c, size_t index, const char *so_far)
{
	_cleanup_strv_ struct strv words = {0};
	strv_split(&words, c->synopsis, ' ');
	const char *kind = NULL;
	size_t at = 0;
	for (size_t i = 0; i < words.n; i++) {
		if (str_eq(words.v[i], "[options]"))
			continue;
		kind = words.v[i];
		if (at++ == index)
			break;
	}
	/* Behind the last operand only one that repeats takes more. */
	if (!kind || (index >= at && !strstr(kind, "...")))
		return;
	kind += strspn(kind, "[");
	if (str_starts(kind, "VERB")) {
		offer_verbs(so_far);
	} else if (str_starts(kind, "NAME") && str_eq(c->name, "probe")) {
		for (size_t i = 0; i < n_facts; i++)
			offer("", so_far, facts[i].name, facts[i].question);
	} else if (str_starts(kind, "ROOT")) {
		puts(":dirs");
	} else if (str_starts(kind, "CMD") || str_starts(kind, "FILE") ||
		   str_starts(kind, "ARCHIVE") || str_starts(kind, "SOURCE")) {
		puts(":files");
	} else if (str_starts(kind, "DIR") || str_starts(kind, "BUNDLE")) {
		puts(":dirs");
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
			operands++;
			only_operands = only_operands || c->stop_at_first;
		}
	}
	const char *last = words[n - 1], *eq = strchr(last, '=');
	if (pending) {
		offer_values(pending, "", last);
	} else if (only_operands || *last != '-') {
		offer_operand(c, operands, last);
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

static const char bash_lines[] =
	"# nidus: completion for bash\n"
	"_nidus() {\n"
	"	local line=${COMP_LINE:0:COMP_POINT} cur tail word\n"
	"	local -a words\n"
	"	read -ra words <<<\"$line\"\n"
	"	[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
	"	cur=${words[-1]}\n"
	"	# Bash parts words at = and : as well and replaces what stands behind the last.\n"
	"	tail=${cur##*[=:]}\n"
	"	COMPREPLY=()\n"
	"	while IFS=$'\\t' read -r word _; do\n"
	"		case $word in\n"
	"		:files) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "
	"\"$tail\") ;;\n"
	"		:dirs) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "
	"\"$tail\") ;;\n"
	"		*) COMPREPLY+=(\"${word#\"${cur%\"$tail\"}\"}\") ;;\n"
	"		esac\n"
	"	done < <(\"${words[0]}\" _complete -- \"${words[@]:1}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _nidus nidus\n";

static const char zsh_lines[] =
	"#compdef nidus\n"
	"_nidus() {\n"
	"	local line\n"
	"	local -a found\n"
	"	for line in \"${(@f)$(${words[1]} _complete -- \"${(@Q)words[2,CURRENT]}\" "
	"2>/dev/null)}\"; do\n"
	"		case $line in\n"
	"		:files) [[ $PREFIX == --*=* ]] && compset -P '*='; _files ;;\n"
	"		:dirs) [[ $PREFIX == --*=* ]] && compset -P '*='; _files -/ ;;\n"
	"		?*) found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
	"		esac\n"
	"	done\n"
	"	(( $#found )) && _describe nidus found\n"
	"}\n"
	"if [[ $funcstack[1] == _nidus ]]; then _nidus \"$@\"; else compdef _nidus nidus; fi\n";

static const char fish_lines[] =
	"# nidus: completion for fish\n"
	"function __nidus_complete\n"
	"	set -l words (commandline -opc)\n"
	"	set -l current (commandline -ct)\n"
	"	for line in ($words[1] _complete -- $words[2..-1] \"$current\" 2>/dev/null)\n"
	"		switch $line\n"
	"			case ':files'\n"
	"				__fish_complete_path \"$current\"\n"
	"			case ':dirs'\n"
	"				__fish_complete_directories \"$current\" ''\n"
	"			case '*'\n"
	"				echo $line\n"
	"		end\n"
	"	end\n"
	"end\n"
	"complete -c nidus -f -a '(__nidus_complete)'\n";

static int completion_run(void *target, char **args, size_t n_args)
{
	static const struct {
		const char *shell, *lines;
	} shells[] = {{"bash", bash_lines}, {"zsh", zsh_lines}, {"fish", fish_lines}};
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (str_eq(args[0], shells[i].shell)) {
			fputs(shells[i].lines, stdout);
			return 0;
		}
	return print_error(err_invalid("'%s' is not one of bash, zsh, fish", args[0]));
}

const struct cmd cmd_completion = {
	.name = "_completion",
	.synopsis = "bash|zsh|fish",
	.brief = "print the lines that a shell needs for completion",
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = completion_run,
};
