/* Persistent TUN interfaces: see tundev.h. */
#include "net/tundev.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/caps.h"
#include "kernel/ns.h"
#include "kernel/rtnl.h"
#include "kernel/tun.h"

static nd_err *check_name(const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n >= IFNAMSIZ || strpbrk(name, "/ \t\n%:") || strcmp(name, ".") == 0 ||
		strcmp(name, "..") == 0)
		return err_invalid("'%s' is not an interface name (1 to 15 characters, no '/', "
				   "'%%', ':' or space)",
			name);
	return NULL;
}

static nd_err *refused(const struct tun_trial *t, const char *name)
{
	struct netns_owner owner;
	if (t->errnum == EBUSY)
		return err_remedy(
			err_code(err_sys(EBUSY, "make", "interface %s", name), "tun-exists"),
			"There is an interface of that name already.");
	bool known = netns_owner(0, &owner);
	uint64_t caps = 0;
	TRY(caps_effective(&caps));
	return tun_err(t, known ? &owner : NULL, caps);
}

nd_err *tundev_add(const struct tundev *d)
{
	struct tun_trial t;
	TRY(check_name(d->name));
	_cleanup_fd_ int fd =
		tun_open(d->name, (d->tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_TUN_EXCL, &t);
	if (fd < 0)
		return refused(&t, d->name);
	/* Its owner before it stays: nothing is left when this is interrupted. */
	if (d->user >= 0 && ioctl(fd, TUNSETOWNER, (unsigned long)d->user) < 0)
		return err_sys(errno, "TUNSETOWNER", "%s", d->name);
	if (d->group >= 0 && ioctl(fd, TUNSETGROUP, (unsigned long)d->group) < 0)
		return err_sys(errno, "TUNSETGROUP", "%s", d->name);
	if (ioctl(fd, TUNSETPERSIST, 1ul) < 0)
		return err_sys(errno, "TUNSETPERSIST", "%s", d->name);
	return NULL;
}

nd_err *tundev_rm(const char *name)
{
	_cleanup_nl_ struct nl_sock rt = NL_SOCK_NONE;
	_cleanup_batch_ struct nl_batch q = {0};
	struct link_info l;
	TRY(check_name(name));
	TRY(nl_open(NETLINK_ROUTE, &rt));
	TRY(rtnl_link_get(&rt, name, &l));
	if (strcmp(l.kind, "tun") != 0)
		return err_new(ND_INVALID, "tun-other", "%s is not a TUN or TAP interface but %s",
			name, *l.kind ? l.kind : "a link without a kind");
	rtnl_link_del(&q, name);
	return nl_run(&rt, &q);
}
