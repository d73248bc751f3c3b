/* What kind of place this is: gVisor, a container (whose), a user namespace, a VM, or a
 * bare machine.  No single sign decides: files can be copied and versions can lie, so
 * the signs are gathered first and judged by a pure function.  The inode numbers of the
 * first namespaces are fixed in Linux (include/linux/proc_ns.h, since 3.8). */
#include "probe/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"
#include "probe/virt.h"

enum { FIRST_USERNS = 0xEFFFFFFD, FIRST_PIDNS = 0xEFFFFFFC };

/* Paths that a manager puts its containers under. */
static const struct {
	const char *part, *manager;
} cgroups[] = {
	{"/kubepods", "kubernetes"},
	{"/libpod", "podman"},
	{"/docker", "docker"},
	{"/garden", "garden"},
	{"/lxc", "lxc"},
	{"/nidus", "nidus"},
	{"/cri-containerd", "containerd"},
	{"/crio-", "cri-o"},
	{"/machine.slice/machine-", "systemd-nspawn"},
};

const char *sandbox_cgroup_manager(const char *cgroup_text)
{
	for (size_t i = 0; i < ARRAY_SIZE(cgroups); i++)
		if (strstr(cgroup_text, cgroups[i].part))
			return cgroups[i].manager;
	return NULL;
}

bool sandbox_root_fstype(const char *mountinfo, char *type, size_t size)
{
	/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS] - TYPE SOURCE SUPER"; the last
	 * line for / is the one on top (proc(5)). */
	bool found = false;
	for (const char *line = mountinfo; line && *line;) {
		char point[8], kind[32];
		const char *end = strchr(line, '\n'), *dash = strstr(line, " - ");
		if (sscanf(line, "%*d %*d %*s %*s %7s", point) == 1 && strcmp(point, "/") == 0 &&
			dash && (!end || dash < end) && sscanf(dash, " - %31s", kind) == 1) {
			snprintf(type, size, "%s", kind);
			found = true;
		}
		line = end ? end + 1 : NULL;
	}
	return found;
}

static unsigned long ns_inode(const char *path)
{
	char link[64];
	ssize_t n = readlink(path, link, sizeof link - 1);
	if (n <= 0)
		return 0;
	link[n] = '\0';
	const char *p = strchr(link, '[');
	return p ? strtoul(p + 1, NULL, 10) : 0;
}

/* gVisor answers as Linux 4.4.0 whatever it can do; these calls are younger than that. */
static bool newer_than_it_says(void)
{
	struct utsname u;
	struct statx st;
	unsigned major, minor;
	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major * 100 + minor < 411 &&
	       statx(AT_FDCWD, "/", 0, STATX_TYPE, &st) == 0; /* Linux 4.11 */
}

static void look_for_gvisor(struct sandbox_signs *s)
{
	enum { READ_ALL = 3, SIZE = 1 << 18 };
	char line[128];
	s->newer_than_version = newer_than_it_says();
	s->version_4_4_0 = file_read_line(AT_FDCWD, "/proc/version", line, sizeof line) > 0 &&
			   strncmp(line, "Linux version 4.4.0 ", 20) == 0;
	_cleanup_free_ char *log = malloc(SIZE);
	int n = log ? klogctl(READ_ALL, log, SIZE - 1) : -1;
	if (n >= 0) {
		log[n] = '\0';
		s->log_gvisor = strstr(log, "gVisor") != NULL;
	}
	s->no_kernel_threads =
		access("/proc", X_OK) == 0 && access("/proc/self", F_OK) == 0 &&
		access("/proc/modules", F_OK) < 0 && access("/proc/kallsyms", F_OK) < 0 &&
		access("/proc/softirqs", F_OK) < 0 && access("/proc/timer_list", F_OK) < 0;
}

static void set_manager(struct sandbox_signs *s, const char *name, const char *sign)
{
	if (s->manager[0])
		return;
	s->manager_file = sign[0] == '/' && strncmp(sign, "/proc/", 6) != 0;
	snprintf(s->manager, sizeof s->manager, "%s", name);
	snprintf(s->manager_sign, sizeof s->manager_sign, "%s", sign);
}

/* The text after `key` in a NUL- or newline-separated list; NULL if none. */
static const char *list_value(const char *list, size_t len, const char *key)
{
	size_t n = strlen(key);
	for (size_t i = 0; i + n < len; i++)
		if ((i == 0 || list[i - 1] == '\0' || list[i - 1] == '\n') &&
			memcmp(list + i, key, n) == 0)
			return list + i + n;
	return NULL;
}

