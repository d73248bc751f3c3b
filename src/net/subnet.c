/* The choice of a subnet: see subnet.h. */
#include "net/subnet.h"

static const struct pool {
	uint32_t first, count, size; /* size: addresses of one subnet */
	unsigned prefix;
} pools[] = {
	{10u << 24 | 88u << 16, 167, 1u << 16, 16},
	{172u << 24 | 17u << 16, 14, 1u << 16, 16},
	{192u << 24 | 168u << 16, 256, 1u << 8, 24},
};

static struct subnet pool_at(const struct pool *p, uint32_t i)
{
	return (struct subnet){p->first + i * p->size, p->prefix};
}

static bool free_of(struct subnet s, const struct subnet *used, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (subnet_overlaps(s, used[i]))
			return false;
	return true;
}

/* Routes wider than one subnet (a whole 10/8) say nothing about the level we are on. */
static uint32_t start_at(const struct pool *p, const struct subnet *used, size_t n)
{
	uint32_t start = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t at = (used[i].net - p->first) / p->size;
		if (used[i].prefix >= p->prefix && used[i].net >= p->first && at < p->count &&
			at + 1 > start)
			start = at + 1;
	}
	return start % p->count;
}

bool subnet_choose(const struct subnet *used, size_t n, struct subnet *ret)
{
	for (size_t k = 0; k < sizeof pools / sizeof *pools; k++) {
		const struct pool *p = &pools[k];
		uint32_t start = start_at(p, used, n);
		for (uint32_t i = 0; i < p->count; i++) {
			struct subnet s = pool_at(p, (start + i) % p->count);
			if (free_of(s, used, n)) {
				*ret = s;
				return true;
			}
		}
	}
	return false;
}
