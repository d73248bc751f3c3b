/* The parser of --security-opt: see secopt.h.  Pure but for the profile's file. */
#include "container/secopt.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

typedef nd_err *(*parse_fn)(struct security_opts *o, const char *value);

static nd_err *replace(char **slot, const char *name, const char *what, const char *value)
{
	if (!*value)
		return err_invalid("--security-opt %s: %s is missing", name, what);
	free(*slot);
	*slot = str_dup(value);
	return NULL;
}

static nd_err *parse_apparmor(struct security_opts *o, const char *value)
{
	return replace(&o->apparmor, "apparmor", "a profile's name or unconfined", value);
}

static nd_err *parse_seccomp(struct security_opts *o, const char *value)
{
	return replace(&o->seccomp, "seccomp", "a file or unconfined", value);
}

static nd_err *parse_label(struct security_opts *o, const char *value)
{
	static const char *const parts[] = {"user:", "role:", "type:", "level:", "filetype:"};
	if (str_eq(value, "disable")) {
		o->label_disable = true;
		return NULL;
	}
	if (str_eq(value, "nested")) {
		o->label_nested = true;
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *rest = str_after(value, parts[i]);
		if (rest && *rest) {
			strv_add(&o->labels, value);
			return NULL;
		}
	}
	return err_invalid("--security-opt label: '%s' is not disable, nested, user:USER, "
			   "role:ROLE, type:TYPE, level:LEVEL or filetype:TYPE",
		value);
}

static nd_err *add_paths(struct strv *list, const char *name, const char *value)
{
	_cleanup_strv_ struct strv parts = {0};
	strv_split(&parts, value, ':');
	for (size_t i = 0; i < parts.n; i++) {
		if (*parts.v[i] != '/')
			return err_invalid("--security-opt %s: '%s' is not an absolute path", name,
				parts.v[i]);
		strv_add(list, parts.v[i]);
	}
	return NULL;
}

static nd_err *parse_mask(struct security_opts *o, const char *value)
{
	return add_paths(&o->mask, "mask", value);
}

static nd_err *parse_unmask(struct security_opts *o, const char *value)
{
	if (strcasecmp(value, "ALL") == 0) {
		strv_add(&o->unmask, "ALL");
		return NULL;
	}
	return add_paths(&o->unmask, "unmask", value);
}

static nd_err *parse_systempaths(struct security_opts *o, const char *value)
{
	if (!str_eq(value, "unconfined"))
		return err_invalid(
			"--security-opt systempaths: '%s'; only unconfined is allowed", value);
	strv_add(&o->unmask, "ALL");
	return NULL;
}

static nd_err *parse_proc_opts(struct security_opts *o, const char *value)
{
	_cleanup_strv_ struct strv parts = {0};
	strv_split(&parts, value, ',');
	for (size_t i = 0; i < parts.n; i++) {
		if (!*parts.v[i])
			return err_invalid(
				"--security-opt proc-opts: '%s' has an empty option", value);
		strv_add(&o->proc_opts, parts.v[i]);
	}
	return NULL;
}

static nd_err *parse_no_new_privs(struct security_opts *o, const char *value)
{
	static const struct {
		const char *word;
		bool on;
	} words[] = {{"true", true}, {"1", true}, {"t", true}, {"false", false}, {"0", false},
		{"f", false}};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(words[i].word, value) == 0) {
			o->no_new_privs = words[i].on;
			return NULL;
		}
	}
	return err_invalid("--security-opt no-new-privileges: '%s' is not true or false", value);
}

static const struct {
	const char *name;
	parse_fn parse;
	const char *bare; /* the value where none is given; NULL: one is needed */
} table[] = {
	{"no-new-privileges", parse_no_new_privs, "true"},
	{"seccomp", parse_seccomp, NULL},
	{"apparmor", parse_apparmor, NULL},
	{"label", parse_label, NULL},
	{"mask", parse_mask, NULL},
	{"unmask", parse_unmask, NULL},
	{"systempaths", parse_systempaths, NULL},
	{"proc-opts", parse_proc_opts, NULL},
};

nd_err *security_opt_add(struct security_opts *o, const char *text)
{
	size_t len = strcspn(text, strchr(text, '=') ? "=" : ":");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strlen(table[i].name) != len || strncmp(table[i].name, text, len) != 0)
			continue;
		const char *value = text[len] ? text + len + 1 : table[i].bare;
		if (!value)
			return err_invalid("--security-opt %s: a value is missing (%s=...)",
				table[i].name, table[i].name);
		return table[i].parse(o, value);
	}
	return err_invalid(
		"--security-opt: '%s' is unknown; allowed are no-new-privileges, seccomp=, "
		"apparmor=, label=, mask=, unmask=, systempaths= and proc-opts=",
		text);
}

void security_opts_done(struct security_opts *o)
{
	free(o->seccomp);
	free(o->apparmor);
	strv_done(&o->labels);
	strv_done(&o->mask);
	strv_done(&o->unmask);
	strv_done(&o->proc_opts);
	*o = (struct security_opts){0};
}

nd_err *security_opts_seccomp(const struct security_opts *o, bool privileged, uint64_t caps,
	struct strv *ignored, struct seccomp_filter **ret)
{
	*ret = NULL;
	if (str_eq(o->seccomp, "unconfined") || (!o->seccomp && privileged))
		return NULL;
	if (!o->seccomp)
		return seccomp_default(caps, ret);
	struct seccomp_context cx = {.caps = caps, .enosys_for_newer = true, .ignored = ignored};
	TRY_WRAP(seccomp_load_profile(AT_FDCWD, o->seccomp, &cx, ret), "--security-opt seccomp");
	if ((*ret)->notify) {
		seccomp_filter_free(*ret);
		*ret = NULL;
		return err_invalid("--security-opt seccomp: %s: SCMP_ACT_NOTIFY: nothing here "
				   "would answer for the listener",
			o->seccomp);
	}
	return NULL;
}
