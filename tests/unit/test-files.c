/* Tests of net/files.c: what /etc/hosts and /etc/resolv.conf say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/files.h"

static struct in_addr ip(const char *text)
{
	struct in_addr a;
	assert_int_equal(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static struct strv list(const char *one, const char *two)
{
	struct strv l = {0};
	strv_add(&l, one);
	if (two)
		strv_add(&l, two);
	return l;
}

static const char base[] = "127.0.0.1 localhost\n127.0.1.1\tmachine\n::1 localhost\n"
			   "192.0.2.9 mirror # near\n\n# comment\n";

static void hosts_of_an_own_network(void **state)
{
	_cleanup_strv_ struct strv add = list("a;b:192.0.2.1", "host:host-gateway");
	_cleanup_strv_ struct strv aliases = list("web", "box");
	struct net_names n = {.hostname = "box", .aliases = &aliases, .add_hosts = &add};
	char *t = hosts_make(&n, base, true, ip("10.88.0.2"), ip("10.88.0.1"));
	assert_string_equal(t,
		"192.0.2.1\ta b\n10.88.0.1\thost\n127.0.0.1\tlocalhost\n"
		"::1\tlocalhost ip6-localhost ip6-loopback\n192.0.2.9 mirror # near\n"
		"10.88.0.2\tbox web\n"
		"10.88.0.1\thost.containers.internal host.docker.internal\n");
	free(t);
}

static void hosts_of_the_place(void **state)
{
	struct net_names n = {.hostname = NULL};
	char *t = hosts_make(&n, base, false, ip("0.0.0.0"), ip("0.0.0.0"));
	assert_string_equal(t, "127.0.0.1 localhost\n127.0.1.1\tmachine\n::1 localhost\n192.0.2.9 "
			       "mirror # near\n");
	free(t);
	t = hosts_make(&n, "", true, ip("0.0.0.0"), ip("0.0.0.0"));
	assert_string_equal(t, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	free(t);
}

static void resolv(void **state)
{
	static const char conf[] =
		"# made by resolved\nnameserver 127.0.0.53\nnameserver 192.0.2.53 \n"
		"search example.org\noptions edns0\nnameserver ::1\nsortlist x";
	size_t servers;
	struct net_names n = {0};
	char *t = resolv_make(&n, conf, true, &servers);
	assert_string_equal(t, "nameserver 192.0.2.53 \nsearch example.org\noptions edns0\n");
	assert_int_equal(servers, 1);
	free(t);
	t = resolv_make(&n, conf, false, &servers);
	assert_int_equal(servers, 3);
	free(t);
	_cleanup_strv_ struct strv dns = list("192.0.2.1", NULL),
				   search = list("a.example", "b.example");
	_cleanup_strv_ struct strv option = list("ndots:2", NULL);
	n = (struct net_names){.dns = &dns, .dns_search = &search, .dns_option = &option};
	t = resolv_make(&n, conf, true, &servers);
	assert_string_equal(
		t, "search a.example b.example\nnameserver 192.0.2.1\noptions ndots:2\n");
	free(t);
	_cleanup_strv_ struct strv none = list(".", NULL);
	n = (struct net_names){.dns_search = &none};
	t = resolv_make(&n, "search x\nnameserver 192.0.2.1", true, &servers);
	assert_string_equal(t, "nameserver 192.0.2.1\n");
	free(t);
}

static void refuse(struct net_names n, const char *option)
{
	nd_err *e = net_names_check(&n);
	assert_non_null(e);
	assert_true(str_starts(e->object, option));
	err_free(e);
}

static void what_cannot_stand_there(void **state)
{
	static const char *const hosts[] = {"", "a", ":192.0.2.1", "a:", "a:b", "a b:192.0.2.1",
		"a\n:192.0.2.1", ";:192.0.2.1", "a;:192.0.2.1", "a;;b:192.0.2.1", "a:192.0.2.1:80",
		"a:192.0.2.1\nx"};
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		_cleanup_strv_ struct strv l = list(hosts[i], NULL);
		refuse((struct net_names){.add_hosts = &l}, "--add-host: ");
	}
	_cleanup_strv_ struct strv fine = list("a:192.0.2.1", "b;c:2001:db8::1");
	nd_err *e = net_names_check(&(struct net_names){.add_hosts = &fine});
	assert_null(e);
	_cleanup_strv_ struct strv dns = list("192.0.2.1", "none");
	refuse((struct net_names){.dns = &dns}, "--dns: ");
	_cleanup_strv_ struct strv words = list("a b", NULL),
				   lines = list("a\nnameserver 1.2.3.4", NULL);
	refuse((struct net_names){.dns_search = &words}, "--dns-search: ");
	refuse((struct net_names){.dns_option = &lines}, "--dns-option: ");
	refuse((struct net_names){.hostname = "a\nb"}, "--hostname: ");
	refuse((struct net_names){.hostname = ""}, "--hostname: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_of_an_own_network),
		cmocka_unit_test(hosts_of_the_place),
		cmocka_unit_test(resolv),
		cmocka_unit_test(what_cannot_stand_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
