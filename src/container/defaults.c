/* Defaults: see defaults.h.  The values are those of podman 4.3 (Debian 12), read off
 * the config.json it writes, and of its capability merging; /sys/devices/virtual/powercap
 * is masked as newer ones do. */
#include "container/defaults.h"

#include <fnmatch.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>

#include "kernel/names.h"

static const unsigned char default_caps[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
	CAP_KILL, CAP_NET_BIND_SERVICE, CAP_SETFCAP, CAP_SETGID, CAP_SETPCAP, CAP_SETUID,
	CAP_SYS_CHROOT};

static const char *const masked_paths[] = {"/proc/acpi", "/proc/kcore", "/proc/keys",
	"/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
	"/proc/timer_stats", "/sys/dev/block", "/sys/devices/virtual/powercap", "/sys/firmware",
	"/sys/fs/selinux"};

static const char *const readonly_paths[] = {
	"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

static const struct {
	const char *name;
	unsigned char major, minor;
} default_devices[] = {{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

/* mknod of anything is allowed, as use is not; 5:1 is the console, 5:2 and 136 are ptys. */
static const struct device_rule default_rules[] = {{false, 'a', -1, -1, "rwm"},
	{true, 'c', -1, -1, "m"}, {true, 'b', -1, -1, "m"}, {true, 'c', 1, 3, "rwm"},
	{true, 'c', 1, 5, "rwm"}, {true, 'c', 1, 7, "rwm"}, {true, 'c', 1, 8, "rwm"},
	{true, 'c', 1, 9, "rwm"}, {true, 'c', 5, 0, "rwm"}, {true, 'c', 5, 1, "rwm"},
	{true, 'c', 5, 2, "rwm"}, {true, 'c', 136, -1, "rwm"}};

static bool has_target(const struct mount_spec *v, size_t n, const char *target)
{
	size_t len = strlen(target);
	for (size_t i = 0; i < n; i++) {
		const char *t = v[i].target;
		if (strncmp(t, target, len) == 0 && strspn(t + len, "/") == strlen(t + len))
			return true;
	}
	return false;
}

static bool is_unmasked(const struct strv *unmask, const char *path)
{
	for (size_t i = 0; unmask && i < unmask->n; i++)
		if (strcasecmp(unmask->v[i], "ALL") == 0 ||
			fnmatch(unmask->v[i], path, FNM_PATHNAME) == 0)
			return true;
	return false;
}

/* gid 5 owns ptys on Linux; a map that lacks it makes devpts refuse the option. */
static bool has_tty_group(const struct container_spec *s)
{
	if (s->ns[NS_USER].mode != NS_NEW)
		return s->ns[NS_USER].mode == NS_HOST;
	for (size_t i = 0; i < s->gid_maps.n; i++)
		if (s->gid_maps.v[i].inside <= 5 &&
			5 - s->gid_maps.v[i].inside < s->gid_maps.v[i].count)
			return true;
	return false;
}

struct user_mounts {
	struct mount_spec *v;
	size_t n;
};

static void add(struct container_spec *s, const struct user_mounts *user, const char *type,
	const char *source, const char *target, const char *options)
{
	if (!has_target(user->v, user->n, target))
		spec_add_mount(s, type, source, target, options);
}

static void add_ipc_mounts(
	struct container_spec *s, const struct user_mounts *user, uint64_t shm_size)
{
	if (s->ns[NS_IPC].mode == NS_HOST) {
		add(s, user, "bind", "/dev/mqueue", "/dev/mqueue", "rbind,nosuid,noexec,nodev");
		if (s->n_mounts && str_eq(s->mounts[s->n_mounts - 1].target, "/dev/mqueue"))
			s->mounts[s->n_mounts - 1].optional = true; /* many places have none */
		add(s, user, "bind", "/dev/shm", "/dev/shm", "rbind,nosuid,noexec,nodev");
		return;
	}
	_cleanup_free_ char *options = str_fmt("nosuid,noexec,nodev,mode=1777,size=%llu",
		(unsigned long long)(shm_size ? shm_size : 64u << 20));
	add(s, user, "mqueue", "mqueue", "/dev/mqueue", "nosuid,noexec,nodev");
	add(s, user, "tmpfs", "shm", "/dev/shm", options);
}

static void add_mounts(struct container_spec *s, const struct defaults_opts *o)
{
	struct user_mounts user = {s->mounts, s->n_mounts};
	s->mounts = NULL;
	s->n_mounts = 0;
	_cleanup_free_ char *more = o->proc_opts ? strv_join(o->proc_opts, ",") : NULL;
	_cleanup_free_ char *proc =
		str_fmt("nosuid,noexec,nodev%s%s", more && *more ? "," : "", more ? more : "");
	add(s, &user, "proc", "proc", "/proc", proc);
	add(s, &user, "tmpfs", "tmpfs", "/dev", "nosuid,noexec,strictatime,mode=755,size=65536k");
	add(s, &user, "devpts", "devpts", "/dev/pts",
		has_tty_group(s) ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"
				 : "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	add_ipc_mounts(s, &user, o->shm_size);
	add(s, &user, "sysfs", "sysfs", "/sys",
		s->privileged ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro");
	bool rw = s->privileged || is_unmasked(o->unmask, "/sys/fs/cgroup");
	add(s, &user, "cgroup", "cgroup", "/sys/fs/cgroup",
		rw ? "nosuid,noexec,nodev,relatime,rw" : "nosuid,noexec,nodev,relatime,ro");
	if (s->rootfs.readonly && !o->no_read_only_tmpfs) {
		add(s, &user, "tmpfs", "tmpfs", "/run", "rw,nosuid,nodev,tmpcopyup");
		add(s, &user, "tmpfs", "tmpfs", "/tmp", "rw,nosuid,nodev,tmpcopyup,mode=1777");
		add(s, &user, "tmpfs", "tmpfs", "/var/tmp", "rw,nosuid,nodev,tmpcopyup,mode=1777");
	}
	s->mounts = mem_grow(s->mounts, s->n_mounts + user.n + 1, sizeof *s->mounts);
	if (user.n)
		memcpy(s->mounts + s->n_mounts, user.v, user.n * sizeof *user.v);
	s->n_mounts += user.n;
	free(user.v);
}

static void add_masks(struct container_spec *s, const struct defaults_opts *o)
{
	for (size_t i = 0; !s->privileged && i < ARRAY_SIZE(masked_paths); i++)
		if (!is_unmasked(o->unmask, masked_paths[i]))
			strv_add(&s->masked, masked_paths[i]);
	for (size_t i = 0; !s->privileged && i < ARRAY_SIZE(readonly_paths); i++)
		if (!is_unmasked(o->unmask, readonly_paths[i]))
			strv_add(&s->readonly_paths, readonly_paths[i]);
	for (size_t i = 0; o->mask && i < o->mask->n; i++)
		if (!strv_has(&s->masked, o->mask->v[i]))
			strv_add(&s->masked, o->mask->v[i]);
}

static bool has_device(const struct container_spec *s, const char *path)
{
	for (size_t i = 0; i < s->n_devices; i++)
		if (str_eq(s->devices[i].path, path))
			return true;
	return false;
}

static void add_devices(struct container_spec *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
		if (has_device(s, default_devices[i].name))
			continue;
		struct device_spec *d = spec_add_device(s);
		*d = (struct device_spec){.type = 'c',
			.path = str_dup(default_devices[i].name),
			.major = default_devices[i].major,
			.minor = default_devices[i].minor,
			.mode = 0666};
	}
}

/* Rules apply in order, the last that matches wins: the defaults come first. */
static void add_rules(struct container_spec *s)
{
	static const struct device_rule all = {true, 'a', -1, -1, "rwm"};
	const struct device_rule *rules = s->privileged ? &all : default_rules;
	size_t n = s->privileged ? 1 : ARRAY_SIZE(default_rules);
	s->device_rules = mem_grow(s->device_rules, s->n_device_rules + n, sizeof *rules);
	memmove(s->device_rules + n, s->device_rules, s->n_device_rules * sizeof *rules);
	memcpy(s->device_rules, rules, n * sizeof *rules);
	s->n_device_rules += n;
}

void defaults_apply(struct container_spec *s, const struct defaults_opts *o)
{
	add_mounts(s, o);
	add_masks(s, o);
	add_devices(s);
	add_rules(s);
}

static void env_default(struct strv *env, const char *key, const char *value)
{
	if (!value || env_get(env, key))
		return;
	_cleanup_free_ char *pair = str_fmt("%s=%s", key, value);
	strv_add(env, pair);
}

void defaults_env(struct strv *env, const char *hostname, const char *home, bool tty)
{
	env_default(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (tty)
		env_default(env, "TERM", "xterm");
	env_default(env, "HOSTNAME", hostname);
	env_default(env, "HOME", home);
	env_default(env, "container", "nidus");
}

void defaults_sysctl(struct container_spec *s)
{
	static const char key[] = "net.ipv4.ping_group_range=";
	if (s->ns[NS_NET].mode != NS_NEW)
		return;
	for (size_t i = 0; i < s->sysctl.n; i++)
		if (str_starts(s->sysctl.v[i], key))
			return;
	strv_add(&s->sysctl, "net.ipv4.ping_group_range=0 0");
}

static uint64_t bit(unsigned cap)
{
	return 1ULL << cap;
}

uint64_t caps_default(void)
{
	uint64_t caps = 0;
	for (size_t i = 0; i < ARRAY_SIZE(default_caps); i++)
		caps |= bit(default_caps[i]);
	return caps;
}

static nd_err *read_list(const char *option, const struct strv *list, uint64_t *ret, bool *ret_all)
{
	for (size_t i = 0; list && i < list->n; i++) {
		unsigned cap;
		if (strcasecmp(list->v[i], "ALL") == 0)
			*ret_all = true;
		else if (cap_number(list->v[i], &cap))
			*ret |= bit(cap);
		else
			return err_remedy(
				err_invalid("%s: '%s' is not a capability", option, list->v[i]),
				"Use ALL or a name of capabilities(7), with or without CAP_, as "
				"NET_ADMIN.");
	}
	return NULL;
}

nd_err *caps_from_options(const struct strv *add_list, const struct strv *drop_list,
	bool privileged, bool root_user, uint64_t have, struct cap_sets *ret, uint64_t *ret_missing)
{
	uint64_t added = 0, dropped = 0;
	bool add_all = false, drop_all = false;
	TRY(read_list("--cap-add", add_list, &added, &add_all));
	TRY(read_list("--cap-drop", drop_list, &dropped, &drop_all));
	if (add_all && drop_all)
		return err_invalid("--cap-add ALL and --cap-drop ALL exclude each other");
	if (!drop_all && !add_all && (added & dropped)) {
		_cleanup_free_ char *both = caps_text(added & dropped);
		return err_invalid("%s: both --cap-add and --cap-drop", both);
	}
	uint64_t caps = privileged || add_all ? have : caps_default() & have;
	caps = drop_all ? added : (caps | added) & ~dropped;
	*ret_missing = added & ~have;
	caps &= have;
	uint64_t held = root_user ? caps : added & caps;
	*ret = (struct cap_sets){.bounding = caps, .effective = held, .permitted = held};
	if (!root_user)
		ret->inheritable = ret->ambient = held;
	return NULL;
}
