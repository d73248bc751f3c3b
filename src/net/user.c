/* pasta and slirp4netns: see user.h.  Their options are those of Debian 12 (passt
 * 2023-03-09, slirp4netns 1.2) and are the same in later versions.  Namespaces are given
 * as /proc/self/fd/N or /proc/PID/ns/NAME: the first needs no right to look at the
 * container's process, which pasta as root has dropped when it comes to that; the second
 * works with a pasta that closes what it inherits (2024 on). */
#include "net/user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/str.h"

enum { READY_MS = 10000, API_MS = 5000 };

struct in_addr user_ip(void)
{
	return (struct in_addr){htonl(0x0a000264)};
}

struct in_addr user_gateway(void)
{
	return (struct in_addr){htonl(0x0a000202)};
}

struct in_addr user_dns(void)
{
	return (struct in_addr){htonl(0x0a000203)};
}

nd_err *user_check(void)
{
	_cleanup_fd_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return NULL;
	int err = errno;
	return err_remedy(err_code(err_sys(err, "open", "/dev/net/tun"), "tun-node"),
		"pasta and slirp4netns need /dev/net/tun: let root %s.",
		err == EACCES ? "run 'chmod 0666 /dev/net/tun' (Debian's usual mode)"
			      : "make it (mknod -m 0666 /dev/net/tun c 10 200)");
}

/* Descriptors of the container's namespaces; user_fd is -1 where it has ours. */
struct spaces {
	int net_fd, user_fd;
};

static void spaces_done(struct spaces *s)
{
	fd_done(&s->net_fd);
	fd_done(&s->user_fd);
}

static nd_err *space_open(pid_t pid, const char *name, int *ret)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s", path);
	*ret = fd;
	return NULL;
}

static nd_err *spaces_open(pid_t pid, struct spaces *ret)
{
	struct stat ours, theirs;
	TRY(space_open(pid, "net", &ret->net_fd));
	TRY(space_open(pid, "user", &ret->user_fd));
	if (stat("/proc/self/ns/user", &ours) == 0 && fstat(ret->user_fd, &theirs) == 0 &&
		ours.st_ino == theirs.st_ino)
		fd_done(&ret->user_fd);
	return NULL;
}

static void add_port_specs(struct strv *args, const struct port_list *l, bool udp)
{
	const char *flag = udp ? "-u" : "-t";
	bool any = false;
	for (size_t i = 0; i < l->n; i++) {
		const struct port_map *m = &l->v[i];
		char ip[INET_ADDRSTRLEN + 1] = "";
		if (m->udp != udp)
			continue;
		any = true;
		if (m->ip.s_addr)
			inet_ntop(AF_INET, &m->ip, ip, INET_ADDRSTRLEN);
		strv_add(args, flag);
		strv_fmt(args, "%s%s%u-%u:%u-%u", ip, *ip ? "/" : "", m->host,
			m->host + m->count - 1, m->container, m->container + m->count - 1);
	}
	if (!any) {
		strv_add(args, flag);
		strv_add(args, "none");
	}
}

static void add_strs(struct strv *args, const char *const *list)
{
	for (; *list; list++)
		strv_add(args, *list);
}

static nd_err *pasta_try(const char *path, const struct user_request *r, const struct spaces *s,
	bool by_fd, struct helper *ret)
{
	_cleanup_strv_ struct strv args = {0};
	const int keep[] = {s->net_fd, s->user_fd};
	strv_add(&args, path);
	add_strs(&args,
		(const char *const[]){"--foreground", "--quiet", "--stderr", "--config-net",
			"--ns-ifname", USER_IFNAME, "--address", "10.0.2.100", "--netmask", "24",
			"--gateway", "10.0.2.2", "--no-map-gw", "--dns-forward", "10.0.2.3",
			"--tcp-ns", "none", "--udp-ns", "none", "--pid", "/proc/self/fd/1", NULL});
	add_port_specs(&args, r->ports, false);
	add_port_specs(&args, r->ports, true);
	if (geteuid() == 0) { /* otherwise it becomes nobody, who may not join */
		strv_add(&args, "--runas");
		strv_add(&args, "0:0");
	}
	strv_add(&args, "--netns");
	if (by_fd)
		strv_add(&args, "/proc/self/fd/3");
	else
		strv_fmt(&args, "/proc/%d/ns/net", (int)r->pid);
	if (s->user_fd < 0) {
		strv_add(&args, "--netns-only");
	} else {
		strv_add(&args, "--userns");
		if (by_fd)
			strv_add(&args, "/proc/self/fd/4");
		else
			strv_fmt(&args, "/proc/%d/ns/user", (int)r->pid);
	}
	return helper_run(&(struct helper_start){.argv = (const char *const *)args.v,
				  .keep = keep,
				  .n_keep = by_fd ? (s->user_fd < 0 ? 1 : 2) : 0,
				  .deadline_ms = READY_MS,
				  .container_pid_fd = r->pid_fd},
		ret);
}

