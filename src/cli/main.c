/* Entry of `nidus`: picks the verb, parses its table, calls it.  Everything else is in
 * the verbs' own files. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "cli/cmds.h"
#include "cli/help.h"
#include "cli/print.h"

const struct cmd *const cmds[] = {
	&cmd_probe,
	&cmd_run,
	&cmd_ps,
	&cmd_logs,
	&cmd_exec,
	&cmd_attach,
	&cmd_stop,
	&cmd_kill,
	&cmd_rm,
	&cmd_wait,
	&cmd_inspect,
	&cmd_explain,
	&cmd_stats,
	&cmd_gc,
	&cmd_tun,
	&cmd_help,
	&cmd_image,
	&cmd_version,
	&cmd_complete,
	&cmd_completion,
	&cmd_manual,
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

/* Started with a standard stream closed, the next descriptor we open would take its number
 * and be handed to the workload as its own.  poll(2) finds closed ones in one call. */
static void hold_standard_streams(void)
{
	struct pollfd p[3] = {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}};
	if (poll(p, 3, 0) <= 0)
		return;
	for (int i = 0; i < 3; i++)
		if (p[i].revents & POLLNVAL && open("/dev/null", O_RDWR) != i)
			_exit(EXIT_NIDUS);
}

int main(int argc, char **argv)
{
	hold_standard_streams();
	if (argc < 2) {
		help_all(stderr);
		return EXIT_NIDUS;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help_all(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0)
		return version_run(NULL, NULL, 0);
	const struct cmd *c = cmd_find(argv[1]);
	if (!c)
		return print_error(cmd_unknown(argv[1]));
	void *target = mem_alloc(c->target_size);
	int first;
	bool help;
	nd_err *e = opt_parse(c, argc - 1, argv + 1, target, &first, &help);
	int status;
	if (e)
		status = print_error(e);
	else if (help)
		status = (help_verb(stdout, c), 0);
	else
		status = c->run(target, argv + 1 + first, (size_t)(argc - 1 - first));
	/* An answer that nobody got, because the disk is full, is no success. */
	if (status == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		status = print_error(err_sys(errno, "write", "standard output"));
	if (c->done)
		c->done(target);
	opt_done(c, target);
	free(target);
	return status;
}
