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

void run_started(void *job, const char *id, const char *plan_json)
{
	struct run_job *j = job;
	if (j->o->json)
		fprintf(j->o->detach ? stdout : stderr, "{\"id\":\"%s\",\"plan\":%s}\n", id,
			plan_json);
	else if (j->o->detach)
		puts(id);
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
