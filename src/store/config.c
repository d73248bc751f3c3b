/* Reading of an image's config JSON: see config.h. */
#include "store/config.h"

#include <string.h>

#include "base/json.h"

nd_err *digest_check(const char *what, const char *digest, const char **ret_hex)
{
	const char *hex = digest ? str_after(digest, "sha256:") : NULL;
	if (!hex) {
		const char *colon = digest ? strchr(digest, ':') : NULL;
		if (colon && colon > digest)
			return err_invalid("%s: digest '%.100s' is not sha256, the only algorithm "
					   "that is supported",
				what, digest);
		return err_invalid(
			"%s: '%.100s' is not a digest (sha256:HEX)", what, digest ? digest : "");
	}
	if (strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
		return err_invalid(
			"%s: digest '%.100s' does not have 64 lower-case hex digits", what, digest);
	*ret_hex = hex;
	return NULL;
}

static nd_err *add_key(const char *key, const struct json_at *value, void *arg)
{
	strv_add(arg, key);
	return NULL;
}

static nd_err *add_pair(const char *key, const struct json_at *value, void *arg)
{
	const char *s;
	TRY(json_str(value, &s));
	strv_fmt(arg, "%s=%s", key, s);
	return NULL;
}

/* docker writes durations in nanoseconds. */
static nd_err *get_ns(const struct json_at *o, const char *key, int64_t *ret_ms)
{
	int64_t ns = 0;
	TRY(json_get_i64(o, key, &ns));
	if (ns < 0) {
		return json_err(o, "%s must not be negative", key);
	}
	*ret_ms = ns / 1000000 + (ns % 1000000 != 0);
	return NULL;
}

static nd_err *parse_health(const struct json_at *o, struct image_health *h)
{
	TRY(json_get_strv(o, "Test", &h->test));
	TRY(get_ns(o, "Interval", &h->interval_ms));
	TRY(get_ns(o, "Timeout", &h->timeout_ms));
	TRY(get_ns(o, "StartPeriod", &h->start_period_ms));
	return json_get_i64(o, "Retries", &h->retries);
}

/* Entrypoint and Cmd were plain strings in some old images; a shell ran those. */
static nd_err *get_args(const struct json_at *o, const char *key, struct strv *ret)
{
	_cleanup_free_ char *text = NULL;
	nd_err *e = json_get_str(o, key, &text);
	if (e) {
		err_free(e);
		return json_get_strv(o, key, ret);
	}
	if (text && *text) {
		strv_add(ret, "/bin/sh");
		strv_add(ret, "-c");
		strv_add(ret, text);
	}
	return NULL;
}

static nd_err *parse_run(const struct json_at *root, struct image_config *c)
{
	struct json_at o, sub;
	TRY(json_get_obj(root, "config", &o));
	TRY(json_get_strv(&o, "Env", &c->env));
	TRY(get_args(&o, "Entrypoint", &c->entrypoint));
	TRY(get_args(&o, "Cmd", &c->cmd));
	TRY(json_get_str(&o, "User", &c->user));
	TRY(json_get_str(&o, "WorkingDir", &c->workdir));
	TRY(json_get_str(&o, "StopSignal", &c->stop_signal));
	TRY(json_get_obj(&o, "ExposedPorts", &sub));
	TRY(json_each(&sub, add_key, &c->ports));
	TRY(json_get_obj(&o, "Volumes", &sub));
	TRY(json_each(&sub, add_key, &c->volumes));
	TRY(json_get_obj(&o, "Labels", &sub));
	TRY(json_each(&sub, add_pair, &c->labels));
	TRY(json_get_obj(&o, "Healthcheck", &sub));
	return parse_health(&sub, &c->health);
}

static nd_err *parse_root(const struct json_at *root, struct image_config *c)
{
	struct json_at fs;
	TRY(json_get_str(root, "architecture", &c->architecture));
	TRY(json_get_str(root, "os", &c->os));
	TRY(json_get_str(root, "variant", &c->variant));
	TRY(json_get_str(root, "created", &c->created));
	TRY(json_get_obj(root, "rootfs", &fs));
	TRY(json_get_strv(&fs, "diff_ids", &c->diff_ids));
	for (size_t i = 0; i < c->diff_ids.n; i++) {
		const char *hex;
		_cleanup_free_ char *what = str_fmt("%s: rootfs.diff_ids[%zu]", root->file, i);
		TRY(digest_check(what, c->diff_ids.v[i], &hex));
	}
	return parse_run(root, c);
}

static void empty_is_absent(char **s)
{
	if (*s && !**s) {
		free(*s);
		*s = NULL;
	}
}

nd_err *image_config_parse(const char *name, const char *text, size_t len, struct image_config *ret)
{
	_cleanup_json_ struct json_doc doc = {0};
	TRY(json_parse(name, text, len, &doc));
	if (json_kind_of(&doc.at) != JSON_OBJECT)
		return json_err(&doc.at, "must be an object");
	struct image_config c = {0};
	nd_err *e = parse_root(&doc.at, &c);
	if (e) {
		image_config_done(&c);
		return e;
	}
	empty_is_absent(&c.user);
	empty_is_absent(&c.workdir);
	empty_is_absent(&c.stop_signal);
	empty_is_absent(&c.variant);
	*ret = c;
	return NULL;
}

void image_config_done(struct image_config *c)
{
	struct strv *const lists[] = {&c->env, &c->entrypoint, &c->cmd, &c->ports, &c->volumes,
		&c->labels, &c->health.test, &c->diff_ids};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strv_done(lists[i]);
	char *const texts[] = {c->user, c->workdir, c->stop_signal, c->architecture, c->os,
		c->variant, c->created};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	*c = (struct image_config){0};
}
