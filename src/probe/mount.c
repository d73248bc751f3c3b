/* Mounts that every container needs: tmpfs, bind, read-only, proc, sysfs, cgroup, and the
 * change of root.  Each is made in a mount namespace of the trial's own and looked at through
 * the mount.  A fresh proc or sysfs is refused in a user namespace whose own ones are
 * masked (mount_too_revealing() in fs/namespace.c): that is what nested places meet. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"
#include "probe/trial.h"
#include "probe/trials.h"

/* The scratch place and, in it, a directory to mount on.  False: r says why. */
static bool place(struct fact_result *r, const char *dir)
{
	const char *op;
	if (!trial_scratch(&op)) {
		fact_refused(r, errno, op, "for a place to mount in");
		return false;
	}
	if (mkdir(dir, 0755) < 0) {
		fact_refused(r, errno, "mkdir", "on a fresh tmpfs");
		return false;
	}
	return true;
}

static bool type_is(const char *path, long magic)
{
	struct statfs st;
	return statfs(path, &st) == 0 && (long)st.f_type == magic;
}

static void tmpfs(struct fact_result *r)
{
	char text[16] = "";
	struct statfs st;
	if (!place(r, "m"))
		return;
	if (mount("nidus-probe", "m", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0700") < 0) {
		fact_refused(r, errno, "mount(tmpfs)", "size=64k,mode=0700");
		return;
	}
	if (!trial_write("m/f", "nidus") || trial_read("m/f", text, sizeof text) < 0) {
		fact_refused(r, errno, "write", "a file on the new tmpfs");
		return;
	}
	if (statfs("m", &st) < 0 || strcmp(text, "nidus") != 0)
		fact_set(r, FACT_BROKEN, "a file on it does not keep its content", "read back: %s",
			text);
	else
		fact_works(r, "mounted with size=64k (statfs: %llu bytes), a file written and read",
			(unsigned long long)st.f_blocks * (unsigned long long)st.f_bsize);
}

void try_mount_tmpfs(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, tmpfs);
}

/* A directory and a file, each seen at a second place. */
static void bind(struct fact_result *r)
{
	char text[16] = "";
	if (!place(r, "a"))
		return;
	mkdir("b", 0755);
	trial_write("a/f", "nidus");
	trial_write("g", "");
	if (mount("a", "b", NULL, MS_BIND | MS_REC, NULL) < 0 ||
		mount("a/f", "g", NULL, MS_BIND, NULL) < 0) {
		fact_refused(r, errno, "mount(MS_BIND)", "a directory and a file of a tmpfs");
		return;
	}
	if (trial_read("b/f", text, sizeof text) < 0 || strcmp(text, "nidus") != 0 ||
		trial_read("g", text, sizeof text) < 0 || strcmp(text, "nidus") != 0) {
		fact_set(r, FACT_BROKEN, "the content is not seen through it",
			"read through the bind mount: \"%s\" instead of \"nidus\"", text);
		return;
	}
	/* The tree of the place itself is what a container is made of. */
	if (mount("/", "b", NULL, MS_BIND | MS_REC, NULL) < 0)
		fact_refused(r, errno, "mount(MS_BIND)", "of / with all beneath; tmpfs worked");
	else
		fact_works(r, "a directory, a file and / (recursively) bound; content reads the "
			      "same");
}

void try_mount_bind(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, bind);
}

static void readonly(struct fact_result *r)
{
	if (!place(r, "a"))
		return;
	if (mount("a", "a", NULL, MS_BIND, NULL) < 0 ||
		mount(NULL, "a", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0) {
		fact_refused(r, errno, "mount(MS_REMOUNT)", "a bind mount to be read-only");
		return;
	}
	if (trial_write("a/f", "x") || errno != EROFS)
		fact_set(r, FACT_BROKEN, "it can still be written to",
			"open(O_CREAT) beneath the read-only bind mount did not give EROFS");
	else
		fact_works(r, "bound, remounted read-only; a write gave EROFS");
}

void try_mount_readonly(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, readonly);
}

/* Runs as process 1 of the new pid namespace. */
static void proc_inside(struct fact_result *r, void *arg)
{
	char self[16] = "";
	if (!place(r, "m"))
		return;
	if (mount("proc", "m", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		fact_refused(r, errno, "mount(proc)",
			"fresh, in an own pid namespace; a proc that is masked or has mounts over "
			"it here keeps a user namespace from mounting one");
		return;
	}
	if (readlink("m/self", self, sizeof self - 1) < 0 || strcmp(self, "1") != 0)
		fact_set(r, FACT_BROKEN, "it does not show the new pid namespace",
			"self there is \"%s\" instead of 1", self);
	else
		fact_works(r, "mounted in an own pid namespace; self in it is 1");
}

static void proc(struct fact_result *r)
{
	trial_in_child(r, proc_inside, NULL);
}

void try_mount_proc(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS | CLONE_NEWPID, proc);
}

