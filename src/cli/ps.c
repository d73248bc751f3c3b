/* `nidus ps`: the runs of this place. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/spawn.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "cli/table.h"

struct ps_opts {
	bool all, quiet, json, no_trunc;
	int64_t last;
	struct strv filters;
};

static const struct opt opts[] = {
	{.name = "all",
		.letter = 'a',
		.kind = OPT_FLAG,
		.offset = offsetof(struct ps_opts, all),
		.group = "Which runs",
		.help = "also those that ended"},
	{.name = "filter",
		.letter = 'f',
		.kind = OPT_STRV,
		.offset = offsetof(struct ps_opts, filters),
		.arg = "KEY=VALUE",
		.help = "only those that fit: id, name, status, label, exited, ancestor, health",
		.more = "id and name fit where they begin with or contain the value; status is "
			"created, running, restarting, exited or lost; label is KEY or KEY=VALUE; "
			"ancestor is the image as it was named. Several filters of one key mean "
			"any of them, filters of different keys mean all."},
	{.name = "last",
		.letter = 'n',
		.kind = OPT_INT,
		.offset = offsetof(struct ps_opts, last),
		.arg = "N",
		.help = "the N youngest, also those that ended"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.offset = offsetof(struct ps_opts, quiet),
		.group = "Output",
		.help = "print ids only"},
	{.name = "no-trunc",
		.kind = OPT_FLAG,
		.offset = offsetof(struct ps_opts, no_trunc),
		.help = "do not shorten ids and commands"},
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct ps_opts, json),
		.help = "print JSON"},
};

/* One "KEY=VALUE"; *ret_known is false for a key that is none. */
static bool fits(const struct run_info *i, const char *key, const char *value, bool *ret_known)
{
	*ret_known = true;
	if (str_eq(key, "id"))
		return str_starts(i->dir.id, value);
	if (str_eq(key, "name"))
		return strstr(i->name, value) != NULL;
	if (str_eq(key, "status"))
		return str_eq(run_status_name(i->status), value);
	if (str_eq(key, "ancestor"))
		return str_eq(i->image, value) || str_eq(i->image_id, value);
	if (str_eq(key, "health"))
		return i->health ? str_starts(i->health, value) : str_eq(value, "none");
	if (str_eq(key, "exited")) {
		int64_t code;
		return i->status == RUN_EXITED && str_to_i64(value, &code) && code == i->exit_code;
	}
	*ret_known = str_eq(key, "label");
	for (size_t k = 0; k < i->labels.n; k++) {
		const char *rest = str_after(i->labels.v[k], value);
		if (rest && (!*rest || (*rest == '=' && !strchr(value, '='))))
			return true;
	}
	return false;
}

static nd_err *filters_check(const struct strv *filters)
{
	struct run_info none = {.name = ""};
	for (size_t i = 0; i < filters->n; i++) {
		const char *eq = strchr(filters->v[i], '=');
		if (!eq)
			return err_invalid("--filter: '%s' is not KEY=VALUE", filters->v[i]);
		_cleanup_free_ char *key = str_ndup(filters->v[i], (size_t)(eq - filters->v[i]));
		bool known;
		fits(&none, key, eq + 1, &known);
		if (!known)
			return err_invalid("--filter: '%s' is not one of id, name, status, label, "
					   "exited, ancestor, health",
				key);
	}
	return NULL;
}

static bool selected(const struct ps_opts *o, const struct run_info *run)
{
	for (size_t i = 0; i < o->filters.n; i++) {
		size_t len = strcspn(o->filters.v[i], "=");
		_cleanup_free_ char *key = str_ndup(o->filters.v[i], len);
		bool any = false, known;
		for (size_t k = 0; k < o->filters.n && !any; k++) {
			const char *value = str_after(o->filters.v[k], key);
			any = value && *value == '=' && fits(run, key, value + 1, &known);
		}
		if (!any)
			return false;
	}
	return true;
}

static char *status_text(const struct run_info *i, int64_t now)
{
	char ago[32], health[24] = "";
	switch (i->status) {
	case RUN_CREATED:
		return str_dup("Created");
	case RUN_RUNNING:
		ago_text(now - i->started_ms, ago);
		if (i->health)
			snprintf(health, sizeof health, " (%.*s)", (int)strcspn(i->health, " "),
				i->health);
		return str_fmt("Up %s%s", ago, health);
	case RUN_RESTARTING:
		ago_text(now - i->ended_ms, ago);
		return str_fmt("Restarting (%d) %s ago", i->exit_code, ago);
	case RUN_EXITED:
		ago_text(now - i->ended_ms, ago);
		return str_fmt("Exited (%d) %s ago", i->exit_code, ago);
	case RUN_STOPPING:
		return str_dup("Stopping");
	case RUN_LOST:
		break;
	}
	return str_dup("Lost (its monitor was killed)");
}

static void time_json(struct json_out *o, const char *key, int64_t ms)
{
	char text[32];
	if (ms)
		time_text(ms, text);
	jo_str(o, key, ms ? text : NULL);
}

static void labels_json(struct json_out *o, const char *key, const struct strv *labels)
{
	jo_open(o, key, '{');
	for (size_t i = 0; i < labels->n; i++) {
		const char *eq = strchr(labels->v[i], '=');
		_cleanup_free_ char *name = str_ndup(labels->v[i], strcspn(labels->v[i], "="));
		jo_str(o, name, eq ? eq + 1 : "");
	}
	jo_close(o, '}');
}

