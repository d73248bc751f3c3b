/* Reading the surroundings: see surroundings.h and proc(5). */
#include "kernel/surroundings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/caps.h"
#include "kernel/mountinfo.h"
#include "kernel/subid.h"

static bool line_of(const char *path, char *text, size_t size)
{
	*text = '\0';
	return file_read_line(AT_FDCWD, path, text, size) > 0;
}

static int64_t number_of(const char *path)
{
	char text[32];
	int64_t v;
	return line_of(path, text, sizeof text) && str_to_i64(text, &v) ? v : -1;
}

static int64_t status_number(const char *text, const char *key)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		const char *v = str_after(p, key);
		if (v)
			return strtoll(v, NULL, 10);
	}
	return -1;
}

void surroundings_of_status(struct surroundings *ret, const char *text)
{
	ret->seccomp_mode = (int)status_number(text, "Seccomp:");
	ret->seccomp_filters = (int)status_number(text, "Seccomp_filters:");
	ret->no_new_privs = status_number(text, "NoNewPrivs:") == 1;
}

/* A mount beneath /proc that is no proc file system (a tmpfs, /dev/null, a bound file from
 * elsewhere), or one of proc made read-only: either keeps the kernel from giving a fresh
 * one to a user namespace (fs/namespace.c, mount_too_revealing). */
static void look_at_proc(struct surroundings *s, const struct mountinfo *m)
{
	const char *below = str_after(m->target, "/proc/");
	/* A file system of its own that covers nothing: binfmt_misc, and nfsd's. */
	if (!below || str_eq(m->type, "autofs") || str_eq(m->type, "binfmt_misc") ||
		str_eq(m->type, "nfsd"))
		return;
	if (str_eq(below, "sys"))
		s->proc_sys_readonly = mount_has_option(m->options, "ro");
	if (!*s->proc_mask)
		snprintf(s->proc_mask, sizeof s->proc_mask, "%s", m->target);
}

static void look_at_sys(struct surroundings *s, const struct mountinfo *m)
{
	if (str_starts(m->type, "cgroup")) {
		s->cgroup_there = true;
		s->cgroup_readonly = mount_has_option(m->options, "ro");
		return;
	}
	if (str_eq(m->target, "/sys"))
		s->sys_readonly = mount_has_option(m->options, "ro");
	if (str_starts(m->target, "/sys/") && !*s->sys_mask &&
		(str_eq(m->type, "tmpfs") || str_eq(m->type, "devtmpfs")) &&
		!str_starts(m->target, "/sys/fs/cgroup"))
		snprintf(s->sys_mask, sizeof s->sys_mask, "%s", m->target);
}

void surroundings_of_mounts(struct surroundings *ret, char *text, size_t len)
{
	struct mountinfo_iter it;
	struct mountinfo m;
	mountinfo_start(&it, text, len);
	while (mountinfo_next(&it, &m)) {
		if (str_eq(m.target, "/")) {
			ret->root_is_mount = true;
			snprintf(ret->root_type, sizeof ret->root_type, "%s", m.type);
		}
		if (str_eq(m.target, "/proc"))
			ret->proc_sys_readonly = mount_has_option(m.options, "ro");
		look_at_proc(ret, &m);
		look_at_sys(ret, &m);
	}
}

static void read_maps(struct surroundings *s)
{
	unsigned inside, outside, count;
	char text[128];
	if (!line_of("/proc/self/uid_map", text, sizeof text) ||
		sscanf(text, "%u %u %u", &inside, &outside, &count) != 3)
		return;
	s->in_userns = inside != 0 || outside != 0 || count != UINT32_MAX;
	snprintf(s->uid_map, sizeof s->uid_map, "%u %u %u", inside, outside, count);
	s->setgroups_denied =
		line_of("/proc/self/setgroups", text, sizeof text) && str_eq(text, "deny");
}

static void read_limits(struct surroundings *s)
{
	struct rlimit r;
	s->max_processes = s->max_files = UINT64_MAX;
	if (getrlimit(RLIMIT_NPROC, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
		s->max_processes = r.rlim_cur;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
		s->max_files = r.rlim_cur;
}

static void read_label(struct surroundings *s)
{
	/* AppArmor's own file first: the common one belongs to the first module in the list. */
	if (!line_of("/proc/self/attr/apparmor/current", s->lsm_label, sizeof s->lsm_label))
		line_of("/proc/self/attr/current", s->lsm_label, sizeof s->lsm_label);
	if (str_eq(s->lsm_label, "unconfined"))
		*s->lsm_label = '\0';
}

void surroundings_read(struct surroundings *ret)
{
	struct surroundings *s = ret;
	_cleanup_buf_ struct buf mounts = {0}, status = {0};
	struct subid_range uids, gids;
	struct utsname u;
	*s = (struct surroundings){
		.seccomp_mode = -1, .seccomp_filters = -1, .root_is_mount = true};
	s->euid = geteuid();
	err_free(caps_effective(&s->caps));
	read_maps(s);
	read_limits(s);
	read_label(s);
	nd_err *e = file_read(AT_FDCWD, "/proc/self/status", 1 << 16, &status);
	if (!e && status.data)
		surroundings_of_status(s, status.data);
	err_free(e);
	e = mountinfo_read(NULL, &mounts);
	if (!e && mounts.data) {
		s->root_is_mount = false;
		surroundings_of_mounts(s, mounts.data, mounts.len);
	}
	err_free(e);
	s->max_user_namespaces = number_of("/proc/sys/user/max_user_namespaces");
	s->userns_clone = number_of("/proc/sys/kernel/unprivileged_userns_clone");
	s->apparmor_restrict_userns =
		number_of("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
	_cleanup_free_ char *helper = program_find("newuidmap");
	s->has_newuidmap = helper != NULL;
	s->has_subids = subid_find(s->euid, &uids, &gids);
	if (uname(&u) == 0) {
		snprintf(s->kernel, sizeof s->kernel, "%.63s", u.release);
		/* gVisor says 4.4.0 whatever it can do; no distribution's kernel is just that. */
		s->is_gvisor = str_eq(u.release, "4.4.0");
	}
}
