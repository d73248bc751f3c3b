/* The network's ladder as data: see ladder.h. */
#include "net/ladder.h"

#define BRIDGE                                                                                     \
	{                                                                                          \
		"bridge", NULL, "veth bridge nft"                                                  \
	}
#define USER                                                                                       \
	{                                                                                          \
		"user (pasta or slirp4netns)", "connections are made by a program on the host",    \
			"tun.own-netns"                                                            \
	}

static const struct rung auto_rungs[] = {BRIDGE, USER};
static const struct rung bridge_rungs[] = {BRIDGE};
static const struct rung user_rungs[] = {USER};

#define LADDER(rows, no)                                                                           \
	{                                                                                          \
		.need = "network", .rungs = rows, .n = ARRAY_SIZE(rows),                           \
		.stride = sizeof(struct rung), .refusal = no                                       \
	}

static const struct ladder ladders[] = {
	[NET_AUTO] = LADDER(auto_rungs, NULL),
	[NET_BRIDGE] =
		LADDER(bridge_rungs, "A bridge with NAT cannot be made; --network user or none."),
	[NET_USER] =
		LADDER(user_rungs, "No TUN interface for pasta or slirp4netns; --network none."),
};

const struct ladder *net_ladder(enum net_mode mode)
{
	return mode == NET_HOST || mode == NET_NONE ? NULL : &ladders[mode];
}
