/* TUN trials: see tun.h. */
#include "kernel/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"

int tun_open(const char *name, int flags, struct tun_trial *ret)
{
	struct ifreq ifr = {.ifr_flags = (short)flags};
	*ret = (struct tun_trial){.op = "open"};
	snprintf(ret->name, sizeof ret->name, "%s", name);
	_cleanup_fd_ int fd = open(TUN_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		ret->errnum = errno;
		return -1;
	}
	memcpy(ifr.ifr_name, ret->name, sizeof ifr.ifr_name);
	ret->op = "TUNSETIFF";
	if (strlen(name) >= sizeof ifr.ifr_name) {
		ret->errnum = ENAMETOOLONG;
		return -1;
	}
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		ret->errnum = errno;
		return -1;
	}
	memcpy(ret->name, ifr.ifr_name, sizeof ret->name);
	ret->name[sizeof ret->name - 1] = '\0';
	ret->op = NULL;
	return steal_fd(&fd);
}

bool tun_try(const char *name, int flags, struct tun_trial *ret)
{
	_cleanup_fd_ int fd = tun_open(name, flags, ret);
	return fd >= 0;
}

static nd_err *open_err(const struct tun_trial *t)
{
	nd_err *e = err_sys(t->errnum, "open", TUN_NODE);
	switch (t->errnum) {
	case ENOENT:
		err_code(e, "tun-no-node");
		return err_remedy(e, "Give the place the device (--tun, or --device " TUN_NODE
				     "; as root: mknod " TUN_NODE " c 10 200).");
	case ENODEV:
	case ENXIO:
		err_code(e, "tun-no-driver");
		return err_remedy(e, "The kernel of the machine needs its TUN driver: root there "
				     "can run modprobe tun.");
	case EPERM:
		err_code(e, "tun-device-denied");
		return err_remedy(e, "A device rule of a cgroup refuses device 10:200; whoever "
				     "started this place can allow it (--device " TUN_NODE ").");
	case EACCES:
		err_code(e, "tun-node-denied");
		return err_remedy(e, "The node's owner and mode, or a mount with nodev, keep this "
				     "process out: root can chmod 0666 " TUN_NODE
				     ", which gives nobody more rights over the network.");
	default:
		return err_code(e, "tun-open");
	}
}

static nd_err *foreign_owner(nd_err *e, const struct tun_trial *t, const struct netns_owner *o)
{
	char text[200];
	netns_owner_text(o, text, sizeof text);
	err_code(e, "tun-netns-owner");
	e->proved = true;
	err_detail(e,
		"TUNSETIFF asks for CAP_NET_ADMIN in the user namespace that owns the network "
		"namespace: %s",
		text);
	return err_remedy(e,
		"Use an own network namespace in place of this one (--network bridge, user or "
		"none); "
		"or no user namespace (as root); or have root make a persistent interface for this "
		"user first: ip tuntap add dev %s mode tun user UID.",
		strchr(t->name, '%') ? "tun0" : t->name);
}

static nd_err *right_err(
	nd_err *e, const struct tun_trial *t, const struct netns_owner *o, uint64_t caps)
{
	char text[200] = "the network namespace is not known";
	if (o && !netns_is_own(o))
		return foreign_owner(e, t, o);
	if (o)
		netns_owner_text(o, text, sizeof text);
	if (!(caps >> CAP_NET_ADMIN & 1)) {
		err_code(e, "tun-no-cap");
		e->proved = true;
		err_detail(e, "the process lacks CAP_NET_ADMIN; %s", text);
		return err_remedy(e,
			"Give it CAP_NET_ADMIN (--cap-add NET_ADMIN), or a user namespace and a "
			"network namespace of its own.");
	}
	err_code(e, "tun-denied");
	err_detail(e, "the process has CAP_NET_ADMIN; %s", text);
	return err_remedy(e,
		"The interface belongs to another user, or a security module refuses: see the "
		"kernel's audit log.");
}

nd_err *tun_err(const struct tun_trial *t, const struct netns_owner *owner, uint64_t caps)
{
	if (strcmp(t->op, "open") == 0)
		return open_err(t);
	nd_err *e = err_sys(t->errnum, t->op, "%s", t->name);
	switch (t->errnum) {
	case EPERM:
	case EACCES:
		return right_err(e, t, owner, caps);
	case EBUSY:
		err_code(e, "tun-name-taken");
		return err_remedy(e, "Another process holds this interface, or another kind of "
				     "interface has its name: choose another name.");
	case EINVAL:
		err_code(e, "tun-name-invalid");
		return err_remedy(e, "An interface name has at most 15 characters, without '/', "
				     "':' or blanks; an existing interface must be of the same "
				     "mode (tun or tap).");
	default:
		return err_code(e, "tun-refused");
	}
}
