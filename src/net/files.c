/* Names in a container: see files.h.  A name server on the place's loopback (systemd-resolved,
 * dnsmasq) cannot be reached from another network namespace: systemd-resolved's list of
 * real servers is taken then, or the user rungs' forwarder. */
#include "net/files.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/user.h"

enum { FILE_MAX = 1 << 20, NAME_MAX_LEN = 253 };
static const char resolved[] = "/run/systemd/resolve/resolv.conf";

static bool is_address(const char *s)
{
	uint8_t a[16];
	return inet_pton(AF_INET, s, a) == 1 || inet_pton(AF_INET6, s, a) == 1;
}

static bool is_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
			    s[i]))
			return false;
	return len > 0 && len <= NAME_MAX_LEN;
}

/* One word of a resolv.conf line: no space, no control character, no comment. */
static bool is_word(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p <= ' ' || *p == '#' || *p == 0x7f)
			return false;
	return *s;
}

static nd_err *check_add_host(const char *text)
{
	const char *colon = strchr(text, ':');
	bool good = colon && (is_address(colon + 1) || strcmp(colon + 1, "host-gateway") == 0);
	_cleanup_strv_ struct strv names = {0};
	_cleanup_free_ char *all = str_ndup(text, colon ? (size_t)(colon - text) : 0);
	strv_split(&names, all, ';');
	for (size_t i = 0; i < names.n; i++)
		good = good && is_name(names.v[i], strlen(names.v[i]));
	if (good)
		return NULL;
	return err_remedy(err_invalid("--add-host: '%s' is not NAME:ADDRESS", text),
		"Several names stand as NAME;NAME:ADDRESS; the address may be 'host-gateway'.");
}

static nd_err *check_words(const char *option, const struct strv *l)
{
	for (size_t i = 0; l && i < l->n; i++)
		if (!is_word(l->v[i]) && *l->v[i])
			return err_invalid(
				"%s: '%s' is not one word of resolv.conf", option, l->v[i]);
	return NULL;
}

nd_err *net_names_check(const struct net_names *n)
{
	if (n->hostname && !is_name(n->hostname, strlen(n->hostname)))
		return err_invalid(
			"--hostname: '%s' is not a host name (letters, digits, '-', '.')",
			n->hostname);
	for (size_t i = 0; n->add_hosts && i < n->add_hosts->n; i++)
		TRY(check_add_host(n->add_hosts->v[i]));
	for (size_t i = 0; n->dns && i < n->dns->n; i++)
		if (!is_address(n->dns->v[i]) &&
			!(n->dns->n == 1 && strcmp(n->dns->v[i], "none") == 0))
			return err_invalid(
				"--dns: '%s' is not an IP address, nor 'none'", n->dns->v[i]);
	TRY(check_words("--dns-search", n->dns_search));
	return check_words("--dns-option", n->dns_option);
}

/* /etc/hosts */

static void add_entry(struct buf *b, const char *ip, const char *names)
{
	buf_fmt(b, "%s\t%s\n", ip, names);
}

static void add_asked(struct buf *b, const struct strv *l, struct in_addr host_ip)
{
	for (size_t i = 0; l && i < l->n; i++) {
		const char *colon = strchr(l->v[i], ':'), *ip = colon + 1;
		char text[INET_ADDRSTRLEN] = "127.0.0.1";
		_cleanup_free_ char *names = str_ndup(l->v[i], (size_t)(colon - l->v[i]));
		for (char *p = names; *p; p++)
			if (*p == ';')
				*p = ' ';
		if (strcmp(ip, "host-gateway") == 0) {
			if (host_ip.s_addr)
				inet_ntop(AF_INET, &host_ip, text, sizeof text);
			ip = text;
		}
		add_entry(b, ip, names);
	}
}

static bool is_loopback(const char *word, size_t len)
{
	return (len >= 4 && memcmp(word, "127.", 4) == 0) ||
	       (len == 3 && memcmp(word, "::1", 3) == 0);
}

static void add_base(struct buf *b, const char *base, bool own)
{
	for (const char *line = base; line && *line;) {
		size_t len = strcspn(line, "\n");
		const char *word = line + strspn(line, " \t");
		size_t n = strcspn(word, " \t\n#");
		if (n && !(own && is_loopback(word, n))) {
			buf_add(b, line, len);
			buf_str(b, "\n");
		}
		line += len + (line[len] == '\n');
	}
}

char *hosts_make(const struct net_names *n, const char *base, bool own, struct in_addr ip,
	struct in_addr host_ip)
{
	struct buf b = {0};
	char text[INET_ADDRSTRLEN];
	add_asked(&b, n->add_hosts, host_ip); /* first: they win over the rest */
	if (own) {
		add_entry(&b, "127.0.0.1", "localhost");
		add_entry(&b, "::1", "localhost ip6-localhost ip6-loopback");
	}
	add_base(&b, base, own);
	if (n->hostname) {
		_cleanup_buf_ struct buf names = {0};
		buf_str(&names, n->hostname);
		for (size_t i = 0; n->aliases && i < n->aliases->n; i++)
			if (!str_eq(n->aliases->v[i], n->hostname))
				buf_fmt(&names, " %s", n->aliases->v[i]);
		add_entry(&b,
			own && ip.s_addr ? inet_ntop(AF_INET, &ip, text, sizeof text) : "127.0.1.1",
			names.data);
	}
	if (own && host_ip.s_addr)
		add_entry(&b, inet_ntop(AF_INET, &host_ip, text, sizeof text),
			"host.containers.internal host.docker.internal");
	return buf_steal(&b);
}

