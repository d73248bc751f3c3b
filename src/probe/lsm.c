/* Linux security modules: which there are and whether one confines this process; and
 * no_new_privs, the flag by which a process gives up set-uid programs (Linux 3.5). */
#include "probe/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "probe/trial.h"
#include "probe/trials.h"

#ifndef SYS_lsm_list_modules
#	define SYS_lsm_list_modules 461 /* Linux 6.8 */
#endif
#ifndef SYS_landlock_create_ruleset
#	define SYS_landlock_create_ruleset 444 /* Linux 5.13 */
#endif
enum { LANDLOCK_VERSION = 1 << 0, MAX_IDS = 32 };

/* linux/lsm.h */
const char *lsm_name(uint64_t id)
{
	static const char *const names[] = {"capability", "selinux", "smack", "tomoyo", "apparmor",
		"yama", "loadpin", "safesetid", "lockdown", "bpf", "landlock", "ima", "evm", "ipe"};
	return id >= 100 && id - 100 < ARRAY_SIZE(names) ? names[id - 100] : "unknown";
}

/* securityfs, where it is not mounted but may be: in an own mount namespace. */
static bool read_mounted(char *text, size_t size)
{
	const char *op;
	return trial_unshare(CLONE_NEWNS, &op) && trial_scratch(&op) && mkdir("s", 0700) == 0 &&
	       mount("nidus-probe", "s", "securityfs", 0, NULL) == 0 &&
	       file_read_line(AT_FDCWD, "s/lsm", text, size) > 0;
}

static const char *list_modules(char *text, size_t size)
{
	uint64_t ids[MAX_IDS];
	uint32_t len = sizeof ids;
	text[0] = '\0';
	if (file_read_line(AT_FDCWD, "/sys/kernel/security/lsm", text, size) > 0)
		return "/sys/kernel/security/lsm";
	if (read_mounted(text, size))
		return "securityfs, file lsm";
	text[0] = '\0';
	long n = syscall(SYS_lsm_list_modules, ids, &len, 0);
	for (long i = 0; i < n && i < MAX_IDS; i++) {
		size_t at = strlen(text);
		snprintf(text + at, size - at, "%s%s", at ? "," : "", lsm_name(ids[i]));
	}
	return n > 0 ? "lsm_list_modules()" : NULL;
}

bool lsm_confines(const char *label)
{
	/* AppArmor: "unconfined", "NAME (enforce)", "NAME (complain)"; SELinux:
	 * "user:role:type:level", where these types are its own unconfined ones. */
	return label[0] && strcmp(label, "unconfined") != 0 && !str_ends(label, "(complain)") &&
	       !str_ends(label, "(unconfined)") && !strstr(label, ":unconfined_t") &&
	       !strstr(label, ":kernel_t") && !strstr(label, ":spc_t") && strcmp(label, "_") != 0;
}

void try_lsm(struct fact_result *r)
{
	char modules[160], label[128] = "";
	const char *from = list_modules(modules, sizeof modules);
	bool labelled =
		file_read_line(AT_FDCWD, "/proc/self/attr/current", label, sizeof label) > 0;
	long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	bool confined = labelled && lsm_confines(label);
	if (confined)
		snprintf(r->value, sizeof r->value, "confined: %.80s", label);
	else
		snprintf(r->value, sizeof r->value, "%s", from ? modules : "none shown");
	fact_works(r, "%s%s%s; /proc/self/attr/current: %s; landlock_create_ruleset(): %s%ld",
		from ? from : "neither securityfs nor lsm_list_modules() tells", from ? ": " : "",
		modules, labelled ? label : "no label", landlock > 0 ? "ABI " : "errno ",
		landlock > 0 ? landlock : (long)errno);
}

void try_no_new_privs(struct fact_result *r)
{
	int before = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	if (before < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		fact_refused(r, errno, "prctl", "PR_%cET_NO_NEW_PRIVS", before < 0 ? 'G' : 'S');
		return;
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
		fact_set(r, FACT_BROKEN, "it does not stay set",
			"PR_GET_NO_NEW_PRIVS after PR_SET_NO_NEW_PRIVS is not 1");
		return;
	}
	fact_works(r, "PR_GET_NO_NEW_PRIVS was %d; PR_SET_NO_NEW_PRIVS in a child made it 1%s",
		before, before ? "; set-uid programs (newuidmap, sudo) get no privilege here" : "");
	if (before)
		snprintf(r->value, sizeof r->value, "set already");
}
