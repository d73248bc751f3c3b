/* `nidus probe`: what this place really allows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "probe/fact.h"

struct probe_opts {
	bool json;
};

static const struct opt opts[] = {
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct probe_opts, json),
		.group = "Output",
		.help = "print JSON (schema in docs/probe.md)"},
};

static int probe_run(void *target, char **args, size_t n_args)
{
	const struct fact **list = mem_alloc(n_facts * sizeof *list);
	struct fact_result *results = mem_alloc(n_facts * sizeof *results);
	for (size_t i = 0; i < n_facts; i++)
		list[i] = &facts[i];
	nd_err *e = fact_ask_many(list, n_facts, results);
	for (size_t i = 0; i < n_facts && !e; i++)
		printf("%-24s %-8s %-12s %6u  %s\n", list[i]->name,
			fact_state_name(results[i].state), results[i].value, results[i].elapsed_us,
			results[i].state == FACT_WORKS ? "" : results[i].reason);
	free(list);
	free(results);
	return e ? print_error(e) : 0;
}

const struct cmd cmd_probe = {
	.name = "probe",
	.synopsis = "[options] [NAME...]",
	.brief = "show what this place really allows, by trying",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct probe_opts),
	.max_args = -1,
	.run = probe_run,
};
