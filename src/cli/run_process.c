/* The workload itself: command, environment, user, capabilities, seccomp. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/run_spec.h"
#include "container/defaults.h"
#include "container/envfile.h"
#include "container/seccomp.h"
#include "kernel/caps.h"

extern char **environ;

/* --entrypoint takes a word or a JSON array, as podman's. */
static nd_err *parse_entrypoint(const char *text, struct strv *ret)
{
	if (*text != '[') {
		if (*text)
			strv_add(ret, text);
		return NULL;
	}
	_cleanup_json_ struct json_doc d = {0};
	TRY(json_parse("--entrypoint", text, strlen(text), &d));
	for (size_t i = 0; i < json_arr_len(&d.at); i++) {
		struct json_at at = json_arr_at(&d.at, i);
		const char *s;
		TRY(json_str(&at, &s));
		strv_add(ret, s);
	}
	return NULL;
}

static nd_err *command(const struct run_opts *o, const struct image_config *image, char **args,
	size_t n, struct container_spec *s)
{
	if (o->has_entrypoint)
		TRY(parse_entrypoint(o->entrypoint, &s->args));
	else
		strv_copy(&s->args, &image->entrypoint);
	for (size_t i = 0; i < n; i++)
		strv_add(&s->args, args[i]);
	/* An entry point of one's own leaves the image's arguments out, as in podman. */
	if (!n && !o->has_entrypoint)
		strv_copy(&s->args, &image->cmd);
	if (!s->args.n)
		return err_remedy(err_invalid("there is no command to run: the root names none"),
			"Say what to run: nidus run ROOT CMD [ARG...]");
	return NULL;
}

static void unset(struct strv *env, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=') {
			free(env->v[i]);
			memmove(&env->v[i], &env->v[i + 1], (env->n - i) * sizeof *env->v);
			env->n--;
			return;
		}
}

static nd_err *environment(
	const struct run_opts *o, const struct image_config *image, struct container_spec *s)
{
	if (o->env_host)
		for (char **e = environ; *e; e++)
			env_set(&s->env, *e);
	if (!o->unset_env_all)
		for (size_t i = 0; i < image->env.n; i++)
			env_set(&s->env, image->env.v[i]);
	for (size_t i = 0; i < o->unset_env.n; i++)
		unset(&s->env, o->unset_env.v[i]);
	for (size_t i = 0; i < o->env_files.n; i++)
		TRY(env_file_load(&s->env, AT_FDCWD, o->env_files.v[i], environ));
	for (size_t i = 0; i < o->env.n; i++)
		TRY(env_add(&s->env, o->env.v[i], environ, "--env"));
	defaults_env(&s->env, s->hostname, NULL, o->tty);
	return NULL;
}

static nd_err *capabilities(
	const struct run_opts *o, const struct run_place *place, struct container_spec *s)
{
	/* A new user namespace has every capability over what it owns. */
	uint64_t known = caps_known(), missing = 0;
	s->caps_known = known;
	uint64_t have = s->ns[NS_USER].mode == NS_HOST ? place->caps & known : known;
	bool root = !s->user || str_eq(s->user, "root") || str_eq(s->user, "0") ||
		    str_starts(s->user, "0:") || str_starts(s->user, "root:");
	TRY(caps_from_options(
		&o->cap_add, &o->cap_drop, o->privileged, root, have, &s->caps, &missing));
	if (missing && !o->best_effort) {
		_cleanup_free_ char *names = caps_text(missing);
		return err_remedy(
			err_new(ND_DENIED, "capability-missing",
				"--cap-add: %s cannot be given: nidus itself does not have it",
				names),
			"Run nidus with it, or give the container a user namespace of its own "
			"(--userns private), where capabilities hold over what it owns.");
	}
	return NULL;
}

/* nidus-init where it was installed, or beside us in a build tree. */
static char *find_init(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		static const char *const near[] = {
			"../libexec/nidus/nidus-init", "../guest/nidus-init", "nidus-init"};
		for (size_t i = 0; i < ARRAY_SIZE(near); i++) {
			char *path = str_fmt("%s/%s", self, near[i]);
			if (access(path, X_OK) == 0)
				return path;
			free(path);
		}
	}
	return access(NIDUS_LIBEXEC "/nidus-init", X_OK) == 0 ? str_dup(NIDUS_LIBEXEC "/nidus-init")
							      : NULL;
}

/* --init: the workload becomes the child of nidus-init, which is bound into the root. */
static nd_err *use_init(struct container_spec *s)
{
	static const char inside[] = "/run/nidus-init";
	_cleanup_free_ char *path = find_init();
	if (!path)
		return err_remedy(
			err_new(ND_ABSENT, "no-init", "--init: there is no program nidus-init"),
			"It is looked for beside nidus and in " NIDUS_LIBEXEC ".");
	spec_add_mount(s, "bind", path, inside, "ro,nosuid,nodev");
	struct strv args = {0};
	strv_add(&args, inside);
	strv_add(&args, "--");
	strv_copy(&args, &s->args);
	strv_done(&s->args);
	s->args = args;
	return NULL;
}

nd_err *run_process(const struct run_opts *o, const struct run_place *place,
	const struct image_config *image, char **args, size_t n_args, struct container_spec *s)
{
	TRY(command(o, image, args, n_args, s));
	s->tty = o->tty;
	s->init = o->init;
	s->privileged = o->privileged;
	s->best_effort = o->best_effort;
	s->user = str_dup(o->user ? o->user : image->user && *image->user ? image->user : NULL);
	strv_copy(&s->group_add, &o->group_add);
	s->cwd = str_dup(o->workdir ? o->workdir : image->workdir ? image->workdir : "/");
	if (*s->cwd != '/')
		return err_invalid("--workdir: '%s' is not an absolute path", s->cwd);
	if (o->umask) {
		char *end;
		long mask = strtol(o->umask, &end, 8);
		if (!*o->umask || *end || mask < 0 || mask > 0777)
			return err_invalid(
				"--umask: '%s' is not an octal mask (as 0022)", o->umask);
		s->umask = (int)mask;
	}
	if (o->init)
		TRY(use_init(s));
	TRY(environment(o, image, s));
	return capabilities(o, place, s);
}
