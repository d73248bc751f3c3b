/* Capability sets of a process, and taking them on in the two steps that a change of
 * uid needs: what must be done while still privileged, and what only holds after.
 * Both are meant for a child of one thread: capset(2) is per thread. */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct cap_sets {
	uint64_t bounding, effective, permitted, inheritable, ambient; /* bit N: capability N */
};

/* The capabilities that this kernel has, as a mask, found by prctl(2) without /proc;
 * three calls where CAP_CHECKPOINT_RESTORE is the last. */
uint64_t caps_known(void);
/* The bounding set of this process, one call a known capability. */
uint64_t caps_bounding(uint64_t known);
/* This thread's effective set. */
nd_must nd_err *caps_effective(uint64_t *ret);

/* Before the uid changes: drops from the bounding set whatever is in `have` and not in
 * want->bounding (one call each; a capability that is already gone costs a call but no
 * error), and has the permitted set survive the change where anything of it is wanted
 * and `uid_changes` (from 0 to another).  `have` is caps_known() or, for fewer calls,
 * caps_bounding() asked once and kept; a new user namespace starts with all known. */
nd_must nd_err *caps_apply_before_setuid(
	const struct cap_sets *want, uint64_t have, bool uid_changes);
/* After: permitted, effective, inheritable in one call, then the ambient set. */
nd_must nd_err *caps_apply_after_setuid(const struct cap_sets *want);

/* "CAP_CHOWN,CAP_KILL", "none"; unnamed ones as numbers.  The caller frees. */
char *caps_text(uint64_t caps);
