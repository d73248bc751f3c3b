/* `nidus tun`: TUN and TAP interfaces that stay, for those who may not make their own. */
#include <string.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "net/tundev.h"

struct tun_opts {
	char *user, *group;
	bool tap;
};

static const struct opt opts[] = {
	{.name = "user",
		.kind = OPT_STR,
		.offset = offsetof(struct tun_opts, user),
		.arg = "UID",
		.group = "With add",
		.help = "the user who may attach to it without CAP_NET_ADMIN",
		.more = "A number, as this place sees it: for a process in a user namespace the "
			"id its own is mapped to."},
	{.name = "group",
		.kind = OPT_STR,
		.offset = offsetof(struct tun_opts, group),
		.arg = "GID",
		.help = "the group whose members may attach to it"},
	{.name = "tap",
		.kind = OPT_FLAG,
		.offset = offsetof(struct tun_opts, tap),
		.help = "a TAP (Ethernet frames) in place of a TUN (IP packets)"},
};

static nd_err *id_parse(const char *option, const char *text, int64_t *ret)
{
	uint32_t v;
	if (!text)
		return NULL;
	if (!str_to_u32(text, &v) || v == UINT32_MAX)
		return err_invalid("--%s: '%s' is not a numeric id", option, text);
	*ret = v;
	return NULL;
}

static nd_err *tun_do(const struct tun_opts *o, const char *what, const char *name)
{
	struct tundev d = {.name = name, .tap = o->tap, .user = -1, .group = -1};
	if (strcmp(what, "rm") == 0)
		return tundev_rm(name);
	if (strcmp(what, "add") != 0)
		return err_invalid("tun: '%s' is not one of add, rm", what);
	TRY(id_parse("user", o->user, &d.user));
	TRY(id_parse("group", o->group, &d.group));
	return tundev_add(&d);
}

static int tun_run(void *target, char **args, size_t n_args)
{
	nd_err *e = tun_do(target, args[0], args[1]);
	return e ? print_error(e) : 0;
}

const struct cmd cmd_tun = {
	.name = "tun",
	.synopsis = "[options] add|rm NAME",
	.brief = "make or remove a TUN interface that stays",
	.manual =
		"A process makes a TUN interface only with CAP_NET_ADMIN in the user namespace "
		"that "
		"owns its network namespace. One that root has made beforehand for its user it may "
		"attach to without: a remedy for a container that has this place's network but a "
		"user namespace of its own.\n\n"
		"The interface stays until it is removed or the machine ends.",
	.examples = "A TUN for the processes of user 1000\n"
		    "$ nidus tun add vpn0 --user 1000\n\n"
		    "Remove it\n"
		    "$ nidus tun rm vpn0",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct tun_opts),
	.min_args = 2,
	.max_args = 2,
	.run = tun_run,
};
