/* Tests of kernel/netlink.c, kernel/rtnl.c and kernel/nft.c: the wire, without a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/nft.h"
#include "kernel/rtnl.h"

static void lengths_cover_all_requests(void **state)
{
	_cleanup_batch_ struct nl_batch q = {0};
	struct link_spec s = {.name = "a",
		.kind = "veth",
		.up = true,
		.mtu = 1400,
		.peer = {.name = "eth0", .netns_fd = 7}};
	rtnl_link_add(&q, &s);
	rtnl_addr_add(&q, 3, (struct in_addr){htonl(0x0a580002)}, 16);
	rtnl_route_add(&q, (struct in_addr){0}, 0, (struct in_addr){htonl(0x0a580001)}, 0);
	struct nl_view v = {(uint8_t *)q.b.data, q.b.len};
	struct nl_reply m;
	size_t n = 0;
	while (nl_reply_next(&v, &m))
		n++;
	assert_int_equal(n, 3);
	assert_int_equal(v.len, 0);
}

static void a_link_reads_back(void **state)
{
	_cleanup_batch_ struct nl_batch q = {0};
	rtnl_link_set(&q, &(struct link_spec){.name = "br",
				  .index = 9,
				  .alias = "nidus x",
				  .rename = "br",
				  .mtu = 1450,
				  .master = 4,
				  .group = 6});
	struct nl_view v = {(uint8_t *)q.b.data, q.b.len};
	struct nl_reply m;
	struct link_info l;
	assert_true(nl_reply_next(&v, &m));
	assert_true(rtnl_link_read(&m, &l));
	assert_int_equal(l.index, 9);
	assert_string_equal(l.name, "br");
	assert_string_equal(l.alias, "nidus x");
	assert_int_equal(l.mtu, 1450);
	assert_int_equal(l.master, 4);
	assert_int_equal(l.group, 6);
}

static void count_elem(struct nl_view key, struct nl_view data, void *arg)
{
	assert_int_equal(key.len, 8);
	assert_int_equal(data.len, 8);
	++*(int *)arg;
}

static void elements_read_back(void **state)
{
	_cleanup_batch_ struct nl_batch q = {0};
	const struct nft_set s = {.table = "t", .name = "m", .key_len = 8, .data_len = 8};
	struct nft_elems e = nft_elems_open(&q, &s, true);
	nft_elem(&q, &s, "12345678", "abcdefgh");
	nft_elem(&q, &s, "22345678", "abcdefgh");
	nft_elems_close(&q, e);
	struct nl_view v = {(uint8_t *)q.b.data, q.b.len};
	struct nl_reply m;
	int n = 0;
	assert_true(nl_reply_next(&v, &m));
	nft_elems_read(&m, count_elem, &n);
	assert_int_equal(n, 2);
}

/* Lengths that lie end the walk; nothing is read beyond what was received. */
static void lying_lengths(void **state)
{
	struct {
		struct nlmsghdr h;
		uint8_t rest[8];
	} m = {.h = {.nlmsg_len = 4000, .nlmsg_type = RTM_NEWLINK}};
	struct nl_view v = {(uint8_t *)&m, sizeof m};
	struct nl_reply r;
	assert_false(nl_reply_next(&v, &r));
	m.h.nlmsg_len = 3;
	assert_false(nl_reply_next(&v, &r));
	m.h.nlmsg_len = sizeof m;
	assert_true(nl_reply_next(&v, &r));
	struct link_info l;
	assert_false(rtnl_link_read(&r, &l)); /* shorter than ifinfomsg */

	const uint8_t attr[] = {9, 0, 1, 0, 'a', 'b'};
	struct nl_view a = {attr, sizeof attr}, value;
	uint16_t type;
	assert_false(nl_attr_next(&a, &type, &value));
	const uint8_t zero[] = {0, 0, 1, 0, 0, 0, 0, 0};
	a = (struct nl_view){zero, sizeof zero};
	assert_false(nl_attr_next(&a, &type, &value)); /* would never end */
}

static void text_is_terminated(void **state)
{
	char t[4];
	nl_text((struct nl_view){(const uint8_t *)"abcdef", 6}, t, sizeof t);
	assert_string_equal(t, "abc");
	nl_text((struct nl_view){0}, t, sizeof t);
	assert_string_equal(t, "");
}

static void error_with_text(void **state)
{
	struct {
		int32_t err;
		struct nlmsghdr asked;
		uint16_t len, type;
		char text[8];
	} m = {-EPERM, {.nlmsg_len = 500}, 12, NLMSGERR_ATTR_MSG, "too bad"};
	struct nl_reply r = {.type = NLMSG_ERROR,
		.flags = NLM_F_ACK_TLVS | NLM_F_CAPPED,
		.body = {(uint8_t *)&m, sizeof m}};
	char text[32];
	assert_int_equal(nl_error_read(&r, text, sizeof text), EPERM);
	assert_string_equal(text, "too bad");
	r.flags = NLM_F_ACK_TLVS; /* now 484 bytes of the request should follow: they do not */
	assert_int_equal(nl_error_read(&r, text, sizeof text), EPERM);
	assert_string_equal(text, "");
	r.body.len = 2;
	assert_int_equal(nl_error_read(&r, text, sizeof text), EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_cover_all_requests),
		cmocka_unit_test(a_link_reads_back),
		cmocka_unit_test(elements_read_back),
		cmocka_unit_test(lying_lengths),
		cmocka_unit_test(text_is_terminated),
		cmocka_unit_test(error_with_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
