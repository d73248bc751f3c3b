/* `nidus attach`: sit at a run in the background. */
#include <sys/socket.h>

#include "base/fd.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "supervise/client.h"
#include "supervise/sockdir.h"

struct attach_opts {
	bool no_stdin;
	char *sig_proxy, *detach_keys;
};

static const struct opt opts[] = {
	{.name = "detach-keys",
		.kind = OPT_STR,
		.offset = offsetof(struct attach_opts, detach_keys),
		.arg = "KEYS",
		.help = "what to type to leave it running (default: ctrl-p,ctrl-q; \"\": none)"},
	{.name = "no-stdin",
		.kind = OPT_FLAG,
		.offset = offsetof(struct attach_opts, no_stdin),
		.help = "look only"},
	{.name = "sig-proxy",
		.kind = OPT_STR,
		.offset = offsetof(struct attach_opts, sig_proxy),
		.arg = "BOOL",
		.optional = true,
		.choices = "true|false",
		.help = "give signals that come here to the workload (default: true)",
		.more = "With --sig-proxy=false a signal ends 'nidus attach' alone."},
};

static void warn(void *arg, const char *text)
{
	print_warning("%s", text);
}

static nd_err *attach_to(const struct attach_opts *o, const char *ref, struct client_result *ret)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	_cleanup_runinfo_ struct run_info i = {.dir.fd = -1};
	_cleanup_fd_ int fd = -1;
	TRY(state_open(&s));
	TRY(runinfo_find(&s, ref, &i));
	if (!run_is_live(&i))
		return err_new(ND_ABSENT, "not-running", "run %.12s (%s) does not run: it is %s",
			i.dir.id, i.name, run_status_name(i.status));
	if (!i.detach && !i.tty)
		return err_remedy(err_new(ND_INVALID, "in-foreground",
					  "run %.12s (%s) is in the foreground of process %lld",
					  i.dir.id, i.name, (long long)i.monitor_pid),
			"Its output goes there; 'nidus exec' starts another process in it.");
	TRY_WRAP(sock_connect(i.dir.fd, "attach", SOCK_SEQPACKET, &fd),
		"reach the monitor of run %.12s", i.dir.id);
	struct client_options c = {.fd = fd,
		.id = i.dir.id,
		.tty = i.tty,
		.input = i.interactive && !o->no_stdin,
		.sig_proxy = !str_eq(o->sig_proxy, "false"),
		.detach_keys = o->detach_keys,
		.warning = warn};
	return client_run(&c, ret);
}

static int attach_run(void *target, char **args, size_t n_args)
{
	struct client_result result = {0};
	nd_err *e = attach_to(target, args[0], &result);
	if (e) {
		print_error(e);
		return EXIT_NIDUS;
	}
	return result.status;
}

const struct cmd cmd_attach = {
	.name = "attach",
	.synopsis = "[options] RUN",
	.brief = "connect to stdin, stdout and stderr of a run in the background",
	.manual = "Shows what the workload writes from now on ('nidus logs' has what it wrote "
		  "before), "
		  "and gives it what is typed if it was started with -i. Ends with the run, with "
		  "its exit "
		  "status, or when the detach keys are typed at a run with a terminal. Several may "
		  "be "
		  "attached at once; one that does not read makes the workload wait, as a terminal "
		  "does.",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct attach_opts),
	.min_args = 1,
	.max_args = 1,
	.run = attach_run,
};
