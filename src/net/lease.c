/* Locks, records and addresses in the state directory: see lease.h.  symlinkat(2) fails
 * with EEXIST, so taking an address needs no lock against others who take; the lock
 * keeps those away who remove, because they look first and unlink later. */
#include "net/lease.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"

#define FOLDER "net"
enum { LOCK_MS = 20000, NAME_LEN = 320 };

static void path_of(char path[NAME_LEN], const char *name)
{
	snprintf(path, NAME_LEN, FOLDER "/%s", name);
}

nd_err *lease_lock(int state_fd, bool exclusive, int *ret_fd)
{
	enum { FLAGS = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW };
	int fd = openat(state_fd, FOLDER "/lock", FLAGS, 0600);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(state_fd, FOLDER, 0700) < 0 && errno != EEXIST)
			return err_sys(errno, "mkdir", FOLDER " in the state directory");
		fd = openat(state_fd, FOLDER "/lock", FLAGS, 0600);
	}
	if (fd < 0)
		return err_sys(errno, "open", FOLDER "/lock in the state directory");
	int64_t until = 0;
	while (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		int err = errno;
		if (!until)
			until = now_ms() + LOCK_MS;
		if ((err != EWOULDBLOCK && err != EINTR) || now_ms() >= until) {
			fd_close(fd);
			if (err != EWOULDBLOCK)
				return err_sys(err, "flock", FOLDER "/lock");
			return err_remedy(err_new(ND_TIMEOUT, "net-locked",
						  "another nidus held " FOLDER
						  "/lock of the state directory for %d s",
						  LOCK_MS / 1000),
				"Find it with 'fuser' or in /proc/locks; it may have been "
				"stopped.");
		}
		nanosleep(&(struct timespec){0, 2000000}, NULL);
	}
	*ret_fd = fd;
	return NULL;
}

nd_err *record_get(int state_fd, const char *name, char **ret)
{
	char path[NAME_LEN], text[1024];
	path_of(path, name);
	ssize_t n = readlinkat(state_fd, path, text, sizeof text - 1);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(errno, "readlink", "%s in the state directory", path);
	*ret = n < 0 ? NULL : str_ndup(text, (size_t)n);
	return NULL;
}

nd_err *record_put(int state_fd, const char *name, const char *text)
{
	char path[NAME_LEN], temp[NAME_LEN];
	path_of(path, name);
	snprintf(temp, sizeof temp, FOLDER "/.new-%d", (int)getpid());
	if (unlinkat(state_fd, temp, 0) < 0 && errno == ENOENT)
		mkdirat(state_fd, FOLDER, 0700);
	if (symlinkat(text, state_fd, temp) < 0 || renameat(state_fd, temp, state_fd, path) < 0) {
		int err = errno;
		unlinkat(state_fd, temp, 0);
		return err_sys(err, "write", "%s in the state directory", path);
	}
	return NULL;
}

void record_drop(int state_fd, const char *name)
{
	char path[NAME_LEN];
	path_of(path, name);
	unlinkat(state_fd, path, 0);
}

/* FNV-1a: the same run tries the same address first, and others spread. */
static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

enum claim { CLAIM_OURS, CLAIM_TAKEN, CLAIM_FAILED };

static enum claim claim(const struct lease_ask *a, struct in_addr ip)
{
	char text[INET_ADDRSTRLEN], path[NAME_LEN];
	char mine[LEASE_ID_MAX + 16], holder[LEASE_ID_MAX + 16];
	path_of(path, inet_ntop(AF_INET, &ip, text, sizeof text));
	snprintf(mine, sizeof mine, "%s %d", a->id, (int)getpid());
	if (symlinkat(mine, a->state_fd, path) == 0)
		return CLAIM_OURS;
	if (errno != EEXIST)
		return CLAIM_FAILED;
	ssize_t n = readlinkat(a->state_fd, path, holder, sizeof holder - 1);
	if (n < 0)
		return errno == ENOENT ? CLAIM_TAKEN : CLAIM_FAILED;
	holder[n] = '\0';
	holder[strcspn(holder, " ")] = '\0';
	return strcmp(holder, a->id) == 0 ? CLAIM_OURS : CLAIM_TAKEN;
}

static nd_err *claim_wanted(const struct lease_ask *a, struct in_addr *ret)
{
	char text[INET_ADDRSTRLEN], net[INET_ADDRSTRLEN];
	uint32_t ip = ntohl(a->want.s_addr), mask = subnet_mask(a->subnet.prefix);
	struct in_addr base = {htonl(a->subnet.net)};
	inet_ntop(AF_INET, &a->want, text, sizeof text);
	if ((ip & mask) != a->subnet.net || (ip & ~mask) == 0 || (ip & ~mask) == ~mask)
		return err_invalid("--ip: %s is not an address for a container in %s/%u", text,
			inet_ntop(AF_INET, &base, net, sizeof net), a->subnet.prefix);
	enum claim c = a->want.s_addr == a->gateway.s_addr ? CLAIM_TAKEN : claim(a, a->want);
	if (c == CLAIM_FAILED)
		return err_sys(errno, "lease", "%s", text);
	if (c == CLAIM_TAKEN)
		return err_new(ND_BUSY, "address-taken", "%s belongs to another container", text);
	*ret = a->want;
	return NULL;
}

nd_err *lease_take(const struct lease_ask *a, struct in_addr *ret)
{
	if (a->want.s_addr)
		return claim_wanted(a, ret);
	uint32_t hosts = ~subnet_mask(a->subnet.prefix) - 1; /* without network and broadcast */
	uint32_t start = hash(a->id) % hosts;
	for (uint32_t i = 0; i < hosts; i++) {
		struct in_addr ip = {htonl(a->subnet.net + 1 + (start + i) % hosts)};
		if (ip.s_addr == a->gateway.s_addr)
			continue;
		enum claim c = claim(a, ip);
		if (c == CLAIM_FAILED)
			return err_sys(errno, "lease", "an address in the state directory");
		if (c == CLAIM_OURS) {
			*ret = ip;
			return NULL;
		}
	}
	return err_remedy(err_new(ND_LIMIT, "addresses-exhausted",
				  "all %u addresses of the bridge are taken", hosts - 1),
		"'nidus gc' takes back those of runs that were killed.");
}

void lease_drop(int state_fd, struct in_addr ip)
{
	char text[INET_ADDRSTRLEN];
	record_drop(state_fd, inet_ntop(AF_INET, &ip, text, sizeof text));
}

nd_err *record_each(
	int state_fd, void (*fn)(const char *name, const char *text, void *arg), void *arg)
{
	int fd = openat(state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? NULL
				       : err_sys(errno, "open", FOLDER " in the state directory");
	_cleanup_closedir_ DIR *d = fdopendir(fd);
	if (!d) {
		int err = errno;
		fd_close(fd);
		return err_sys(err, "fdopendir", FOLDER);
	}
	struct dirent *e;
	while ((e = readdir(d))) {
		char text[LEASE_ID_MAX + 16];
		if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN)
			continue;
		ssize_t n = readlinkat(fd, e->d_name, text, sizeof text - 1);
		if (n < 0)
			continue;
		text[n] = '\0';
		fn(e->d_name, text, arg);
	}
	return NULL;
}
