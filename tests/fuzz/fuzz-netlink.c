/* kernel/netlink.c and its readers: no answer of a kernel, a sandbox or a liar leads out of
 * the bytes that were received. */
#include <linux/netlink.h>
#include <stdint.h>

#include "kernel/nft.h"
#include "kernel/rtnl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(struct nl_view key, struct nl_view value, void *arg)
{
	unsigned *sum = arg;
	for (size_t i = 0; i < key.len; i++)
		*sum += key.p[i];
	for (size_t i = 0; i < value.len; i++)
		*sum += value.p[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nl_view v = {data, size};
	struct nl_reply m;
	struct link_info l;
	struct route_info r;
	char text[64];
	unsigned sum = 0;
	while (nl_reply_next(&v, &m)) {
		nl_error_read(&m, text, sizeof text);
		rtnl_link_read(&m, &l);
		rtnl_route_read(&m, &r);
		nft_elems_read(&m, touch, &sum);
	}
	return 0;
}
