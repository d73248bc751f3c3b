/* Volumes, mounts and devices of `nidus run`, from podman's notations. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/run_spec.h"

static nd_err *check_target(const char *option, const char *target)
{
	if (*target != '/')
		return err_invalid(
			"%s: '%s' is not an absolute path in the container", option, target);
	if (str_eq(target, "/"))
		return err_invalid("%s: the root itself cannot be mounted over", option);
	return NULL;
}

/* Options that mean something to us; others would be handed to the kernel as data. */
static nd_err *check_bind_options(const char *option, const char *words)
{
	static const char *const known[] = {"ro", "rw", "z", "Z", "U", "O", "exec", "noexec",
		"suid", "nosuid", "dev", "nodev", "bind", "rbind", "private", "rprivate", "slave",
		"rslave", "shared", "rshared", "unbindable", "runbindable", "copy", "nocopy",
		"idmap", "rro", "noatime", "relatime", "nosymfollow"};
	_cleanup_strv_ struct strv l = {0};
	strv_split(&l, words, ',');
	for (size_t i = 0; i < l.n; i++) {
		bool ok = !*l.v[i];
		for (size_t k = 0; k < ARRAY_SIZE(known) && !ok; k++)
			ok = str_eq(l.v[i], known[k]);
		if (!ok)
			return err_invalid(
				"%s: '%s' is not a mount option known here (ro, rw, exec, "
				"noexec, rbind, rslave, rshared, ...)",
				option, l.v[i]);
		if (str_eq(l.v[i], "O") || str_eq(l.v[i], "U") || str_eq(l.v[i], "idmap"))
			return err_invalid(
				"%s: the option '%s' is not supported yet", option, l.v[i]);
	}
	return NULL;
}

static bool volume_name_valid(const char *s)
{
	return *s &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		       strlen(s) &&
	       *s != '.' && *s != '-';
}

static nd_err *volume_dir(const char *volumes_dir, const char *name, char **ret)
{
	if (!volume_name_valid(name))
		return err_invalid(
			"--volume: '%s' is neither a path (with a slash) nor the name of a "
			"volume (letters, digits, _ . -)",
			name);
	*ret = str_fmt("%s/%s", volumes_dir, name);
	nd_err *e = dir_make(*ret, 0755);
	if (e)
		free(steal_ptr(ret));
	return err_wrap(e, "make the volume %s", name);
}

static nd_err *add_bind(struct container_spec *s, const char *option, const char *source,
	const char *target, const char *words)
{
	char real[PATH_MAX];
	TRY(check_target(option, target));
	TRY(check_bind_options(option, words));
	if (!realpath(source, real))
		return err_remedy(
			err_sys(errno, "open", "%s, the source of %s %s", source, option, target),
			"The source of a bind mount must be there; make it first.");
	_cleanup_free_ char *all = str_fmt("rbind,%s", words);
	spec_add_mount(s, "bind", real, target, all);
	return NULL;
}

/* [SRC:]DST[:OPTS] */
static nd_err *add_volume(const char *text, const char *volumes_dir, const char *id, size_t index,
	struct container_spec *s)
{
	_cleanup_strv_ struct strv parts = {0};
	strv_split(&parts, text, ':');
	if (parts.n > 3 || !*parts.v[0] || (parts.n > 1 && !*parts.v[1]))
		return err_invalid("--volume: '%s' is not [SRC:]DST[:OPTS]", text);
	const char *words = parts.n == 3 ? parts.v[2] : "";
	_cleanup_free_ char *made = NULL;
	if (parts.n == 1) {
		_cleanup_free_ char *name = str_fmt("%.12s-%zu", id, index);
		TRY(volume_dir(volumes_dir, name, &made));
		return add_bind(s, "--volume", made, parts.v[0], words);
	}
	if (strchr(parts.v[0], '/') || str_eq(parts.v[0], ".") || str_eq(parts.v[0], ".."))
		return add_bind(s, "--volume", parts.v[0], parts.v[1], words);
	TRY(check_target("--volume", parts.v[1]));
	TRY(volume_dir(volumes_dir, parts.v[0], &made));
	return add_bind(s, "--volume", made, parts.v[1], words);
}

struct mount_words {
	char *type, *source, *target;
	struct buf options;
};

