/* pasta and slirp4netns: see user.h.  They carry what the container sends; what comes in
 * by published ports goes by the proxy.  Their options are those of Debian 12 (passt
 * 2023-03-09, slirp4netns 1.2) and are the same in later versions.  Namespaces are given
 * as /proc/self/fd/N or /proc/PID/ns/NAME: the first needs no right to look at the
 * container's process, which pasta as root has dropped when it comes to that; the second
 * works with a pasta that closes what it inherits (2024 on). */
#include "net/user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

enum { READY_MS = 10000 };

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

static void add_strs(struct strv *args, const char *const *list)
{
	for (; *list; list++)
		strv_add(args, *list);
}

/* Each published port with the socket that holds it. */
static nd_err *run(const struct strv *args, const struct user_request *r, const struct spaces *s,
	const int *keep, size_t n_keep, struct helper *ret)
{
	struct proxy_port *ports = mem_grow(NULL, r->n_port_fds + 1, sizeof *ports);
	size_t n = 0;
	for (size_t i = 0; i < r->ports->n; i++)
		for (unsigned k = 0; k < r->ports->v[i].count && n < r->n_port_fds; k++, n++)
			ports[n] = (struct proxy_port){.fd = r->port_fds[n],
				.port = (uint16_t)(r->ports->v[i].container + k),
				.udp = r->ports->v[i].udp};
	nd_err *e = helper_run(&(struct helper_start){.argv = (const char *const *)args->v,
				       .keep = keep,
				       .n_keep = n_keep,
				       .deadline_ms = READY_MS,
				       .proxy = {.container_fd = r->pid_fd,
					       .net_fd = s->net_fd,
					       .user_fd = s->user_fd,
					       .to = user_ip(),
					       .ports = ports,
					       .n_ports = n}},
		ret);
	free(ports);
	return e;
}

static nd_err *pasta_try(const char *path, const struct user_request *r, const struct spaces *s,
	bool by_fd, struct helper *ret)
{
	_cleanup_strv_ struct strv args = {0};
	const int keep[] = {s->net_fd, s->user_fd};
	strv_add(&args, path);
	add_strs(
		&args, (const char *const[]){"--foreground", "--quiet", "--stderr", "--config-net",
			       "--ns-ifname", USER_IFNAME, "--address", "10.0.2.100", "--netmask",
			       "24", "--gateway", "10.0.2.2", "--no-map-gw", "--dns-forward",
			       "10.0.2.3", "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns",
			       "none", "--udp-ns", "none", "--pid", "/proc/self/fd/1", NULL});
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
	return run(&args, r, s, keep, by_fd ? (s->user_fd < 0 ? 1 : 2) : 0, ret);
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

static nd_err *slirp_start(const char *path, const struct user_request *r, struct helper *ret)
{
	_cleanup_(spaces_done) struct spaces s = {-1, -1};
	_cleanup_strv_ struct strv args = {0};
	TRY(spaces_open(r->pid, &s));
	const int keep[] = {s.net_fd, s.user_fd};
	strv_add(&args, path);
	add_strs(&args,
		(const char *const[]){"--configure", "--mtu=65520", "--disable-host-loopback",
			"--ready-fd=1", "--netns-type=path", NULL});
	if (s.user_fd >= 0)
		strv_add(&args, "--userns-path=/proc/self/fd/4");
	strv_add(&args, "/proc/self/fd/3");
	strv_add(&args, USER_IFNAME);
	return run(&args, r, &s, keep, s.user_fd < 0 ? 1 : 2, ret);
}

const struct user_rung user_rungs[] = {
	{"pasta", "pasta", "passt", pasta_start},
	{"slirp4netns", "slirp4netns", "slirp4netns", slirp_start},
};
const size_t n_user_rungs = ARRAY_SIZE(user_rungs);
