/* `nidus exec`: another process in a running container. */
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "container/envfile.h"
#include "container/seccomp.h"
#include "supervise/session.h"

extern char **environ;

struct exec_opts {
	bool interactive, tty, detach, privileged;
	char *user, *workdir;
	struct strv env, env_files;
};

static const struct opt opts[] = {
	{.name = "interactive",
		.letter = 'i',
		.kind = OPT_FLAG,
		.offset = offsetof(struct exec_opts, interactive),
		.group = "Input and output",
		.help = "keep stdin open; otherwise it reads /dev/null"},
	{.name = "tty",
		.letter = 't',
		.kind = OPT_FLAG,
		.offset = offsetof(struct exec_opts, tty),
		.help = "give it a terminal of the container"},
	{.name = "detach",
		.letter = 'd',
		.kind = OPT_FLAG,
		.offset = offsetof(struct exec_opts, detach),
		.help = "return once it runs; its output is dropped"},
	{.name = "user",
		.letter = 'u',
		.kind = OPT_STR,
		.offset = offsetof(struct exec_opts, user),
		.arg = "USER[:GROUP]",
		.group = "The process",
		.help = "name or number, looked up in the container (default: the workload's)"},
	{.name = "workdir",
		.letter = 'w',
		.kind = OPT_STR,
		.offset = offsetof(struct exec_opts, workdir),
		.arg = "DIR",
		.help = "working directory in the container (default: the workload's)"},
	{.name = "env",
		.letter = 'e',
		.kind = OPT_STRV,
		.offset = offsetof(struct exec_opts, env),
		.arg = "NAME[=VALUE]",
		.help = "set a variable; without a value it is taken from here"},
	{.name = "env-file",
		.kind = OPT_STRV,
		.offset = offsetof(struct exec_opts, env_files),
		.arg = "FILE",
		.choices = "@file",
		.help = "set the variables that stand in FILE"},
	{.name = "privileged",
		.kind = OPT_FLAG,
		.offset = offsetof(struct exec_opts, privileged),
		.help = "all capabilities of the container's namespaces, no seccomp filter"},
};

static bool is_root(const char *user)
{
	size_t n = strcspn(user, ":");
	return (n == 1 && *user == '0') || (n == 4 && strncmp(user, "root", 4) == 0);
}

/* Another identity has the rights of that identity: root those that the container may
 * have at all, anybody else none. */
static nd_err *caps_for(
	struct container_spec *s, const struct exec_opts *o, const struct run_info *i)
{
	uint64_t all = s->caps.bounding;
	/* All there are in a user namespace of its own, else all that we have ourselves. */
	if (o->privileged && i->own_user_ns)
		all = caps_known();
	else if (o->privileged)
		TRY(caps_effective(&all));
	else if (!o->user)
		return NULL;
	bool root = o->privileged || is_root(o->user);
	s->caps = (struct cap_sets){
		.bounding = all, .effective = root ? all : 0, .permitted = root ? all : 0};
	return NULL;
}

/* Another user's home is looked up again. */
static void home_forget(struct strv *env)
{
	for (size_t i = 0; i < env->n; i++) {
		if (!str_starts(env->v[i], "HOME="))
			continue;
		free(env->v[i]);
		memmove(&env->v[i], &env->v[i + 1], (env->n - i) * sizeof *env->v);
		env->n--;
		return;
	}
}

static nd_err *describe(
	const struct exec_opts *o, const struct run_info *i, struct container_spec *s)
{
	if (o->user)
		home_forget(&s->env);
	for (size_t k = 0; k < o->env_files.n; k++)
		TRY(env_file_load(&s->env, AT_FDCWD, o->env_files.v[k], environ));
	for (size_t k = 0; k < o->env.n; k++)
		TRY(env_add(&s->env, o->env.v[k], environ, "--env"));
	if (o->tty && !env_get(&s->env, "TERM"))
		env_set(&s->env, "TERM=xterm");
	TRY(caps_for(s, o, i));
	if (o->user) {
		free(s->user);
		s->user = str_dup(o->user);
		strv_done(&s->group_add);
	}
	if (o->workdir) {
		free(s->cwd);
		s->cwd = str_dup(o->workdir);
	}
	if (o->privileged) {
		seccomp_filter_free(s->seccomp);
		s->seccomp = NULL;
		s->no_new_privs = false;
	}
	s->tty = o->tty;
	s->stdio[0] = o->interactive && !o->tty && !o->detach ? 0 : -1;
	s->stdio[1] = o->tty || o->detach ? -1 : 1;
	s->stdio[2] = o->tty || o->detach ? -1 : 2;
	return NULL;
}

static nd_err *exec_in(const struct exec_opts *o, char **args, size_t n_args, int *ret_status)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	_cleanup_runinfo_ struct run_info i = {.dir.fd = -1};
	_cleanup_spec_ struct container_spec spec;
	struct container c;
	spec_init(&spec);
	if (o->workdir && *o->workdir != '/')
		return err_invalid("--workdir: '%s' is not an absolute path", o->workdir);
	TRY(state_open(&s));
	TRY(runinfo_find(&s, args[0], &i));
	TRY(runinfo_process(&i, &spec));
	TRY(describe(o, &i, &spec));
	for (size_t k = 1; k < n_args; k++)
		strv_add(&spec.args, args[k]);
	if (o->detach)
		return session_detach(&i, &spec);
	TRY(session_start(&i, &spec, &c));
	return session_attend(&c, o->interactive, ret_status);
}

static int exec_run(void *target, char **args, size_t n_args)
{
	int status = 0;
	nd_err *e = exec_in(target, args, n_args, &status);
	return e ? print_error(e) : status;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.synopsis = "[options] RUN CMD [ARG...]",
	.brief = "run another command in a running container",
	.manual =
		"The command gets the workload's environment, user, directory, capabilities, "
		"limits and "
		"seccomp filter, unless options say otherwise, and joins its namespaces and "
		"cgroup. It "
		"ends when 'nidus exec' ends, except with --detach, and with the container in any "
		"case.\n\n"
		"The exit status is that of the command; 125 if nidus failed, 126 if the command "
		"cannot "
		"be executed, 127 if it is not there.",
	.examples = "a shell in a container\n$ nidus exec -it web sh\n\n"
		    "as another user\n$ nidus exec -u postgres db psql -c 'select 1'\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct exec_opts),
	.stop_at_first = true,
	.min_args = 2,
	.max_args = -1,
	.run = exec_run,
};
