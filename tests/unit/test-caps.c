/* Taking on capability sets, in a child each; what the kernel says afterwards counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/caps.h"

static uint64_t status_mask(const char *key)
{
	char line[256];
	unsigned long long mask = 0;
	FILE *f = fopen("/proc/thread-self/status", "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), "%llx", &mask);
	if (f)
		fclose(f);
	return mask;
}

static int child(int (*body)(void))
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(body());
	int status = -1;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

#define SET(cap) (1ULL << (cap))

static const char *need_setpcap(void)
{
	uint64_t mine = status_mask("CapEff:");
	uint64_t need = SET(CAP_SETPCAP) | SET(CAP_SETUID) | SET(CAP_CHOWN) | SET(CAP_KILL);
	return (mine & need) == need ? NULL : "this process lacks SETPCAP, SETUID, CHOWN or KILL";
}

static int body_narrow(void)
{
	struct cap_sets want = {.bounding = SET(CAP_CHOWN) | SET(CAP_KILL),
		.effective = SET(CAP_KILL),
		.permitted = SET(CAP_CHOWN) | SET(CAP_KILL)};
	uint64_t have = caps_bounding(caps_known());
	if (caps_apply_before_setuid(&want, have, false) || caps_apply_after_setuid(&want))
		return 1;
	if (status_mask("CapBnd:") != (want.bounding & have))
		return 2;
	if (status_mask("CapPrm:") != want.permitted || status_mask("CapEff:") != want.effective)
		return 3;
	return status_mask("CapInh:") || status_mask("CapAmb:") ? 4 : 0;
}

static int body_keep_over_setuid(void)
{
	uint64_t set = SET(CAP_CHOWN);
	struct cap_sets want = {set, set, set, set, set};
	if (caps_apply_before_setuid(&want, caps_known(), true))
		return 1;
	if (setresgid(54321, 54321, 54321) || setresuid(54321, 54321, 54321))
		return 2;
	if (caps_apply_after_setuid(&want))
		return 3;
	return status_mask("CapEff:") == set && status_mask("CapAmb:") == set &&
			       status_mask("CapBnd:") == set
		       ? 0
		       : 4;
}

static int body_none_over_setuid(void)
{
	struct cap_sets want = {.bounding = SET(CAP_CHOWN)};
	if (caps_apply_before_setuid(&want, caps_known(), true))
		return 1;
	if (setresuid(54321, 54321, 54321))
		return 2;
	if (caps_apply_after_setuid(&want))
		return 3;
	return status_mask("CapPrm:") || status_mask("CapEff:") ? 4 : 0;
}

static int body_raise_refused(void)
{
	struct cap_sets none = {0}, chown_only = {.permitted = SET(CAP_CHOWN)};
	if (caps_apply_after_setuid(&none))
		return 1;
	_cleanup_err_ nd_err *e = caps_apply_after_setuid(&chown_only);
	if (!e || e->errnum != 1 || !strstr(e->object, "CAP_CHOWN"))
		return 2;
	_cleanup_err_ nd_err *drop = caps_apply_before_setuid(&none, SET(CAP_CHOWN), false);
	return drop && drop->errnum == 1 && strcmp(drop->object, "CAP_CHOWN") == 0 ? 0 : 3;
}

#define BODY(name)                                                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		const char *why = need_setpcap();                                                  \
		if (why) {                                                                         \
			print_message("skipped: %s\n", why);                                       \
			skip();                                                                    \
		}                                                                                  \
		assert_int_equal(child(body_##name), 0);                                           \
	}
BODY(narrow)
BODY(keep_over_setuid)
BODY(none_over_setuid)
BODY(raise_refused)

static void test_masks(void **state)
{
	uint64_t known = caps_known();
	assert_true(known & SET(CAP_CHOWN));
	assert_int_equal(known & (known + 1), 0);
	assert_int_equal(caps_bounding(known), status_mask("CapBnd:"));
	uint64_t effective = 1;
	assert_null(caps_effective(&effective));
	assert_int_equal(effective, status_mask("CapEff:"));
	char *text = caps_text(SET(CAP_KILL) | SET(CAP_BPF) | SET(50));
	assert_string_equal(text, "CAP_KILL,CAP_BPF,50");
	free(text);
	text = caps_text(0);
	assert_string_equal(text, "none");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_keep_over_setuid),
		cmocka_unit_test(test_none_over_setuid),
		cmocka_unit_test(test_raise_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
