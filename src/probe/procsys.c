/* Kernel tunables.  Which can be written is asked by writing the value that was read, which
 * changes nothing.  The list holds what workloads ask for: the six that kubelet dies of, and
 * those of containers' --sysctl.  Files that cannot be written may still be replaced in a
 * mount namespace, by a bind mount or by an overlay of their directory. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

#define SYS "/proc/sys/"

struct tally {
	size_t total, written;
	int errnum; /* of the last refusal that was not for absence */
	char yes[240], no[320];
};

static void note(char *list, size_t size, const char *name, int err)
{
	size_t n = strlen(list);
	if (n < size)
		snprintf(list + n, size - n, "%s%s%s%s%s", n ? ", " : "", name, err ? " (" : "",
			err ? strerrorname_np(err) : "", err ? ")" : "");
}

static void write_back(struct tally *t, const char *name)
{
	char path[96], text[128];
	int err = 0;
	snprintf(path, sizeof path, SYS "%s", name);
	if (file_read_line(AT_FDCWD, path, text, sizeof text) < 0 ||
		!file_poke(AT_FDCWD, path, text))
		err = errno;
	t->total++;
	if (err) {
		note(t->no, sizeof t->no, name, err);
		if (err != ENOENT || !t->errnum)
			t->errnum = err;
	} else {
		t->written++;
		note(t->yes, sizeof t->yes, name, 0);
	}
}

static void judge(struct fact_result *r, const char *const *names, size_t n)
{
	struct tally t = {0};
	for (size_t i = 0; i < n; i++)
		write_back(&t, names[i]);
	if (t.written == 0)
		fact_refused(r, t.errnum, "write", "refused: %s", t.no);
	else
		fact_works(r, "the value read was written back; writable: %s; refused: %s", t.yes,
			*t.no ? t.no : "none");
	snprintf(r->value, sizeof r->value, "%zu of %zu", t.written, t.total);
}

void try_proc_sys(struct fact_result *r)
{
	static const char *const names[] = {"vm/overcommit_memory", "vm/panic_on_oom",
		"kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
		"kernel/keys/root_maxbytes", "vm/max_map_count", "kernel/pid_max", "fs/file-max",
		"fs/inotify/max_user_watches", "user/max_user_namespaces"};
	judge(r, names, ARRAY_SIZE(names));
}

static void own(struct fact_result *r)
{
	static const char *const names[] = {"net/ipv4/ip_forward",
		"net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range",
		"net/core/somaxconn", "net/ipv6/conf/all/forwarding", "kernel/shmmax",
		"kernel/msgmax", "kernel/hostname", "fs/mqueue/msg_max"};
	judge(r, names, ARRAY_SIZE(names));
}

void try_proc_sys_own(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS, own);
}

/* A file of ours over one of the kernel's; gVisor has but few. */
static void bind(struct fact_result *r)
{
	static const char *const targets[] = {SYS "kernel/ostype", SYS "kernel/hostname",
		SYS "vm/overcommit_memory", SYS "kernel/cap_last_cap"};
	const char *op, *target = NULL;
	char text[16] = "";
	for (size_t i = 0; i < ARRAY_SIZE(targets) && !target; i++)
		target = access(targets[i], F_OK) == 0 ? targets[i] : NULL;
	if (!target) {
		fact_set(r, FACT_ABSENT, "/proc/sys is empty",
			"none of kernel/ostype, "
			"kernel/hostname, vm/overcommit_memory and kernel/cap_last_cap is there");
		return;
	}
	if (!trial_scratch(&op) || !trial_write("f", "nidus")) {
		fact_refused(r, errno, op, "for a file to put there");
		return;
	}
	if (mount("f", target, NULL, MS_BIND, NULL) < 0)
		fact_refused(r, errno, "mount(MS_BIND)", "a file over %s", target);
	else if (trial_read(target, text, sizeof text) < 0 || strcmp(text, "nidus") != 0)
		fact_set(r, FACT_BROKEN, "the old content is still seen", "%s: %s", target, text);
	else
		fact_works(r, "a file bound over %s; its content is read there", target);
}

void try_proc_sys_bind(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, bind);
}

static bool mount_over(const char *target, const char *more)
{
	char options[256], at[64];
	if (!getcwd(at, sizeof at))
		return false;
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/u,workdir=%s/w%s", target, at,
		at, more);
	return mount("overlay", target, "overlay", 0, options) == 0;
}

/* A name that the kernel does not have, in a directory that it has. */
static void overlay(struct fact_result *r)
{
	static const char target[] = SYS "kernel";
	char text[16] = "";
	const char *op;
	if (!trial_scratch(&op) || mkdir("u", 0755) < 0 || mkdir("w", 0755) < 0 ||
		!trial_write("u/nidus-probe", "nidus")) {
		fact_refused(r, errno, op, "for the upper layer");
		return;
	}
	if (!mount_over(target, ",userxattr") && !mount_over(target, "")) {
		fact_refused(r, errno, "mount(overlay)", "over %s, with it as lower layer", target);
		return;
	}
	if (trial_read(SYS "kernel/nidus-probe", text, sizeof text) < 0 ||
		strcmp(text, "nidus") != 0)
		fact_set(r, FACT_BROKEN, "the added file is not seen", "in %s", target);
	else if (trial_read(SYS "kernel/cap_last_cap", text, sizeof text) <= 0)
		fact_set(r, FACT_BROKEN, "the kernel's own files cannot be read through it",
			SYS "kernel/cap_last_cap: %s", strerror(errno));
	else
		fact_works(
			r, "a file added to %s by an overlay; the kernel's own are read", target);
}

void try_proc_sys_overlay(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, overlay);
}