static nd_err *mount_word(struct mount_words *m, const char *word)
{
	static const char *const plain[] = {"ro", "rw", "readonly", "exec", "noexec", "suid",
		"nosuid", "dev", "nodev", "bind", "rbind", "z", "Z", "tmpcopyup", "notmpcopyup"};
	const char *eq = strchr(word, '='), *v = eq ? eq + 1 : NULL;
	_cleanup_free_ char *key = str_ndup(word, eq ? (size_t)(eq - word) : strlen(word));
	const char *add = NULL;
	_cleanup_free_ char *made = NULL;
	if (v && str_eq(key, "type"))
		m->type = str_dup(v);
	else if (v && (str_eq(key, "source") || str_eq(key, "src")))
		m->source = str_dup(v);
	else if (v && (str_eq(key, "target") || str_eq(key, "dst") || str_eq(key, "destination")))
		m->target = str_dup(v);
	else if (v && (str_eq(key, "bind-propagation") || str_eq(key, "consistency")))
		add = str_eq(key, "consistency") ? NULL : v;
	else if (v && str_eq(key, "tmpfs-size"))
		add = made = str_fmt("size=%s", v);
	else if (v && str_eq(key, "tmpfs-mode"))
		add = made = str_fmt("mode=%s", v);
	else if (v && (str_eq(key, "readonly") || str_eq(key, "ro") || str_eq(key, "rw")))
		add = str_eq(v, "true") == !str_eq(key, "rw") ? "ro" : "rw";
	else {
		for (size_t i = 0; i < ARRAY_SIZE(plain) && !v; i++)
			if (str_eq(key, plain[i]))
				add = str_eq(key, "readonly") ? "ro" : plain[i];
		if (!add)
			return err_invalid(
				"--mount: '%s' is not understood (type=, source=, target=, ro, "
				"bind-propagation=, tmpfs-size=, tmpfs-mode=, ...)",
				word);
		if (str_eq(add, "notmpcopyup"))
			add = NULL;
	}
	if (add)
		buf_fmt(&m->options, "%s%s", m->options.len ? "," : "", add);
	return NULL;
}

static nd_err *add_mount_words(struct mount_words *m, const char *text, const char *volumes_dir,
	const char *id, size_t index, struct container_spec *s)
{
	_cleanup_strv_ struct strv words = {0};
	_cleanup_free_ char *made = NULL;
	strv_split(&words, text, ',');
	for (size_t i = 0; i < words.n; i++)
		TRY(mount_word(m, words.v[i]));
	const char *type = m->type ? m->type : "volume",
		   *o = m->options.data ? m->options.data : "";
	if (!m->target)
		return err_invalid("--mount: '%s' has no target=", text);
	TRY(check_target("--mount", m->target));
	if (str_eq(type, "bind")) {
		if (!m->source)
			return err_invalid("--mount: '%s' has no source=", text);
		return add_bind(s, "--mount", m->source, m->target, o);
	}
	if (str_eq(type, "volume")) {
		_cleanup_free_ char *name =
			m->source ? str_dup(m->source) : str_fmt("%.12s-m%zu", id, index);
		TRY(volume_dir(volumes_dir, name, &made));
		return add_bind(s, "--mount", made, m->target, o);
	}
	if (!str_eq(type, "tmpfs") && !str_eq(type, "devpts") && !str_eq(type, "mqueue"))
		return err_invalid(
			"--mount: type '%s' is not bind, volume, tmpfs, devpts or mqueue", type);
	_cleanup_free_ char *all = str_fmt("nosuid,nodev,%s", o);
	spec_add_mount(s, type, NULL, m->target, all);
	return NULL;
}

static nd_err *add_mount(const char *text, const char *volumes_dir, const char *id, size_t index,
	struct container_spec *s)
{
	struct mount_words m = {0};
	nd_err *e = add_mount_words(&m, text, volumes_dir, id, index, s);
	free(m.type);
	free(m.source);
	free(m.target);
	buf_done(&m.options);
	return e;
}

static nd_err *add_tmpfs(const char *text, struct container_spec *s)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *target = str_ndup(text, colon ? (size_t)(colon - text) : strlen(text));
	TRY(check_target("--tmpfs", target));
	_cleanup_free_ char *words =
		str_fmt("rw,nosuid,nodev,tmpcopyup%s%s", colon ? "," : "", colon ? colon + 1 : "");
	spec_add_mount(s, "tmpfs", NULL, target, words);
	return NULL;
}

static void add_node(
	struct container_spec *s, const char *source, const char *target, const struct stat *st)
{
	struct device_spec *d = spec_add_device(s);
	d->type = S_ISBLK(st->st_mode) ? 'b' : 'c';
	d->path = str_dup(target);
	d->source = str_dup(source);
	d->major = major(st->st_rdev);
	d->minor = minor(st->st_rdev);
	d->mode = st->st_mode & 07777;
	d->uid = st->st_uid;
	d->gid = st->st_gid;
}

static nd_err *add_device_node(struct container_spec *s, const char *source, const char *target,
	const char *access, const struct stat *st)
{
	add_node(s, source, target, st);
	const struct device_spec *d = &s->devices[s->n_devices - 1];
	struct device_rule *r = spec_add_device_rule(s);
	*r = (struct device_rule){
		.allow = true, .type = d->type, .major = d->major, .minor = d->minor};
	snprintf(r->access, sizeof r->access, "%s", access);
	return NULL;
}

