/* `nidus run`: options to a container's description and a run's request, then its life. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/run_job.h"
#include "container/lsm.h"
#include "container/defaults.h"
#include "container/seccomp.h"
#include "kernel/names.h"
#include "supervise/data.h"

static nd_err *use_directory(struct run_job *j, const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return err_sys(errno, "stat", "%s, the root", path);
	if (!S_ISDIR(st.st_mode))
		return err_invalid("ROOT: %s is not a directory", path);
	j->r.spec.rootfs.kind = ROOTFS_DIR;
	j->r.spec.rootfs.dir = realpath(path, NULL);
	return NULL;
}

/* What ROOT names becomes layers, a directory, or this place's own tree. */
static nd_err *resolve_root(struct run_job *j, const char *text)
{
	struct rootfs_spec *root = &j->r.spec.rootfs;
	_cleanup_ref_ struct root_ref ref = {0};
	TRY(ref_parse(text, &ref));
	j->r.image = str_dup(text);
	root->readonly = j->o->read_only;
	root->throwaway = j->o->rm;
	if (ref.kind == REF_DIR)
		return use_directory(j, ref.path);
	if (ref.kind == REF_PLACE) {
		root->kind = ROOTFS_PLACE;
	} else {
		root->kind = ROOTFS_LAYERS;
		TRY(store_open(
			&ref, &(struct store_opts){.progress = run_progress, .arg = j}, &j->image));
		run_progress(j, 0, 0);
		strv_copy(&root->layers, &j->image.layers);
		root->root_like = str_dup(j->image.root_like);
		for (size_t i = 0; i < j->image.notes.n; i++)
			plan_warn(&j->plan, "%s", j->image.notes.v[i]);
		j->r.image_id = str_dup(j->image.id);
	}
	j->wants_data = true;
	return NULL;
}

static nd_err *security(struct run_job *j)
{
	struct container_spec *s = &j->r.spec;
	for (size_t i = 0; i < j->o->security_opts.n; i++)
		TRY(security_opt_add(&j->secopt, j->o->security_opts.v[i]));
	s->no_new_privs = j->secopt.no_new_privs;
	TRY(lsm_apparmor_check(j->secopt.apparmor));
	s->apparmor = str_dup(j->secopt.apparmor);
	if (!j->secopt.label_disable)
		TRY(lsm_selinux_label(&j->secopt.labels, &s->selinux));
	return security_opts_seccomp(
		&j->secopt, s->privileged, s->caps.bounding, NULL, &s->seccomp);
}

/* --tun, or the node itself among the devices: then the interface is rehearsed. */
static nd_err *tun(struct run_job *j)
{
	struct container_spec *s = &j->r.spec;
	for (size_t i = 0; i < s->n_devices && !s->tun; i++)
		if (s->devices[i].type == 'c' && s->devices[i].major == 10 &&
			s->devices[i].minor == 200)
			s->tun = str_dup(j->o->tun ? j->o->tun : "");
	if (!j->o->tun || s->tun)
		return NULL;
	if (strlen(j->o->tun) > 15)
		return err_invalid(
			"--tun: '%s' is longer than an interface name, 15 characters", j->o->tun);
	s->tun = str_dup(j->o->tun);
	struct device_spec *d = spec_add_device(s);
	d->path = str_dup("/dev/net/tun");
	d->major = 10;
	d->minor = 200;
	struct device_rule *r = spec_add_device_rule(s);
	*r = (struct device_rule){
		.allow = true, .type = 'c', .major = 10, .minor = 200, .access = "rwm"};
	strv_add(&j->o->cap_add, "NET_ADMIN");
	return NULL;
}

/* What lies in the place's scratch directories is other people's: a tmpfs there starts empty. */
static void leave_out_scratch(struct container_spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct mount_spec *m = &s->mounts[i];
		if (!str_eq(m->type, "tmpfs") ||
			(!str_eq(m->target, "/tmp") && !str_eq(m->target, "/var/tmp") &&
				!str_eq(m->target, "/run")))
			continue;
		for (size_t k = 0; k < m->options.n; k++)
			if (str_eq(m->options.v[k], "tmpcopyup"))
				memcpy(m->options.v[k], "rw", 3);
	}
}