/* /etc/resolv.conf */

/* True when the line begins with the key; *ret_value is the rest. */
static bool line_has(const char *line, size_t len, const char *key, const char **ret, size_t *ret_n)
{
	size_t k = strlen(key);
	if (len <= k || memcmp(line, key, k) != 0 || (line[k] != ' ' && line[k] != '\t'))
		return false;
	*ret = line + k + strspn(line + k, " \t");
	*ret_n = len - (size_t)(*ret - line);
	while (*ret_n && strchr(" \t\r", (*ret)[*ret_n - 1]))
		--*ret_n;
	return true;
}

static void keep_line(struct buf *b, const struct net_names *n, bool own, const char *line,
	size_t len, size_t *servers)
{
	const char *v;
	size_t vn;
	if (line_has(line, len, "nameserver", &v, &vn)) {
		if ((n->dns && n->dns->n) || (own && is_loopback(v, vn)))
			return;
		++*servers;
	} else if (line_has(line, len, "search", &v, &vn) ||
		   line_has(line, len, "domain", &v, &vn)) {
		if (n->dns_search && n->dns_search->n)
			return;
	} else if (line_has(line, len, "options", &v, &vn)) {
		if (n->dns_option && n->dns_option->n)
			return;
	} else {
		return; /* comments speak of the place */
	}
	buf_add(b, line, len);
	buf_str(b, "\n");
}

static void add_list(struct buf *b, const char *key, const struct strv *l)
{
	bool any = false;
	for (size_t i = 0; l && i < l->n; i++) {
		if (!*l->v[i] || strcmp(l->v[i], ".") == 0)
			continue;
		buf_fmt(b, "%s%s", any ? " " : key, any ? "" : " ");
		buf_str(b, l->v[i]);
		any = true;
	}
	if (any)
		buf_str(b, "\n");
}

char *resolv_make(const struct net_names *n, const char *base, bool own, size_t *ret_servers)
{
	struct buf b = {0};
	size_t servers = 0;
	add_list(&b, "search", n->dns_search);
	for (size_t i = 0; n->dns && i < n->dns->n; i++, servers++)
		buf_fmt(&b, "nameserver %s\n", n->dns->v[i]);
	for (const char *line = base; line && *line;) {
		size_t len = strcspn(line, "\n");
		keep_line(&b, n, own, line, len, &servers);
		line += len + (line[len] == '\n');
	}
	add_list(&b, "options", n->dns_option);
	*ret_servers = servers;
	return buf_steal(&b);
}

static char *read_file(const char *path)
{
	struct buf b = {0};
	err_free(file_read(AT_FDCWD, path, FILE_MAX, &b)); /* absent is empty */
	return buf_steal(&b);
}

static char *resolv_read(
	const struct net_names *n, const struct net_state *s, bool own, struct plan *plan)
{
	size_t servers;
	_cleanup_free_ char *base = read_file("/etc/resolv.conf");
	char *text = resolv_make(n, base, own, &servers);
	if (!servers && own) {
		_cleanup_free_ char *real = read_file(resolved);
		free(text);
		text = resolv_make(n, *real ? real : base, own, &servers);
	}
	if (servers || !own || s->mode == NET_NONE)
		return text;
	if (s->mode == NET_USER) {
		char ip[INET_ADDRSTRLEN];
		struct in_addr dns = user_dns();
		char *more =
			str_fmt("%snameserver %s\n", text, inet_ntop(AF_INET, &dns, ip, sizeof ip));
		free(text);
		return more;
	}
	if (*base)
		plan_warn(plan,
			"the name servers in /etc/resolv.conf answer on this place's loopback "
			"only: the container has none; --dns sets one");
	return text;
}

nd_err *net_files(
	const struct net_names *n, const struct net_state *s, struct plan *plan, struct strv *files)
{
	TRY(net_names_check(n));
	bool own = s->mode != NET_HOST;
	_cleanup_free_ char *base = read_file("/etc/hosts");
	_cleanup_free_ char *hosts = hosts_make(n, base, own, s->ip, s->host_ip);
	strv_fmt(files, "/etc/hosts=%s", hosts);
	if (!(n->dns && n->dns->n == 1 && strcmp(n->dns->v[0], "none") == 0)) {
		_cleanup_free_ char *resolv = resolv_read(n, s, own, plan);
		strv_fmt(files, "/etc/resolv.conf=%s", resolv);
	}
	if (n->hostname)
		strv_fmt(files, "/etc/hostname=%s\n", n->hostname);
	return NULL;
}
