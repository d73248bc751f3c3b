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
{
	.name = "netlink", .group = "network", .try = try_netlink,
	.question = "Does rtnetlink answer?",
	.how = "The links of the network namespace at hand are listed.",
},
{
	.name = "net.admin", .group = "network", .try = try_net_admin,
	.question = "May this process change the network namespace it is in?",
	.how = "A change of lo that changes nothing is asked for by netlink; the owner of the network namespace is asked with NS_GET_USERNS.",
	.remedy = "Give it CAP_NET_ADMIN in the user namespace that owns the network namespace, or use a network namespace of its own.",
},
{
	.name = "veth", .group = "network", .try = try_veth,
	.question = "Does a veth pair carry packets between network namespaces?",
	.how = "In a new network namespace (in a new user namespace where needed) a pair is made with its other end in a child's; a datagram has to arrive there.",
	.remedy = "The kernel of the machine needs its veth driver (root there: modprobe veth). Without it use --network user, none or host.",
},
{
	.name = "bridge", .group = "network", .try = try_bridge,
	.question = "Does a bridge carry packets?",
	.how = "As for veth, with our end in a bridge that has the address.",
	.remedy = "The kernel of the machine needs its bridge driver (root there: modprobe bridge). Without it use --network user, none or host.",
},
{
	.name = "nft", .group = "network", .try = try_nft,
	.question = "Can nftables masquerade and filter?",
	.how = "In a new network namespace a table with a masquerade and a drop rule is loaded, has to drop a datagram, and is deleted.",
	.remedy = "The kernel of the machine needs nf_tables, nft_chain_nat and nft_masq (root there: modprobe). Without them use --network user, none or host.",
},
{
	.name = "socket.packet", .group = "network", .try = try_socket_packet,
	.question = "Do packet sockets work?",
	.how = "In a new network namespace a packet socket on lo has to see a datagram; the socket is also opened and closed in the network namespace at hand.",
	.remedy = "Give the process CAP_NET_RAW (--cap-add NET_RAW) or a network namespace of its own.",
},
{
	.name = "socket.raw", .group = "network", .try = try_socket_raw,
	.question = "Do raw sockets work?",
	.how = "In a new network namespace a raw ICMP socket has to ping 127.0.0.1; the socket is also opened and closed in the network namespace at hand.",
	.remedy = "Give the process CAP_NET_RAW (--cap-add NET_RAW) or a network namespace of its own.",
},
{
	.name = "vsock", .group = "network", .try = try_vsock,
	.question = "Does vsock carry data?",
	.how = "Data is sent there and back over the loopback (CID 1), and a connection to the host (CID 2) is tried; each has 100 ms.",
	.remedy = "Within a machine: root can run modprobe vsock_loopback. To the host: whoever runs the VM must give it a vsock device. Until then use a virtio-serial port.",
},
