/* `nidus stats`: what runs use of the machine. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/spawn.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "cli/table.h"
#include "container/cgroup.h"

struct stats_opts {
	bool all, no_stream, json, no_trunc;
	char *interval;
};

static const struct opt opts[] = {
	{.name = "all",
		.letter = 'a',
		.kind = OPT_FLAG,
		.offset = offsetof(struct stats_opts, all),
		.help = "also runs that do not run; they use nothing"},
	{.name = "no-stream",
		.kind = OPT_FLAG,
		.offset = offsetof(struct stats_opts, no_stream),
		.help = "print once and end"},
	{.name = "interval",
		.letter = 'i',
		.kind = OPT_STR,
		.offset = offsetof(struct stats_opts, interval),
		.arg = "TIME",
		.help = "between two prints (default: 5 s)"},
	{.name = "no-trunc",
		.kind = OPT_FLAG,
		.offset = offsetof(struct stats_opts, no_trunc),
		.help = "do not shorten ids"},
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct stats_opts, json),
		.help = "print JSON, an array each time"},
};

#define UNKNOWN UINT64_MAX

struct sample {
	struct cgroup_stats now;
	uint64_t net_in, net_out;
	int64_t up_ms;
};

/* Bytes through all devices of the process's network namespace but loopback. */
static void net_read(pid_t pid, struct sample *ret)
{
	char path[40], line[512];
	snprintf(path, sizeof path, "/proc/%d/net/dev", (int)pid);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	ret->net_in = ret->net_out = f ? 0 : UNKNOWN;
	while (f && fgets(line, sizeof line, f)) {
		char name[32];
		uint64_t in, out;
		if (sscanf(line, " %31[^:]: %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, name,
			    &in, &out) == 3 &&
			!str_eq(name, "lo")) {
			ret->net_in += in;
			ret->net_out += out;
		}
	}
}

static nd_err *sample_take(struct run_info *i, struct sample *ret)
{
	_cleanup_cgroup_ struct cgroup group = CGROUP_NONE;
	memset(&ret->now, 0xff, sizeof ret->now);
	TRY(cgroup_load(i->cgroup, &group));
	TRY(cgroup_stats(&group, i->pid, &ret->now));
	net_read(i->pid, ret);
	ret->up_ms = now_real_ms() - i->started_ms;
	return NULL;
}

/* Since the sample before, else since its start. */
static double cpu_percent(const struct sample *s, const struct sample *before, int64_t passed_ms)
{
	bool delta = before && before->now.cpu_ns != UNKNOWN && passed_ms > 0;
	int64_t ms = delta ? passed_ms : s->up_ms;
	if (s->now.cpu_ns == UNKNOWN || ms <= 0)
		return -1;
	uint64_t ns = s->now.cpu_ns - (delta ? before->now.cpu_ns : 0);
	return (double)ns / 1e4 / (double)ms;
}

static void uint_json(struct json_out *o, const char *key, uint64_t v)
{
	if (v == UNKNOWN)
		jo_null(o, key);
	else
		jo_uint(o, key, v);
}

static void stats_json(
	struct json_out *o, const struct run_info *i, const struct sample *s, double cpu)
{
	const struct cgroup_stats *c = &s->now;
	jo_open(o, NULL, '{');
	jo_str(o, "id", i->dir.id);
	jo_str(o, "name", i->name);
	if (cpu < 0)
		jo_null(o, "cpu_percent");
	else
		jo_double(o, "cpu_percent", cpu);
	uint_json(o, "cpu_ns", c->cpu_ns);
	uint_json(o, "memory", c->memory);
	uint_json(o, "memory_limit", c->memory_limit);
	uint_json(o, "memory_peak", c->memory_peak);
	uint_json(o, "pids", c->pids);
	uint_json(o, "pids_limit", c->pids_limit);
	uint_json(o, "net_input", s->net_in);
	uint_json(o, "net_output", s->net_out);
	uint_json(o, "block_input", c->io_read);
	uint_json(o, "block_output", c->io_write);
	uint_json(o, "oom_kills", c->oom_kills);
	jo_close(o, '}');
}

/* "12.3MB"; "--" where it is not known; `text` holds 24 bytes. */
static const char *bytes_text(uint64_t v, char *text)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	if (v == UNKNOWN)
		return "--";
	double d = (double)v;
	size_t u = 0;
	while (d >= 1000 && u + 1 < ARRAY_SIZE(units)) {
		d /= 1000;
		u++;
	}
	snprintf(text, 24, u ? "%.4g%s" : "%.0f%s", d, units[u]);
	return text;
}

static const char *percent_text(double v, char *text)
{
	if (v < 0)
		return "--";
	snprintf(text, 24, "%.2f%%", v);
	return text;
}

static uint64_t machine_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UNKNOWN;
}