static nd_err *pasta_start(const char *path, const struct user_request *r, struct helper *ret)
{
	_cleanup_(spaces_done) struct spaces s = {-1, -1};
	TRY(spaces_open(r->pid, &s));
	nd_err *e = pasta_try(path, r, &s, true, ret);
	if (!e)
		return NULL;
	nd_err *e2 = pasta_try(path, r, &s, false, ret);
	err_free(e2 ? e2 : e);
	return e2 ? e : NULL;
}

/* slirp4netns: ports by its API socket, one request a connection. */

static nd_err *api_ask(int dir_fd, const char *name, const char *json)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return err_sys(errno, "connect", "to slirp4netns");
	if (!fd_write_all(fd, json, strlen(json)) || shutdown(fd, SHUT_WR) < 0)
		return err_sys(errno, "write", "to slirp4netns");
	char text[1024];
	size_t len = 0;
	for (int64_t until = now_ms() + API_MS; len < sizeof text - 1;) {
		struct pollfd p = {fd, POLLIN, 0};
		int64_t left = until - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return err_new(ND_TIMEOUT, "helper-timeout",
				"slirp4netns did not answer within %d ms", API_MS);
		ssize_t n = read(fd, text + len, sizeof text - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	if (strstr(text, "\"error\"") || !strstr(text, "\"return\""))
		return err_detail(
			err_new(ND_BUSY, "helper-refused", "slirp4netns cannot publish a port"),
			"it was asked %s and said: %s", json, str_rtrim(text));
	return NULL;
}

static nd_err *api_ports(int dir_fd, const char *name, const struct port_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct port_map *m = &l->v[i];
		char ip[INET_ADDRSTRLEN], json[256];
		inet_ntop(AF_INET, &m->ip, ip, sizeof ip);
		for (unsigned k = 0; k < m->count; k++) {
			snprintf(json, sizeof json,
				"{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"%s\","
				"\"host_addr\":\"%s\",\"host_port\":%u,"
				"\"guest_addr\":\"10.0.2.100\",\"guest_port\":%u}}",
				m->udp ? "udp" : "tcp", ip, m->host + k, m->container + k);
			TRY(api_ask(dir_fd, name, json));
		}
	}
	return NULL;
}

/* The socket's path goes through a descriptor: sun_path holds 108 bytes, and a state
 * directory may be deeper. */
static nd_err *slirp_start(const char *path, const struct user_request *r, struct helper *ret)
{
	_cleanup_(spaces_done) struct spaces s = {-1, -1};
	_cleanup_strv_ struct strv args = {0};
	char name[64];
	TRY(spaces_open(r->pid, &s));
	snprintf(name, sizeof name, "slirp-%d", (int)r->pid);
	unlinkat(r->state_fd, name, 0);
	const int keep[] = {s.net_fd, r->state_fd, s.user_fd};
	strv_add(&args, path);
	add_strs(&args,
		(const char *const[]){"--configure", "--mtu=65520", "--disable-host-loopback",
			"--ready-fd=1", "--netns-type=path", NULL});
	if (s.user_fd >= 0)
		strv_add(&args, "--userns-path=/proc/self/fd/5");
	if (r->ports->n)
		strv_fmt(&args, "--api-socket=/proc/self/fd/4/%s", name);
	strv_add(&args, "/proc/self/fd/3");
	strv_add(&args, USER_IFNAME);
	struct helper h = HELPER_NONE;
	TRY(helper_run(&(struct helper_start){.argv = (const char *const *)args.v,
			       .keep = keep,
			       .n_keep = s.user_fd < 0 ? 2 : 3,
			       .deadline_ms = READY_MS,
			       .container_pid_fd = r->pid_fd},
		&h));
	nd_err *e = api_ports(r->state_fd, name, r->ports);
	unlinkat(r->state_fd, name, 0);
	if (e) {
		helper_stop(&h);
		return e;
	}
	*ret = h;
	return NULL;
}

const struct user_rung user_rungs[] = {
	{"pasta", "pasta", "passt", pasta_start},
	{"slirp4netns", "slirp4netns", "slirp4netns", slirp_start},
};
const size_t n_user_rungs = ARRAY_SIZE(user_rungs);
