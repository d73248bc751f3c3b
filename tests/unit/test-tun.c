/* Tests of kernel/tun.c and kernel/ns.c: what a refusal of TUN means, on the numbers of
 * the first incident, and what this process's own namespaces say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/ns.h"
#include "kernel/tun.h"

#define ALL_CAPS 0x1ffffffffffu

static void check(int errnum, const char *op, const struct netns_owner *o, uint64_t caps,
	const char *code, const char *detail, const char *remedy)
{
	struct tun_trial t = {.errnum = errnum, .op = op, .name = "tun7"};
	_cleanup_err_ nd_err *e = tun_err(&t, o, caps);
	assert_string_equal(e->code, code);
	assert_int_equal(e->errnum, errnum);
	if (detail)
		assert_non_null(strstr(e->detail, detail));
	if (remedy)
		assert_non_null(strstr(e->remedy, remedy));
}

static void host_network_in_a_user_namespace(void **state)
{
	struct netns_owner o = {.netns = 4026531840, .owner = 4026531837, .own = 4026532209};
	assert_false(netns_is_own(&o));
	check(EPERM, "TUNSETIFF", &o, ALL_CAPS, "tun-netns-owner",
		"net:[4026531840] is owned by user namespace user:[4026531837], the process is in "
		"user:[4026532209]",
		"ip tuntap add dev tun7 mode tun user UID");
	/* Seen from inside, the owner has no name. */
	o.owner = 0;
	o.owner_errnum = EPERM;
	assert_false(netns_is_own(&o));
	check(EPERM, "TUNSETIFF", &o, ALL_CAPS, "tun-netns-owner",
		"a user namespace outside the process's own", NULL);
}

static void own_namespace_without_the_right(void **state)
{
	struct netns_owner o = {.netns = 1, .owner = 2, .own = 2};
	assert_true(netns_is_own(&o));
	check(EPERM, "TUNSETIFF", &o, 0, "tun-no-cap", "lacks CAP_NET_ADMIN", "--cap-add");
	check(EPERM, "TUNSETIFF", &o, ALL_CAPS, "tun-denied", "has CAP_NET_ADMIN", NULL);
	check(EPERM, "TUNSETIFF", NULL, ALL_CAPS, "tun-denied", "not known", NULL);
}

static void the_node(void **state)
{
	check(ENOENT, "open", NULL, 0, "tun-no-node", NULL, "mknod");
	check(ENODEV, "open", NULL, 0, "tun-no-driver", NULL, "modprobe");
	check(EPERM, "open", NULL, 0, "tun-device-denied", NULL, "--device");
	check(EACCES, "open", NULL, 0, "tun-node-denied", NULL, "chmod");
	check(EBUSY, "TUNSETIFF", NULL, 0, "tun-name-taken", NULL, "another name");
}

static void unknown_is_no_difference(void **state)
{
	assert_true(netns_is_own(&(struct netns_owner){.netns = 1, .owner_errnum = ENOTTY}));
	assert_true(netns_is_own(&(struct netns_owner){.netns = 1, .owner = 2}));
}

static void long_names(void **state)
{
	struct tun_trial t;
	assert_false(tun_try("a-name-that-is-too-long", IFF_TUN, &t));
	assert_int_not_equal(t.errnum, 0);
	assert_int_equal(strnlen(t.name, sizeof t.name), sizeof t.name - 1);
}

static void this_process(void **state)
{
	struct netns_owner o;
	char text[16];
	if (!netns_owner(0, &o))
		skip();
	assert_int_not_equal(o.netns, 0);
	netns_owner_text(&o, text, sizeof text);
	assert_int_equal(strlen(text), sizeof text - 1);
	assert_false(netns_owner(-1, &o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_network_in_a_user_namespace),
		cmocka_unit_test(own_namespace_without_the_right),
		cmocka_unit_test(the_node),
		cmocka_unit_test(unknown_is_no_difference),
		cmocka_unit_test(long_names),
		cmocka_unit_test(this_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
