/* Parsers of the options that say how a run lives: see request.h. */
#include "supervise/request.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/json.h"

/* Text that a shell would read as more than words. */
static bool needs_shell(const char *text)
{
	return strpbrk(text, "|&;<>()$`\\\"'*?[]#~=%!{}\n") != NULL;
}

static nd_err *command_parse(const char *option, const char *text, struct strv *ret)
{
	const char *p = text + strspn(text, " \t\n");
	if (!*p)
		return err_invalid("%s: the command is empty", option);
	if (*p == '[') {
		_cleanup_json_ struct json_doc doc = {0};
		nd_err *e = json_parse(option, p, strlen(p), &doc);
		/* `[ -e FILE ]` is a command too, and no JSON. */
		if (!e) {
			for (size_t i = 0; i < json_arr_len(&doc.at); i++) {
				struct json_at at = json_arr_at(&doc.at, i);
				const char *s;
				TRY(json_str(&at, &s));
				strv_add(ret, s);
			}
			if (ret->n && str_eq(ret->v[0], "CMD-SHELL") && ret->n == 2) {
				_cleanup_free_ char *line = str_dup(ret->v[1]);
				strv_done(ret);
				strv_add(ret, "/bin/sh");
				strv_add(ret, "-c");
				strv_add(ret, line);
			} else if (ret->n > 1 && str_eq(ret->v[0], "CMD")) {
				free(ret->v[0]);
				memmove(ret->v, ret->v + 1, ret->n * sizeof *ret->v);
				ret->n--;
			}
			return ret->n ? NULL : err_invalid("%s: the command is empty", option);
		}
		err_free(e);
	}
	if (needs_shell(p)) {
		strv_add(ret, "/bin/sh");
		strv_add(ret, "-c");
		strv_add(ret, p);
		return NULL;
	}
	while (*p) {
		size_t n = strcspn(p, " \t");
		strv_take(ret, str_ndup(p, n));
		p += n;
		p += strspn(p, " \t");
	}
	return NULL;
}

static nd_err *port_parse(const char *text, const char *whole, uint16_t *ret)
{
	uint64_t port;
	if (!str_to_u64(text, &port) || port < 1 || port > 65535)
		return err_invalid("--ready: '%s': '%s' is not a port (1 to 65535)", whole, text);
	*ret = (uint16_t)port;
	return NULL;
}

/* "HOST:PORT", "[V6]:PORT" or "PORT"; names are refused, because asking a resolver
 * inside the container is not what readiness is about. */
static nd_err *host_port_parse(
	const char *text, const char *whole, uint16_t default_port, struct ready_spec *ret)
{
	_cleanup_free_ char *host = NULL;
	const char *port = NULL;
	if (*text == '[') {
		const char *end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return err_invalid("--ready: '%s': '[' without ']:PORT'", whole);
		host = str_ndup(text + 1, (size_t)(end - text - 1));
		port = end[1] ? end + 2 : NULL;
	} else {
		const char *colon = strrchr(text, ':');
		if (colon) {
			host = str_ndup(text, (size_t)(colon - text));
			port = colon + 1;
		} else if (default_port) {
			host = str_dup(text);
		} else {
			port = text;
		}
	}
	ret->port = default_port;
	if (host && !*host && *text == '[')
		return err_invalid("--ready: '%s': there is no address in '[]'", whole);
	if (!port && !default_port)
		port = "";
	if (port)
		TRY(port_parse(port, whole, &ret->port));
	if (!host || !*host || str_eq(host, "localhost"))
		return NULL;
	unsigned char address[16];
	if (inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1)
		return err_invalid(
			"--ready: '%s': '%s' is neither an address nor localhost", whole, host);
	ret->host = steal_ptr(&host);
	return NULL;
}

static nd_err *http_parse(const char *rest, const char *whole, struct ready_spec *ret)
{
	size_t n = strcspn(rest, "/?#");
	_cleanup_free_ char *authority = str_ndup(rest, n);
	if (strpbrk(whole, " \t\r\n"))
		return err_invalid("--ready: '%s': white space in an address", whole);
	if (strchr(authority, '@'))
		return err_invalid("--ready: '%s': no user name can be sent", whole);
	if (!*authority)
		return err_invalid("--ready: '%s': there is no host", whole);
	TRY(host_port_parse(authority, whole, 80, ret));
	const char *path = rest + n;
	ret->path = str_fmt("%s%.*s", *path == '/' ? "" : "/", (int)strcspn(path, "#"), path);
	return NULL;
}

