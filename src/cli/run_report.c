/* What `nidus run` tells people while it works, and when it fails. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/run_job.h"

void run_progress(void *job, uint64_t done, uint64_t total)
{
	struct run_job *j = job;
	if (!isatty(STDERR_FILENO))
		return;
	if (total) {
		fprintf(stderr, "\rimporting the image: %3u %% of %.1f MiB",
			(unsigned)(done * 100 / total), (double)total / (1 << 20));
		j->progress_shown = true;
	} else if (j->progress_shown) {
		fputs("\r\033[K", stderr);
		j->progress_shown = false;
	}
	fflush(stderr);
}

void run_warning(void *job, const char *text)
{
	print_warning("%s", text);
}

static void print_started(FILE *f, const char *id, const char *plan_json)
{
	fprintf(f, "{\"id\":\"%s\",\"plan\":%s}\n", id,
		plan_json && *plan_json ? plan_json : "null");
	fflush(f);
}

void run_started(void *job, const char *id, const char *plan_json)
{
	struct run_job *j = job;
	/* In the foreground standard output is the workload's. */
	if (j->o->json && !j->o->detach)
		print_started(stderr, id, plan_json);
	else
		j->plan_json = str_dup(plan_json);
}

void run_detached(struct run_job *j)
{
	if (j->o->json)
		print_started(stdout, j->id, j->plan_json);
	else
		puts(j->id);
	fflush(stdout);
}

int run_report(struct run_job *j, nd_err *e, int status)
{
	if (!j->o->json) {
		int told = print_error(e);
		return status && status != EXIT_NIDUS ? status : told;
	}
	struct json_out o = {0};
	jo_open(&o, NULL, '{');
	jo_str(&o, "id", j->id);
	jo_err(&o, "error", e);
	jo_close(&o, '}');
	fprintf(stderr, "%s\n", o.b.data);
	buf_done(&o.b);
	int told = print_error_status(e);
	err_free(e);
	return status && status != EXIT_NIDUS ? status : told;
}
