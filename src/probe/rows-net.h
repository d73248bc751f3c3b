/* Rows of the table in facts.c: network interfaces and sockets. */
// clang-format off
{
	.name = "tun.device", .group = "network", .try = try_tun_device,
	.question = "Can /dev/net/tun be opened?",
	.how = "It is opened for reading and writing.",
},
{
	.name = "tun.own-netns", .group = "network", .try = try_tun_own,
	.question = "Does TUNSETIFF work in a network namespace of its own?",
	.how = "In a new network namespace (in a new user namespace where needed) a TUN interface is made, gets an address, and a datagram sent to its subnet is read from the descriptor.",
},
{
	.name = "tun.current-netns", .group = "network", .try = try_tun_current,
	.question = "Does TUNSETIFF work in the network namespace this process is in?",
	.how = "A TUN interface is made under a free name (ndprobe0, ...) and removed at once; the owner of the network namespace is asked with NS_GET_USERNS.",
},
