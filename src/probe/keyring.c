/* The kernel's key rings.  Each user has a quota of keys (200 by default) that all
 * containers of a uid share; a runtime that makes a session ring for each meets EDQUOT
 * (keyrings(7)).  The trial's key sits in the process's own ring and dies with it. */
#include "probe/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/trial.h"
#include "probe/trials.h"

bool keyring_usage(const char *key_users, unsigned uid, struct keyring_usage *ret)
{
	/* "    0:     5 4/4 3/200 60/20000", proc(5) */
	for (const char *line = key_users; line && *line;) {
		struct keyring_usage u;
		unsigned id;
		if (sscanf(line, " %u: %*u %*u/%*u %u/%u %u/%u", &id, &u.keys, &u.max_keys,
			    &u.bytes, &u.max_bytes) == 5 &&
			id == uid) {
			*ret = u;
			return true;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return false;
}

void try_keyring(struct fact_result *r)
{
	char users[8192], quota[96] = "/proc/key-users does not tell";
	char text[4] = "";
	struct keyring_usage u;
	if (trial_read("/proc/key-users", users, sizeof users) > 0 &&
		keyring_usage(users, geteuid(), &u)) {
		snprintf(quota, sizeof quota, "uid %u has %u of %u keys, %u of %u bytes", geteuid(),
			u.keys, u.max_keys, u.bytes, u.max_bytes);
		snprintf(r->value, sizeof r->value, "%u/%u keys", u.keys, u.max_keys);
	}
	long key = syscall(SYS_add_key, "user", "nidus-probe", "abc", 3, KEY_SPEC_PROCESS_KEYRING);
	int err = errno;
	if (key < 0 && err == EDQUOT) {
		fact_set(r, FACT_BROKEN, "the quota of keys is used up", "add_key(): EDQUOT; %s",
			quota);
		r->errnum = err;
	} else if (key < 0) {
		fact_refused(r, err, "add_key", "%s", quota);
	} else if (syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text) != 3 ||
		   memcmp(text, "abc", 3) != 0) {
		fact_set(r, FACT_BROKEN, "a key cannot be read back",
			"add_key() gave key %ld; KEYCTL_READ: %s; %s", key, strerror(errno), quota);
	} else {
		fact_works(r, "add_key() into the process's ring, read back, revoked; %s", quota);
	}
	if (key >= 0)
		syscall(SYS_keyctl, KEYCTL_REVOKE, key);
}