static void sysfs(struct fact_result *r)
{
	if (!place(r, "m"))
		return;
	if (mount("sysfs", "m", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		fact_refused(r, errno, "mount(sysfs)",
			"fresh, in an own network namespace; a sysfs that is masked here keeps a "
			"user namespace from mounting one");
		return;
	}
	/* gVisor's sysfs has no links at all, here as there. */
	bool links = access("/sys/class/net", F_OK) == 0;
	if (!type_is("m", SYSFS_MAGIC) || (links && access("m/class/net/lo", F_OK) < 0))
		fact_set(r, FACT_BROKEN, "it does not show the new network namespace",
			"class/net/lo is not in it, or statfs has another type");
	else
		fact_works(r, "mounted in an own network namespace; %s",
			links ? "class/net/lo is in it" : "like /sys here it has no class/net");
}

void try_mount_sysfs(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS | CLONE_NEWNET, sysfs);
}

static void cgroup2(struct fact_result *r)
{
	if (!place(r, "m"))
		return;
	if (mount("cgroup2", "m", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		fact_refused(r, errno, "mount(cgroup2)", "in an own cgroup namespace");
	else if (!type_is("m", CGROUP2_SUPER_MAGIC) || access("m/cgroup.procs", R_OK) < 0)
		fact_set(r, FACT_BROKEN, "it does not show the hierarchy",
			"cgroup.procs is not in it, or statfs has another type");
	else
		fact_works(r, "mounted in an own cgroup namespace; cgroup.procs is in it");
}

void try_mount_cgroup2(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS | CLONE_NEWCGROUP, cgroup2);
}

/* The first v1 hierarchy that this process is in: mounting it again makes nothing new,
 * whereas a new named one would outlive the trial. */
static bool v1_hierarchy(char *name, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512];
	while (f && fgets(line, sizeof line, f)) {
		char *save = NULL;
		strtok_r(line, ":", &save);
		char *which = strtok_r(NULL, ":", &save);
		if (!which || *which == '/')
			continue; /* "0::/path": version 2 */
		snprintf(name, size, "%s", which);
		return true;
	}
	return false;
}

static void cgroup1(struct fact_result *r)
{
	char name[96], options[128];
	if (!place(r, "m"))
		return;
	if (!v1_hierarchy(name, sizeof name)) {
		fact_set(r, FACT_ABSENT, "no version 1 hierarchy here",
			"/proc/self/cgroup names none");
		return;
	}
	snprintf(options, sizeof options, "%s%s", str_starts(name, "name=") ? "none," : "", name);
	if (mount("cgroup", "m", "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
		fact_refused(r, errno, "mount(cgroup)", "%s, in an own cgroup namespace", options);
	else if (!type_is("m", CGROUP_SUPER_MAGIC) || access("m/tasks", R_OK) < 0)
		fact_set(r, FACT_BROKEN, "it does not show the hierarchy",
			"tasks is not in it, or statfs has another type (%s)", options);
	else
		fact_works(r, "%s mounted in an own cgroup namespace; tasks is in it", options);
}

void try_mount_cgroup(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS | CLONE_NEWCGROUP, cgroup1);
}

static void pivot(struct fact_result *r)
{
	if (!place(r, "new"))
		return;
	if (mount("new", "new", NULL, MS_BIND, NULL) < 0 || !trial_write("new/mark", "nidus")) {
		fact_refused(r, errno, "mount(MS_BIND)", "the new root onto itself");
		return;
	}
	/* "." twice: the old root ends up over the new one and can be detached (pivot_root(2)). */
	if (chdir("new") < 0 || sys_pivot_root(".", ".") < 0) {
		fact_refused(r, errno, "pivot_root",
			"onto a bind mount; it is refused where / is the initial ramfs");
		return;
	}
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		fact_refused(r, errno, "umount2", "the old root, after pivot_root");
	else if (access("/mark", F_OK) < 0 || access("/proc/self", F_OK) == 0)
		fact_set(r, FACT_BROKEN, "/ is not the new root",
			"after pivot_root and umount of the old root");
	else
		fact_works(r, "pivot_root onto a bind mount, the old root detached, / is the new");
}

void try_pivot_root(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, pivot);
}
