/* Finds the process behind a port: /proc/net/tcp and its siblings give the socket's
 * inode, /proc/PID/fd who has it open (proc(5)).  Runs only when a port was refused. */
#include "net/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

enum { STATE_LISTEN = 10, STATE_CLOSE = 7, TABLE_MAX = 4 << 20 };

/* "  0: 0100007F:1F90 00000000:0000 0A ...": addresses are words in host order. */
static bool read_row(const char *line, bool v6, struct in_addr *ip, uint16_t *port, unsigned *state,
	uint64_t *inode)
{
	unsigned word[4] = {0}, p, st;
	unsigned long long node;
	int n;
	if (v6)
		n = sscanf(line,
			    " %*u: %8x%8x%8x%8x:%4x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u "
			    "%*u %llu",
			    &word[0], &word[1], &word[2], &word[3], &p, &st, &node) -
		    3;
	else
		n = sscanf(line, " %*u: %8x:%4x %*8x:%*4x %x %*x:%*x %*x:%*x %*x %*u %*u %llu",
			&word[0], &p, &st, &node);
	if (n != 4)
		return false;
	/* :: takes IPv4, too; ::ffff:1.2.3.4 is that address. */
	ip->s_addr = word[v6 ? 3 : 0];
	*port = (uint16_t)p;
	*state = st;
	*inode = node;
	return !v6 || (word[0] == 0 && word[1] == 0 && (word[2] == 0 || word[2] == htonl(0xffff)));
}

uint64_t listener_inode(const char *table, bool v6, struct in_addr ip, uint16_t port)
{
	for (const char *line = table; line && *line; line = strchr(line, '\n')) {
		struct in_addr at;
		uint16_t p;
		unsigned state;
		uint64_t inode;
		line += *line == '\n';
		if (!read_row(line, v6, &at, &p, &state, &inode) || p != port || !inode)
			continue;
		if (state != STATE_LISTEN && state != STATE_CLOSE)
			continue;
		if (at.s_addr == ip.s_addr || at.s_addr == 0 || ip.s_addr == 0)
			return inode;
	}
	return 0;
}

static bool holds(int fds_dir, const char *want)
{
	_cleanup_closedir_ DIR *d = fdopendir(dup(fds_dir));
	struct dirent *e;
	while (d && (e = readdir(d))) {
		char target[64];
		ssize_t n = readlinkat(fds_dir, e->d_name, target, sizeof target - 1);
		if (n > 0 && (target[n] = '\0', strcmp(target, want) == 0))
			return true;
	}
	return false;
}

/* "python3 (process 4711)", or NULL. */
static char *owner(uint64_t inode)
{
	char want[64], path[64], comm[64];
	snprintf(want, sizeof want, "socket:[%" PRIu64 "]", inode);
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct dirent *e;
	while (proc && (e = readdir(proc))) {
		uint64_t pid;
		if (!str_to_u64(e->d_name, &pid))
			continue;
		snprintf(path, sizeof path, "%" PRIu64 "/fd", pid);
		_cleanup_fd_ int dir =
			openat(dirfd(proc), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || !holds(dir, want))
			continue;
		snprintf(path, sizeof path, "%" PRIu64 "/comm", pid);
		if (file_read_line(dirfd(proc), path, comm, sizeof comm) <= 0)
			snprintf(comm, sizeof comm, "a process");
		return str_fmt("%s (process %" PRIu64 ")", comm, pid);
	}
	return NULL;
}

static char *find(bool udp, struct in_addr ip, uint16_t port)
{
	static const char *const tables[2][2] = {
		{"/proc/net/tcp", "/proc/net/tcp6"}, {"/proc/net/udp", "/proc/net/udp6"}};
	for (int v6 = 0; v6 < 2; v6++) {
		_cleanup_buf_ struct buf b = {0};
		nd_err *e = file_read(AT_FDCWD, tables[udp][v6], TABLE_MAX, &b);
		uint64_t inode = e || !b.data ? 0 : listener_inode(b.data, v6, ip, port);
		err_free(e);
		if (inode)
			return owner(inode);
	}
	return NULL;
}

nd_err *listener_error(int errnum, bool udp, struct in_addr ip, uint16_t port)
{
	char text[INET_ADDRSTRLEN];
	const char *proto = udp ? "udp" : "tcp";
	inet_ntop(AF_INET, &ip, text, sizeof text);
	nd_err *e = err_sys(errnum, "publish", "%s:%u/%s", text, port, proto);
	if (errnum == EADDRINUSE) {
		_cleanup_free_ char *who = find(udp, ip, port);
		err_code(e, "port-in-use");
		if (who)
			err_detail(e, "%s has it (seen in /proc/net/%s)", who, proto);
		else
			err_detail(e, "a process that cannot be seen from here, a socket that only "
				      "holds it, or a connection that has not ended has it");
		err_remedy(e, "Publish on another host port, or let nidus choose one with "
			      "'-p :PORT'.");
	} else if (errnum == EACCES) {
		err_code(e, "port-privileged");
		err_remedy(e, "Ports below the value in /proc/sys/net/ipv4/"
			      "ip_unprivileged_port_start need CAP_NET_BIND_SERVICE: use a higher "
			      "host port, or let root lower that value.");
	} else if (errnum == EADDRNOTAVAIL) {
		err_code(e, "port-address");
		err_remedy(e, "%s is not an address of this place.", text);
	}
	return e;
}