static void look_for_manager(struct sandbox_signs *s)
{
	char text[8192], name[32];
	ssize_t n;
	const char *value;
	if ((n = trial_read("/proc/1/environ", text, sizeof text)) > 0 &&
		(value = list_value(text, (size_t)n, "container=")) && *value) {
		snprintf(name, sizeof name, "%.31s", value);
		set_manager(s, name, "/proc/1/environ");
	}
	if (trial_read("/proc/1/cgroup", text, sizeof text) > 0 &&
		(value = sandbox_cgroup_manager(text)))
		set_manager(s, value, "/proc/1/cgroup");
	if (trial_read("/proc/self/cgroup", text, sizeof text) > 0 &&
		(value = sandbox_cgroup_manager(text)))
		set_manager(s, value, "/proc/self/cgroup");
	if (access("/var/run/secrets/kubernetes.io", F_OK) == 0)
		set_manager(s, "kubernetes", "/var/run/secrets/kubernetes.io");
	if (file_read_line(AT_FDCWD, "/run/host/container-manager", name, sizeof name) > 0)
		set_manager(s, name, "/run/host/container-manager");
	if (access("/run/.containerenv", F_OK) == 0)
		set_manager(s, "podman", "/run/.containerenv");
	if (access("/.dockerenv", F_OK) == 0)
		set_manager(s, "docker", "/.dockerenv");
	if (file_read_line(AT_FDCWD, "/run/systemd/container", name, sizeof name) > 0)
		set_manager(s, name, "/run/systemd/container");
}

static void look_around(struct sandbox_signs *s)
{
	static char mounts[1 << 16]; /* the trial's process is its own */
	unsigned long userns = ns_inode("/proc/self/ns/user");
	unsigned long pidns = ns_inode("/proc/self/ns/pid");
	s->own_userns = userns && userns != FIRST_USERNS;
	s->own_pidns = pidns && pidns != FIRST_PIDNS;
	if (trial_read("/proc/self/mountinfo", mounts, sizeof mounts) > 0)
		sandbox_root_fstype(mounts, s->root_fstype, sizeof s->root_fstype);
	look_for_gvisor(s);
	look_for_manager(s);
	virt_hypervisor(s->hypervisor, sizeof s->hypervisor, NULL, 0);
}

enum sandbox_kind sandbox_judge(const struct sandbox_signs *s)
{
	/* The version alone is a hint (a real 4.4.0 kernel has been), as is what /proc
	 * lacks; the log is gVisor's own joke and nobody else's. */
	if (s->log_gvisor || s->newer_than_version + s->no_kernel_threads + s->version_4_4_0 >= 2)
		return SANDBOX_GVISOR;
	/* Images unpacked onto a machine bring such files along: alone they prove nothing. */
	bool apart = s->own_pidns || s->own_userns || strcmp(s->root_fstype, "overlay") == 0;
	if (s->own_pidns || (s->manager[0] && (apart || !s->manager_file)))
		return SANDBOX_CONTAINER;
	if (s->own_userns)
		return SANDBOX_USERNS;
	return strcmp(s->hypervisor, "none") == 0 ? SANDBOX_BARE : SANDBOX_VM;
}

void sandbox_text(const struct sandbox_signs *s, char *text, size_t size)
{
	char below[64] = "", manager[40] = "";
	bool vm = s->hypervisor[0] && strcmp(s->hypervisor, "none") != 0;
	if (vm)
		snprintf(below, sizeof below, " in a VM (%s)", s->hypervisor);
	if (s->manager[0])
		snprintf(manager, sizeof manager, " (%s)", s->manager);
	switch (sandbox_judge(s)) {
	case SANDBOX_GVISOR:
		snprintf(text, size, "gVisor%s", below);
		break;
	case SANDBOX_CONTAINER:
		snprintf(text, size, "container%s%s%s", manager,
			s->own_userns ? " in a user namespace" : "", below);
		break;
	case SANDBOX_USERNS:
		snprintf(text, size, "user namespace%s", below);
		break;
	case SANDBOX_VM:
		snprintf(text, size, "VM (%s)", s->hypervisor);
		break;
	case SANDBOX_BARE:
		snprintf(text, size, "bare machine");
		break;
	}
}

void try_sandbox(struct fact_result *r)
{
	struct sandbox_signs s = {0};
	look_around(&s);
	fact_works(r,
		"gVisor: its kernel log %s, /proc/version %s 4.4.0, calls newer than its version "
		"%s, files that every Linux has in /proc %s; container: %s%s%s; pid namespace %s, "
		"user namespace %s, root is %s; hypervisor: %s",
		s.log_gvisor ? "names it" : "does not name it", s.version_4_4_0 ? "is" : "is not",
		s.newer_than_version ? "work" : "do not", s.no_kernel_threads ? "missing" : "there",
		s.manager[0] ? s.manager : "no manager's sign", s.manager[0] ? " by " : "",
		s.manager_sign, s.own_pidns ? "not the first" : "the first or unknown",
		s.own_userns ? "not the first" : "the first or unknown",
		s.root_fstype[0] ? s.root_fstype : "unknown", s.hypervisor);
	sandbox_text(&s, r->value, sizeof r->value);
}
