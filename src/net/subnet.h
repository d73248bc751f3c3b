/* Which addresses the bridge gets: a pure choice from what the place already uses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Host byte order. */
struct subnet {
	uint32_t net;
	unsigned prefix;
};

static inline uint32_t subnet_mask(unsigned prefix)
{
	return prefix ? ~(uint32_t)0 << (32 - prefix) : 0;
}
static inline bool subnet_overlaps(struct subnet a, struct subnet b)
{
	uint32_t m = subnet_mask(a.prefix < b.prefix ? a.prefix : b.prefix);
	return (a.net & m) == (b.net & m);
}

/* Pools in order: 10.88.0.0/16 to 10.254.0.0/16, 172.17.0.0/16 to 172.30.0.0/16,
 * 192.168.N.0/24.  The search starts behind the highest subnet of the first pool that is
 * in use, so that a nest counts upwards although each level sees only the one above.
 * False when everything overlaps something in `used`. */
bool subnet_choose(const struct subnet *used, size_t n, struct subnet *ret);
