/* `nidus run`: options to a container's description, then its life. */
#include <stdio.h>
#include <unistd.h>

#include "base/spawn.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "container/container.h"

struct run_opts {
	bool rm;
};

static const struct opt opts[] = {
	{"rm", 0, OPT_FLAG, offsetof(struct run_opts, rm), .help = "remove the run when it ends"},
};

static void describe(struct container_spec *s, const char *root, char **args, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strv_add(&s->args, args[i]);
	strv_add(&s->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	s->rootfs.kind = str_eq(root, "/") ? ROOTFS_PLACE : ROOTFS_DIR;
	s->rootfs.dir = str_dup(root);
	for (int i = 0; i < NS_TIME; i++)
		s->ns[i].mode = NS_NEW;
	s->ns[NS_USER].mode = geteuid() ? NS_NEW : NS_HOST;
	id_maps_add(&s->uid_maps, 0, geteuid(), 1);
	id_maps_add(&s->gid_maps, 0, getegid(), 1);
	spec_add_mount(s, "proc", NULL, "/proc", "nosuid,nodev,noexec");
	spec_add_mount(s, "tmpfs", NULL, "/dev", "nosuid,noexec,strictatime,mode=755,size=65536k");
	spec_add_mount(s, "devpts", NULL, "/dev/pts",
		"nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
	spec_add_mount(s, "mqueue", NULL, "/dev/mqueue", "nosuid,noexec,nodev");
	spec_add_mount(s, "tmpfs", "shm", "/dev/shm", "nosuid,noexec,nodev,mode=1777,size=65536k");
	spec_add_mount(s, "sysfs", NULL, "/sys", "nosuid,noexec,nodev,ro");
}

static int run_run(void *target, char **args, size_t n_args)
{
	_cleanup_spec_ struct container_spec s;
	struct plan plan = {0};
	struct container c;
	spec_init(&s);
	s.id = str_fmt("%d", (int)getpid());
	describe(&s, args[0], args + 1, n_args - 1);
	uint64_t all = 0x1fffeffffff;
	s.caps = (struct cap_sets){all, all, all, 0, 0};
	s.share_layers = true;
	nd_err *e = container_start(&s, NULL, &plan, &c);
	struct json_out o = {.indent = 2};
	plan_json(&plan, &o, NULL);
	if (getenv("NIDUS_DEBUG"))
		fprintf(stderr, "%s\n", o.b.data);
	buf_done(&o.b);
	plan_done(&plan);
	if (e)
		return print_error(e);
	int status = wait_status(c.pid);
	e = container_cleanup(&c);
	container_done(&c);
	return e ? print_error(e) : status;
}

const struct cmd cmd_run = {
	.name = "run",
	.synopsis = "[options] ROOT [CMD...]",
	.brief = "run a command in a container",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct run_opts),
	.stop_at_first = true,
	.min_args = 2,
	.max_args = -1,
	.run = run_run,
};