/* SRC[:DST[:rwm]]; a directory gives every device in it. */
static nd_err *add_device(const char *text, struct container_spec *s)
{
	_cleanup_strv_ struct strv p = {0};
	struct stat st;
	strv_split(&p, text, ':');
	const char *source = p.v[0], *target = source, *access = "rwm";
	if (p.n == 2 && *p.v[1] != '/')
		access = p.v[1];
	else if (p.n >= 2)
		target = p.v[1];
	if (p.n == 3)
		access = p.v[2];
	if (p.n > 3 || *source != '/' || *target != '/' || !*access || strlen(access) > 3 ||
		strspn(access, "rwm") != strlen(access))
		return err_invalid(
			"--device: '%s' is not SRC[:DST[:rwm]] with absolute paths", text);
	if (stat(source, &st) < 0)
		return err_sys(errno, "stat", "%s (--device)", source);
	if (!S_ISDIR(st.st_mode)) {
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			return err_invalid("--device: %s is not a device", source);
		return add_device_node(s, source, target, access, &st);
	}
	_cleanup_closedir_ DIR *dir = opendir(source);
	if (!dir)
		return err_sys(errno, "opendir", "%s (--device)", source);
	struct dirent *e;
	while ((e = readdir(dir))) {
		_cleanup_free_ char *from = str_fmt("%s/%s", source, e->d_name);
		_cleanup_free_ char *to = str_fmt("%s/%s", target, e->d_name);
		if (stat(from, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			TRY(add_device_node(s, from, to, access, &st));
	}
	return NULL;
}

/* --privileged: every device of the place that nidus may use, as it is in /dev now. */
static void add_all_devices(struct container_spec *s, const char *dir_path, int depth)
{
	static const char *const own[] = {"/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd",
		"/dev/console", "/dev/ptmx", "/dev/.nidus"};
	_cleanup_closedir_ DIR *dir = opendir(dir_path);
	struct dirent *e;
	while (dir && depth < 4 && (e = readdir(dir))) {
		_cleanup_free_ char *path = str_fmt("%s/%s", dir_path, e->d_name);
		struct stat st;
		bool skip = *e->d_name == '.' || lstat(path, &st) < 0;
		for (size_t i = 0; i < ARRAY_SIZE(own) && !skip; i++)
			skip = str_eq(path, own[i]);
		for (size_t i = 0; i < s->n_devices && !skip; i++)
			skip = str_eq(path, s->devices[i].path);
		if (skip)
			continue;
		if (S_ISDIR(st.st_mode))
			add_all_devices(s, path, depth + 1);
		else if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) &&
			 access(path, R_OK | W_OK) == 0)
			add_node(s, path, path, &st);
	}
}

static bool parse_number_or_any(const char *text, int64_t *ret)
{
	if (str_eq(text, "*")) {
		*ret = -1;
		return true;
	}
	return str_to_i64(text, ret) && *ret >= 0;
}

/* "c 10:200 rwm", "b *:* r" */
static nd_err *add_rule(const char *text, struct container_spec *s)
{
	_cleanup_strv_ struct strv w = {0}, n = {0};
	strv_split(&w, text, ' ');
	struct device_rule r = {.allow = true};
	if (w.n == 3)
		strv_split(&n, w.v[1], ':');
	if (n.n != 2 || strlen(w.v[0]) != 1 || !strchr("acb", *w.v[0]) ||
		!parse_number_or_any(n.v[0], &r.major) || !parse_number_or_any(n.v[1], &r.minor) ||
		!*w.v[2] || strlen(w.v[2]) > 3 || strspn(w.v[2], "rwm") != strlen(w.v[2]))
		return err_invalid(
			"--device-cgroup-rule: '%s' is not as 'c 10:200 rwm' or 'b *:* r'", text);
	r.type = *w.v[0];
	snprintf(r.access, sizeof r.access, "%s", w.v[2]);
	*spec_add_device_rule(s) = r;
	return NULL;
}

void run_all_devices(struct container_spec *s)
{
	add_all_devices(s, "/dev", 0);
}

nd_err *run_mounts(
	const struct run_opts *o, const char *volumes_dir, const char *id, struct container_spec *s)
{
	for (size_t i = 0; i < o->tmpfs.n; i++)
		TRY(add_tmpfs(o->tmpfs.v[i], s));
	for (size_t i = 0; i < o->mounts.n; i++)
		TRY(add_mount(o->mounts.v[i], volumes_dir, id, i, s));
	for (size_t i = 0; i < o->volumes.n; i++)
		TRY(add_volume(o->volumes.v[i], volumes_dir, id, i, s));
	for (size_t i = 0; i < o->devices.n; i++)
		TRY(add_device(o->devices.v[i], s));
	for (size_t i = 0; i < o->device_cgroup_rules.n; i++)
		TRY(add_rule(o->device_cgroup_rules.v[i], s));
	return NULL;
}