static nd_err *ready_parse_into(const char *text, struct ready_spec *r)
{
	const char *rest;
	r->text = str_dup(text);
	if ((rest = str_after(text, "tcp:"))) {
		r->kind = READY_TCP;
		return host_port_parse(rest, text, 0, r);
	}
	if ((rest = str_after(text, "http://"))) {
		r->kind = READY_HTTP;
		return http_parse(rest, text, r);
	}
	if (str_starts(text, "https://"))
		return err_remedy(err_invalid("--ready: '%s': https is not spoken here", text),
			"Use tcp:PORT, or a command in the container as 'curl -fsk %s'.", text);
	if ((rest = str_after(text, "fd:"))) {
		uint64_t fd;
		if (!str_to_u64(rest, &fd) || fd < 3 || fd > 63)
			return err_invalid(
				"--ready: '%s': the descriptor must be a number from 3 to 63",
				text);
		r->kind = READY_FD;
		r->fd = (int)fd;
		return NULL;
	}
	if ((rest = str_after(text, "log:"))) {
		int code = *rest ? regcomp(&r->regex, rest, REG_EXTENDED | REG_NOSUB) : REG_BADPAT;
		if (code) {
			char why[128] = "it is empty";
			if (*rest)
				regerror(code, &r->regex, why, sizeof why);
			return err_invalid(
				"--ready: '%s' is not a POSIX extended expression: %s", rest, why);
		}
		r->kind = READY_LOG;
		return NULL;
	}
	if (str_eq(text, "notify")) {
		r->kind = READY_NOTIFY;
		return NULL;
	}
	/* A misspelt kind would otherwise be run as a program, and never be ready. */
	size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+");
	if (word && text[word] == ':')
		return err_invalid("--ready: '%s' is neither a command nor one of tcp:PORT, "
				   "http://HOST[:PORT]/PATH, fd:N, notify, log:REGEX",
			text);
	r->kind = READY_CMD;
	return command_parse("--ready", text, &r->argv);
}

nd_err *ready_parse(const char *text, struct ready_spec *ret)
{
	struct ready_spec r = {0};
	nd_err *e = ready_parse_into(text, &r);
	if (e) {
		ready_done(&r);
		return e;
	}
	ready_done(ret);
	*ret = r;
	return NULL;
}

void ready_done(struct ready_spec *r)
{
	if (r->kind == READY_LOG)
		regfree(&r->regex);
	free(r->text);
	strv_done(&r->argv);
	free(r->host);
	free(r->path);
	*r = (struct ready_spec){0};
}

static const char *const restart_names[] = {
	[RESTART_NO] = "no",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ALWAYS] = "always",
	[RESTART_UNLESS_STOPPED] = "unless-stopped",
};

const char *restart_name(enum restart_policy p)
{
	return restart_names[p];
}

nd_err *restart_parse(const char *text, struct restart_spec *ret)
{
	const char *count = str_after(text, "on-failure:");
	uint64_t max = 0;
	if (count) {
		if (!str_to_u64(count, &max) || max > INT32_MAX)
			return err_invalid("--restart: '%s' is not a number of restarts", count);
		*ret = (struct restart_spec){RESTART_ON_FAILURE, (int64_t)max};
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(restart_names); i++)
		if (str_eq(text, restart_names[i])) {
			*ret = (struct restart_spec){(enum restart_policy)i, 0};
			return NULL;
		}
	return err_invalid(
		"--restart: '%s' is not one of no, on-failure[:N], always, unless-stopped", text);
}

nd_err *log_driver_parse(const char *text, struct log_spec *l)
{
	static const struct {
		const char *name;
		enum log_driver driver;
	} drivers[] = {{"k8s-file", LOG_K8S}, {"json-file", LOG_JSON}, {"none", LOG_NONE},
		{"passthrough", LOG_PASSTHROUGH}};
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (str_eq(text, drivers[i].name)) {
			l->driver = drivers[i].driver;
			return NULL;
		}
	return err_invalid(
		"--log-driver: '%s' is not one of k8s-file, json-file, none, passthrough", text);
}

nd_err *log_opt_parse(const char *text, struct log_spec *l)
{
	const char *value;
	if ((value = str_after(text, "max-size="))) {
		if (!str_to_bytes(value, &l->max_size) || l->max_size < 4096)
			return err_invalid(
				"--log-opt: max-size=%s: must be a size of at least 4k", value);
		return NULL;
	}
	if ((value = str_after(text, "max-file="))) {
		if (!str_to_u64(value, &l->max_files) || l->max_files < 1 || l->max_files > 1000)
			return err_invalid("--log-opt: max-file=%s: must be 1 to 1000", value);
		return NULL;
	}
	return err_invalid("--log-opt: '%s' is neither max-size=SIZE nor max-file=N", text);
}

nd_err *health_cmd_parse(const char *text, struct health_spec *h)
{
	strv_done(&h->argv);
	return str_eq(text, "none") ? NULL : command_parse("--health-cmd", text, &h->argv);
}

nd_err *health_action_parse(const char *text, struct health_spec *h)
{
	static const char *const names[] = {[HEALTH_NOTHING] = "none",
		[HEALTH_KILL] = "kill",
		[HEALTH_RESTART] = "restart",
		[HEALTH_STOP] = "stop"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(text, names[i])) {
			h->action = (enum health_action)i;
			return NULL;
		}
	return err_invalid(
		"--health-on-failure: '%s' is not one of none, kill, restart, stop", text);
}

void health_done(struct health_spec *h)
{
	strv_done(&h->argv);
	*h = (struct health_spec){0};
}
