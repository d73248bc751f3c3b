/* `nidus _completion SHELL`: the few lines that a shell needs to ask `nidus _complete`. */
#include <stdio.h>

#include "cli/cmds.h"
#include "cli/print.h"

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
