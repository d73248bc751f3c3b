/* Owners of network namespaces: see ns.h.  NS_GET_USERNS is of Linux 4.9; gVisor does not
 * have it.  Where /proc is missing, SIOCGSKNS (Linux 4.10) opens the network namespace of
 * a socket, for who has CAP_NET_ADMIN in it. */
#include "kernel/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static uint64_t inode_of(int fd)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

bool netns_owner_at(int net_fd, int user_fd, struct netns_owner *ret)
{
	struct netns_owner o = {.netns = inode_of(net_fd), .own = inode_of(user_fd)};
	_cleanup_fd_ int owner_fd = ioctl(net_fd, NS_GET_USERNS);
	o.owner_errnum = owner_fd < 0 ? errno : 0;
	o.owner = inode_of(owner_fd);
	if (!o.netns)
		return false;
	*ret = o;
	return true;
}

static int open_ns(pid_t pid, const char *name)
{
	char path[64];
	if (pid)
		snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
	else
		snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

bool netns_owner(pid_t pid, struct netns_owner *ret)
{
	_cleanup_fd_ int net_fd = open_ns(pid, "net");
	int err = errno;
	_cleanup_fd_ int user_fd = open_ns(pid, "user");
	if (net_fd < 0 && !pid) {
		_cleanup_fd_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		net_fd = s < 0 ? -1 : ioctl(s, SIOCGSKNS);
	}
	if (net_fd >= 0)
		return netns_owner_at(net_fd, user_fd, ret);
	errno = err;
	return false;
}

bool netns_is_own(const struct netns_owner *o)
{
	if (o->owner_errnum == EPERM)
		return false;
	return !o->owner || !o->own || o->owner == o->own;
}

void netns_owner_text(const struct netns_owner *o, char *text, size_t size)
{
	char owner[64], own[40];
	if (o->owner)
		snprintf(owner, sizeof owner, "user namespace user:[%llu]",
			(unsigned long long)o->owner);
	else if (o->owner_errnum == EPERM)
		snprintf(owner, sizeof owner, "a user namespace outside the process's own");
	else
		snprintf(owner, sizeof owner, "a user namespace that cannot be asked for");
	if (o->own)
		snprintf(own, sizeof own, "user:[%llu]", (unsigned long long)o->own);
	else
		snprintf(own, sizeof own, "an unknown one");
	snprintf(text, size, "network namespace net:[%llu] is owned by %s, the process is in %s",
		(unsigned long long)o->netns, owner, own);
}
