/* A TUN or TAP interface that stays: made beforehand by root, so that a process of the
 * given user may attach to it without any capability (drivers/net/tun.c,
 * tun_not_capable). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct tundev {
	const char *name;
	bool tap;
	int64_t user, group; /* -1: anybody with CAP_NET_ADMIN only */
};
/* errnum EBUSY when there is an interface of that name; code "tun-exists". */
nd_must nd_err *tundev_add(const struct tundev *t);
/* Refuses interfaces that are no TUN or TAP (code "tun-other"). */
nd_must nd_err *tundev_rm(const char *name);