static nd_err *describe(struct run_job *j, char **args, size_t n_args)
{
	struct container_spec *s = &j->r.spec;
	_cleanup_free_ char *data = NULL, *volumes = NULL;
	TRY(run_namespaces(j->o, &j->place, s, &j->network));
	TRY(data_dir(&data));
	volumes = str_fmt("%s/volumes", data);
	TRY(run_mounts(j->o, volumes, j->id, s));
	TRY(tun(j));
	if (s->ns[NS_UTS].mode == NS_NEW)
		s->hostname = j->o->hostname ? str_dup(j->o->hostname) : str_ndup(j->id, 12);
	TRY(run_process(j->o, &j->place, &j->image.config, args, n_args, s));
	TRY(run_limits(j->o, s));
	TRY(security(j));
	defaults_apply(s, &(struct defaults_opts){.shm_size = j->o->shm_size,
				  .no_read_only_tmpfs = j->o->no_read_only_tmpfs,
				  .mask = &j->secopt.mask,
				  .unmask = &j->secopt.unmask,
				  .proc_opts = &j->secopt.proc_opts});
	if (s->privileged)
		run_all_devices(s);
	defaults_sysctl(s);
	if (s->rootfs.kind == ROOTFS_PLACE)
		leave_out_scratch(s);
	/* A nidus inside can only make mounts with this capability: bit 21, CAP_SYS_ADMIN. */
	s->share_layers = s->rootfs.kind == ROOTFS_PLACE && s->caps.bounding >> 21 & 1;
	return NULL;
}

static int run_run(void *target, char **args, size_t n_args)
{
	struct run_job j = {.o = target, .image = {.lock_fd = -1}, .net.state_fd = -1};
	net_state_init(&j.net_state);
	struct run_result result = {.status = EXIT_NIDUS};
	run_request_init(&j.r);
	nd_err *e = run_id_make(j.id);
	if (!e)
		e = run_place_read(&j.place);
	if (!e)
		e = resolve_root(&j, args[0]);
	if (!e)
		e = describe(&j, args + 1, n_args - 1);
	if (!e)
		e = run_request_fill(&j);
	if (!e && j.o->dry_run)
		e = run_dry(&j, &result.status);
	else if (!e)
		e = supervise_run(&j.r, &result);
	if (!e && j.o->detach && !j.o->dry_run)
		run_detached(&j);
	if (e)
		result.status = run_report(&j, e, result.status);
	run_job_done(&j);
	return result.status;
}

const struct cmd cmd_run = {
	.name = "run",
	.synopsis = "[options] ROOT [CMD [ARG...]]",
	.brief = "start a workload, or say exactly why it cannot start",
	.manual =
		"Makes a container from ROOT and runs CMD in it. ROOT is / (this place's own tree, "
		"copy-on-write, nothing to download), a directory (used as it is), oci:DIR[:TAG] "
		"or "
		"docker-archive:FILE.\n\n"
		"Every need of the workload (a root file system, a network, limits) has a ladder "
		"of "
		"mechanisms, best first. The first that works here is taken; each that was left is "
		"recorded with its reason. --dry-run prints what would be taken, nidus inspect "
		"what "
		"was.\n\n"
		"The exit status is the workload's; 125 if nidus failed, 126 if CMD cannot be "
		"executed, 127 if it is not there, 124 if a deadline passed.",
	.examples = "A shell in a copy of this machine's tree\n"
		    "$ nidus run --rm -it / sh\n\n"
		    "A service that counts as started when its port answers\n"
		    "$ nidus run -d --name web --ready tcp:8080 oci:./site\n\n"
		    "A VPN daemon that needs a TUN device\n"
		    "$ nidus run --rm --tun / tincd -D -n net0",
	.opts = run_opts,
	.n_opts = N_RUN_OPTS,
	.target_size = sizeof(struct run_opts),
	.stop_at_first = true,
	.min_args = 1,
	.max_args = -1,
	.run = run_run,
};