static void stats_row(struct table *t, const struct stats_opts *o, const struct run_info *i,
	const struct sample *s, double cpu)
{
	const struct cgroup_stats *c = &s->now;
	char a[24], b[24], d[24], pids[24] = "--";
	uint64_t limit = c->memory_limit == UNKNOWN ? machine_memory() : c->memory_limit;
	double share = c->memory == UNKNOWN || limit == UNKNOWN || !limit
			       ? -1
			       : 100.0 * (double)c->memory / (double)limit;
	_cleanup_free_ char *id = str_ndup(i->dir.id, o->no_trunc ? 64 : 12);
	_cleanup_free_ char *memory =
		str_fmt("%s / %s", bytes_text(c->memory, a), bytes_text(limit, b));
	_cleanup_free_ char *net =
		str_fmt("%s / %s", bytes_text(s->net_in, a), bytes_text(s->net_out, b));
	_cleanup_free_ char *io =
		str_fmt("%s / %s", bytes_text(c->io_read, a), bytes_text(c->io_write, b));
	if (c->pids != UNKNOWN)
		snprintf(pids, sizeof pids, "%" PRIu64, c->pids);
	table_row(t, (const char *[]){id, i->name, percent_text(cpu, a), memory,
			     percent_text(share, d), net, io, pids});
}

/* What was seen of a run in the round before, found by its id. */
struct seen {
	char id[65];
	struct sample s;
};

struct round {
	const struct stats_opts *o;
	struct table t;
	struct json_out out;
	struct seen *before, *after;
	size_t n_before, n_after;
	int64_t at_ms, before_ms;
};

static nd_err *show(const struct state *state, struct run_info *i, const char *ref, void *arg)
{
	struct round *r = arg;
	struct sample s = {0};
	memset(&s.now, 0xff, sizeof s.now);
	s.net_in = s.net_out = UNKNOWN;
	if (i->status == RUN_RUNNING)
		TRY(sample_take(i, &s));
	const struct sample *before = NULL;
	for (size_t k = 0; k < r->n_before; k++)
		if (str_eq(r->before[k].id, i->dir.id))
			before = &r->before[k].s;
	double cpu =
		i->status == RUN_RUNNING ? cpu_percent(&s, before, r->at_ms - r->before_ms) : -1;
	r->after = mem_grow(r->after, r->n_after + 1, sizeof *r->after);
	r->after[r->n_after].s = s;
	memcpy(r->after[r->n_after++].id, i->dir.id, sizeof i->dir.id);
	if (r->o->json)
		stats_json(&r->out, i, &s, cpu);
	else
		stats_row(&r->t, r->o, i, &s, cpu);
	return NULL;
}

static bool is_running(const struct run_info *i)
{
	return i->status == RUN_RUNNING;
}

static int one_round(struct round *r, char **args, size_t n_args)
{
	r->t = (struct table){.columns = 8};
	r->out = (struct json_out){.indent = 2};
	r->at_ms = now_ms();
	jo_open(&r->out, NULL, '[');
	table_row(&r->t, (const char *[]){"ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %",
				 "NET IO", "BLOCK IO", "PIDS"});
	int status = runs_each(&(struct runs_choice){args, n_args, n_args == 0, false,
				       r->o->all ? NULL : is_running},
		show, r);
	jo_close(&r->out, ']');
	if (!r->o->no_stream && !r->o->json && isatty(1))
		printf("\033[2J\033[H");
	if (r->o->json)
		puts(r->out.b.data);
	else
		table_print(&r->t);
	fflush(stdout);
	buf_done(&r->out.b);
	strv_done(&r->t.cells);
	free(r->before);
	r->before = r->after;
	r->n_before = r->n_after;
	r->after = NULL;
	r->n_after = 0;
	r->before_ms = r->at_ms;
	return status;
}

static int stats_run(void *target, char **args, size_t n_args)
{
	const struct stats_opts *o = target;
	struct round r = {.o = o};
	int64_t interval = 5000;
	if (o->interval && (!str_to_ms(o->interval, &interval) || interval < 100))
		return print_error(err_invalid(
			"--interval: '%s' is not a duration of at least 100ms", o->interval));
	int status;
	for (;;) {
		status = one_round(&r, args, n_args);
		if (o->no_stream || status || ferror(stdout))
			break;
		nanosleep(&(struct timespec){interval / 1000, interval % 1000 * 1000000}, NULL);
	}
	free(r.before);
	return status;
}

const struct cmd cmd_stats = {
	.name = "stats",
	.synopsis = "[options] [RUN...]",
	.brief = "show what runs use: CPU, memory, network, disk, processes",
	.manual = "Reads the cgroups of the runs named, or of all that run, again and again. CPU "
		  "is the "
		  "share of one processor since the print before, the first time since the start. "
		  "What "
		  "no cgroup accounts is summed over the processes; what nobody knows is shown as "
		  "'--', "
		  "in JSON as null. A memory limit that is none is shown as the memory of the "
		  "machine.",
	.examples = "one look\n$ nidus stats --no-stream\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct stats_opts),
	.max_args = -1,
	.run = stats_run,
};
