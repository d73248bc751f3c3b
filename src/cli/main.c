/* Entry of `nidus`: picks the verb, parses its table, calls it.  Everything else is in
 * the verbs' own files. */
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "cli/cmds.h"
#include "cli/print.h"

const struct cmd *const cmds[] = {
	&cmd_probe,
	&cmd_version,
};
const size_t n_cmds = ARRAY_SIZE(cmds);

static int version_run(void *target, char **args, size_t n_args)
{
	puts("nidus " NIDUS_VERSION);
	return 0;
}

const struct cmd cmd_version = {
	.name = "version",
	.synopsis = "",
	.brief = "print the version",
	.run = version_run,
};

static const struct cmd *cmd_find(const char *name)
{
	for (size_t i = 0; i < n_cmds; i++)
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
	return NULL;
}

static void list_verbs(FILE *f)
{
	fputs("Usage: nidus VERB [options] [operands]\n\n", f);
	for (size_t i = 0; i < n_cmds; i++)
		if (!cmds[i]->hidden)
			fprintf(f, "  %-10s %s\n", cmds[i]->name, cmds[i]->brief);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		list_verbs(stderr);
		return EXIT_NIDUS;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		list_verbs(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0)
		return version_run(NULL, NULL, 0);
	const struct cmd *c = cmd_find(argv[1]);
	if (!c)
		return print_error(err_remedy(err_invalid("there is no verb '%s'", argv[1]),
			"'nidus --help' lists the verbs."));
	void *target = mem_alloc(c->target_size);
	int first;
	bool help;
	nd_err *e = opt_parse(c, argc - 1, argv + 1, target, &first, &help);
	int status;
	if (e)
		status = print_error(e);
	else if (help)
		status = (printf("Usage: nidus %s %s\n", c->name, c->synopsis), 0);
	else
		status = c->run(target, argv + 1 + first, (size_t)(argc - 1 - first));
	if (c->done)
		c->done(target);
	opt_done(c, target);
	free(target);
	return status;
}
