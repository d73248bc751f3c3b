/* `nidus inspect`: all that is known of runs, as JSON. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/spawn.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "kernel/names.h"

struct inspect_opts {
	bool json;
};

static const struct opt opts[] = {
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct inspect_opts, json),
		.help = "accepted for the sake of the other verbs: the answer is always JSON"},
};

static void time_json(struct json_out *o, const char *key, int64_t ms)
{
	char text[32];
	if (ms)
		time_text(ms, text);
	jo_str(o, key, ms ? text : NULL);
}

static void state_json(struct json_out *o, const struct run_info *i, const struct json_at *record)
{
	bool ended = i->status == RUN_EXITED, oom = false;
	int64_t restarts = 0;
	err_free(json_get_bool(record, "oom_killed", &oom));
	err_free(json_get_i64(record, "restarts", &restarts));
	jo_open(o, "state", '{');
	jo_str(o, "status", run_status_name(i->status));
	jo_bool(o, "running", i->status == RUN_RUNNING);
	jo_int(o, "pid", i->pid);
	jo_int(o, "monitor_pid", run_is_live(i) ? i->monitor_pid : 0);
	if (ended)
		jo_int(o, "exit_code", i->exit_code);
	else
		jo_null(o, "exit_code");
	jo_str(o, "why", i->why);
	jo_bool(o, "oom_killed", oom);
	time_json(o, "started", i->started_ms);
	time_json(o, "ended", ended ? i->ended_ms : 0);
	jo_int(o, "restarts", restarts);
	jo_bool(o, "ready", i->ready);
	jo_str(o, "health", i->health);
	jo_str(o, "cgroup", i->cgroup);
	jo_close(o, '}');
}

static void pairs_json(struct json_out *o, const char *key, const struct strv *pairs)
{
	jo_open(o, key, '{');
	for (size_t i = 0; i < pairs->n; i++) {
		const char *eq = strchr(pairs->v[i], '=');
		_cleanup_free_ char *name = str_ndup(pairs->v[i], strcspn(pairs->v[i], "="));
		jo_str(o, name, eq ? eq + 1 : "");
	}
	jo_close(o, '}');
}

static void caps_json(struct json_out *o, const char *key, uint64_t set)
{
	jo_open(o, key, '[');
	for (unsigned bit = 0; bit < 64; bit++)
		if (set >> bit & 1 && cap_name(bit))
			jo_str(o, NULL, cap_name(bit));
	jo_close(o, ']');
}

static void config_json(struct json_out *o, const struct run_info *i)
{
	_cleanup_spec_ struct container_spec s;
	char name[16];
	spec_init(&s);
	err_free(runinfo_process(i, &s));
	jo_open(o, "config", '{');
	jo_str(o, "image", i->image);
	jo_str(o, "image_id", i->image_id);
	jo_strv(o, "args", &i->args);
	jo_strv(o, "env", &i->env);
	jo_str(o, "cwd", i->cwd);
	jo_str(o, "user", i->user);
	jo_str(o, "hostname", i->hostname);
	jo_bool(o, "tty", i->tty);
	jo_bool(o, "interactive", i->interactive);
	jo_bool(o, "detached", i->detach);
	jo_bool(o, "remove", i->rm);
	jo_bool(o, "privileged", i->privileged);
	jo_bool(o, "no_new_privs", s.no_new_privs);
	jo_bool(o, "seccomp", s.seccomp != NULL);
	caps_json(o, "capabilities", s.caps.effective);
	caps_json(o, "bounding", s.caps.bounding);
	jo_str(o, "network", i->network);
	jo_strv(o, "ports", &i->ports);
	jo_strv(o, "volumes", &i->volumes);
	jo_str(o, "restart", i->restart);
	jo_str(o, "stop_signal", signal_name(i->stop_signal ? (int)i->stop_signal : SIGTERM, name));
	pairs_json(o, "labels", &i->labels);
	pairs_json(o, "annotations", &i->annotations);
	jo_close(o, '}');
}

static nd_err *inspect_one(const struct state *s, struct run_info *i, const char *ref, void *arg)
{
	struct json_out *o = arg;
	_cleanup_json_ struct json_doc record = {0};
	struct json_at at;
	/* Absent while it starts, and for a run in the foreground that leaves nothing. */
	err_free(json_load(i->dir.fd, "record.json", &record));
	jo_open(o, NULL, '{');
	jo_str(o, "id", i->dir.id);
	jo_str(o, "name", i->name);
	time_json(o, "created", i->created_ms);
	_cleanup_free_ char *folder = str_fmt("%s/runs/%s", s->path, i->dir.id);
	jo_str(o, "folder", folder);
	state_json(o, i, &record.at);
	config_json(o, i);
	static const char *const parts[] = {"plan", "outcome"};
	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		err_free(json_get_obj(&record.at, parts[k], &at));
		jo_copy(o, parts[k], &at);
	}
	err_free(json_get_arr(&record.at, "timeline", &at));
	jo_copy(o, "timeline", &at);
	jo_close(o, '}');
	return NULL;
}

static int inspect_run(void *target, char **args, size_t n_args)
{
	struct json_out o = {.indent = 2};
	jo_open(&o, NULL, '[');
	int status =
		runs_each(&(struct runs_choice){args, n_args, false, false, NULL}, inspect_one, &o);
	jo_close(&o, ']');
	puts(o.b.data);
	buf_done(&o.b);
	return status;
}

const struct cmd cmd_inspect = {
	.name = "inspect",
	.synopsis = "RUN...",
	.brief = "show all that is known of runs, as JSON",
	.manual = "An array with one object for each run: \"state\" is read from the run's folder "
		  "and "
		  "lock, \"config\" is what was asked for, \"plan\" has the rung taken for each "
		  "need and "
		  "each rung left with the reason, \"timeline\" what happened when (milliseconds "
		  "since "
		  "the run was asked for), and \"outcome\" how it ended, with the error, its cause "
		  "and "
		  "the last output. Plan, timeline and outcome are null for a run in the "
		  "foreground with "
		  "--rm.",
	.examples = "which mechanisms a run got\n$ nidus inspect web | jq '.[0].plan.needs[] | "
		    "[.need, .rung]'\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct inspect_opts),
	.min_args = 1,
	.max_args = -1,
	.run = inspect_run,
};