static void run_json(struct json_out *o, const struct run_info *i)
{
	bool ended = i->status == RUN_EXITED || i->status == RUN_RESTARTING;
	jo_open(o, NULL, '{');
	jo_str(o, "id", i->dir.id);
	jo_str(o, "name", i->name);
	jo_str(o, "image", i->image);
	jo_strv(o, "command", &i->args);
	time_json(o, "created", i->created_ms);
	jo_str(o, "status", run_status_name(i->status));
	if (i->pid)
		jo_int(o, "pid", i->pid);
	else
		jo_null(o, "pid");
	if (ended)
		jo_int(o, "exit_code", i->exit_code);
	else
		jo_null(o, "exit_code");
	time_json(o, "started", i->started_ms);
	time_json(o, "ended", ended ? i->ended_ms : 0);
	jo_bool(o, "ready", i->ready);
	_cleanup_free_ char *health =
		i->health ? str_ndup(i->health, strcspn(i->health, " ")) : NULL;
	jo_str(o, "health", health);
	jo_bool(o, "detached", i->detach);
	jo_strv(o, "ports", &i->ports);
	labels_json(o, "labels", &i->labels);
	jo_close(o, '}');
}

static char *shortened(const char *text, size_t max, bool whole)
{
	if (!text)
		return str_dup("");
	return whole || strlen(text) <= max ? str_dup(text)
					    : str_fmt("%.*s...", (int)max - 3, text);
}

static void run_row(struct table *t, const struct ps_opts *o, const struct run_info *i, int64_t now)
{
	char ago[32] = "", when[40] = "";
	if (i->created_ms) {
		ago_text(now - i->created_ms, ago);
		snprintf(when, sizeof when, "%s ago", ago);
	}
	_cleanup_free_ char *id = str_ndup(i->dir.id, o->no_trunc ? 64 : 12);
	_cleanup_free_ char *command = shortened(i->command_line, 30, o->no_trunc);
	_cleanup_free_ char *image = shortened(i->image, 40, o->no_trunc);
	_cleanup_free_ char *status = status_text(i, now);
	_cleanup_free_ char *ports = strv_join(&i->ports, ", ");
	table_row(t, (const char *[]){id, image, command, when, status, ports, i->name});
}

/* --filter status=exited without --all means what it says. */
static bool asks_for_ended(const struct strv *filters)
{
	for (size_t i = 0; i < filters->n; i++)
		if (str_starts(filters->v[i], "status=") || str_starts(filters->v[i], "exited="))
			return true;
	return false;
}

static void print_runs(const struct ps_opts *o, const struct run_infos *l)
{
	struct table t = {.columns = 7};
	struct json_out out = {.indent = 2};
	int64_t now = now_real_ms();
	size_t left = 0;
	bool all = o->all || o->last > 0 || asks_for_ended(&o->filters);
	for (size_t i = 0; i < l->n; i++)
		left += selected(o, &l->v[i]) && (all || run_is_live(&l->v[i]));
	jo_open(&out, NULL, '[');
	table_row(&t,
		(const char *[]){"ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAME"});
	for (size_t i = 0; i < l->n; i++) {
		if (!selected(o, &l->v[i]) || !(all || run_is_live(&l->v[i])))
			continue;
		if (o->last > 0 && left-- > (size_t)o->last)
			continue;
		if (o->json)
			run_json(&out, &l->v[i]);
		else if (o->quiet)
			printf("%.*s\n", o->no_trunc ? 64 : 12, l->v[i].dir.id);
		else
			run_row(&t, o, &l->v[i], now);
	}
	jo_close(&out, ']');
	if (o->json)
		puts(out.b.data);
	else if (!o->quiet)
		table_print(&t);
	buf_done(&out.b);
	strv_done(&t.cells);
}

static int ps_run(void *target, char **args, size_t n_args)
{
	const struct ps_opts *o = target;
	_cleanup_state_ struct state s = {.runs_fd = -1};
	_cleanup_run_infos_ struct run_infos l = {0};
	nd_err *e = filters_check(&o->filters);
	if (!e && o->last < 0)
		e = err_invalid("--last: %lld is not a number of runs", (long long)o->last);
	if (!e)
		e = state_open(&s);
	if (!e)
		e = runinfo_all(&s, &l);
	if (e)
		return print_error(e);
	print_runs(o, &l);
	return 0;
}

const struct cmd cmd_ps = {
	.name = "ps",
	.synopsis = "[options]",
	.brief = "list runs",
	.manual =
		"Lists the runs that are alive; with --all also those that ended and were not "
		"removed. A run is alive as long as its monitor holds the lock of its folder, so "
		"the list is right after any process was killed: a run whose monitor was killed is "
		"shown as lost, its workload was killed with it, and 'nidus gc' takes back what it "
		"left.\n\n"
		"Runs of another pid namespace that shares the state directory are not shown.",
	.examples =
		"names of what runs\n$ nidus ps\n\n"
		"remove all that ended badly\n$ nidus ps -q --filter exited=1 | xargs nidus rm\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct ps_opts),
	.max_args = 0,
	.run = ps_run,
};
