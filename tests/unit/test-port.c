/* Tests of net/port.c, net/listener.c and net/subnet.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/listener.h"
#include "net/port.h"
#include "net/subnet.h"

static void expect(const char *text, const char *shown)
{
	struct port_list l = {0};
	nd_err *e = port_parse(text, &l);
	assert_null(e);
	char *t = port_text(&l);
	assert_string_equal(t, shown);
	free(t);
	port_list_done(&l);
}

static void ports(void **state)
{
	expect("80", "0.0.0.0:0->80/tcp");
	expect("8080:80", "0.0.0.0:8080->80/tcp");
	expect("8080:80/udp", "0.0.0.0:8080->80/udp");
	expect("127.0.0.1:8080:80/tcp", "127.0.0.1:8080->80/tcp");
	expect("127.0.0.1::80", "127.0.0.1:0->80/tcp");
	expect(":80", "0.0.0.0:0->80/tcp");
	expect("1-65535:1-65535", "0.0.0.0:1-65535->1-65535/tcp");
	expect("9000-9002:90-92/udp", "0.0.0.0:9000-9002->90-92/udp");
}

static void refused_ports(void **state)
{
	static const char *const wrong[] = {"", ":", "::", "0", "65536", "-1", "80-79", "80-",
		"-80", "8080:", "a:80", "80:a", "80/sctp", "80/", "80/tcp/udp", "8080:80:80",
		"1.2.3:80:80", "256.0.0.1:80:80", "[::1]:80:80", "80-82:80", "1:2:3:4", "80 ",
		" 80", "0x50", "99999999999999999999", "80-90-95", "8080:80-81"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct port_list l = {0};
		nd_err *e = port_parse(wrong[i], &l);
		assert_non_null(e);
		assert_int_equal(e->kind, ND_INVALID);
		assert_non_null(e->remedy);
		assert_non_null(strstr(e->object, wrong[i]));
		assert_int_equal(l.n, 0);
		err_free(e);
	}
}

static const char table[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			    "retrnsmt   uid  timeout inode\n"
			    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 "
			    "00000000     0        0 4711 1\n"
			    "   1: 0200000A:1F91 0100000A:0050 01 00000000:00000000 00:00000000 "
			    "00000000     0        0 4712 1\n"
			    "   2: 00000000:1F92 00000000:0000 0A 00000000:00000000 00:00000000 "
			    "00000000     0        0 4713 1\n"
			    "junk\n";

static void who_listens(void **state)
{
	struct in_addr any = {0}, lo = {htonl(INADDR_LOOPBACK)}, other = {htonl(0x0a000005)};
	assert_int_equal(listener_inode(table, false, lo, 8080), 4711);
	assert_int_equal(listener_inode(table, false, any, 8080), 4711);
	assert_int_equal(listener_inode(table, false, other, 8080), 0);
	assert_int_equal(listener_inode(table, false, any, 8081), 0); /* a connection */
	assert_int_equal(listener_inode(table, false, other, 8082), 4713);
	assert_int_equal(listener_inode("", false, any, 1), 0);
	assert_int_equal(listener_inode(NULL, false, any, 1), 0);
}

static struct subnet net(const char *ip, unsigned prefix)
{
	struct in_addr a;
	assert_int_equal(inet_pton(AF_INET, ip, &a), 1);
	return (struct subnet){ntohl(a.s_addr), prefix};
}

static void expect_subnet(const struct subnet *used, size_t n, const char *ip, unsigned prefix)
{
	struct subnet got, want = net(ip, prefix);
	assert_true(subnet_choose(used, n, &got));
	assert_int_equal(got.net, want.net);
	assert_int_equal(got.prefix, want.prefix);
}

static void subnets(void **state)
{
	const struct subnet used[] = {net("192.168.1.0", 24), net("10.88.0.0", 16),
		net("10.120.4.0", 24), net("10.254.0.0", 16), net("172.16.0.0", 12)};
	expect_subnet(NULL, 0, "10.88.0.0", 16);
	expect_subnet(used, 1, "10.88.0.0", 16);
	expect_subnet(used, 2, "10.89.0.0", 16);
	expect_subnet(used, 3, "10.121.0.0", 16); /* behind the highest, not into the gap */
	expect_subnet(used, 4, "10.89.0.0", 16);  /* the last is taken: from the front */
	const struct subnet wide[] = {net("10.0.0.0", 8)};
	expect_subnet(wide, 1, "172.17.0.0", 16);
	const struct subnet wider[] = {net("10.0.0.0", 8), net("172.16.0.0", 12)};
	expect_subnet(wider, 2, "192.168.0.0", 24);
	const struct subnet all[] = {net("0.0.0.0", 1), net("128.0.0.0", 1)};
	struct subnet s;
	assert_false(subnet_choose(all, 2, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(refused_ports),
		cmocka_unit_test(who_listens),
		cmocka_unit_test(subnets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
