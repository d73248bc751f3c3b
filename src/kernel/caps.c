/* Capabilities: see caps.h and capabilities(7).  PR_CAPBSET_DROP needs CAP_SETPCAP
 * and takes one capability a call.  capset(2) shrinks the ambient set to what is both
 * permitted and inheritable by itself, so it is only cleared where that leaves some. */
#include "kernel/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "kernel/names.h"

static uint64_t bit(unsigned cap)
{
	return 1ULL << cap;
}

static bool exists(unsigned cap)
{
	return cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
}

uint64_t caps_known(void)
{
	unsigned last = CAP_KNOWN_LAST;
	while (last && !exists(last))
		last--;
	while (exists(last + 1))
		last++;
	return last >= 63 ? UINT64_MAX : bit(last + 1) - 1;
}

uint64_t caps_bounding(uint64_t known)
{
	uint64_t have = 0;
	for (unsigned cap = 0; cap < 64 && known >> cap; cap++)
		if ((known & bit(cap)) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			have |= bit(cap);
	return have;
}

nd_err *caps_effective(uint64_t *ret)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(errno, "capget", "of this process");
	*ret = (uint64_t)data[1].effective << 32 | data[0].effective;
	return NULL;
}

static nd_err *refused(int err, const char *op, unsigned cap)
{
	const char *name = cap_name(cap);
	_cleanup_free_ char *number = str_fmt("capability %u", cap);
	return err_sys(err, op, "%s", name ? name : number);
}

nd_err *caps_apply_before_setuid(const struct cap_sets *want, uint64_t have, bool uid_changes)
{
	uint64_t drop = have & ~want->bounding;
	for (unsigned cap = 0; cap < 64 && drop >> cap; cap++) {
		if (!(drop & bit(cap)))
			continue;
		/* EINVAL: this kernel does not know it, so it is not there to be dropped. */
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL) {
			int err = errno;
			/* Without CAP_SETPCAP it may still be true that it is gone already. */
			if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
				return refused(err, "prctl(PR_CAPBSET_DROP)", cap);
		}
	}
	if (uid_changes && want->permitted && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(errno, "prctl(PR_SET_KEEPCAPS)", "1");
	return NULL;
}

nd_err *caps_apply_after_setuid(const struct cap_sets *want)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	for (unsigned i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(want->effective >> (32 * i));
		data[i].permitted = (uint32_t)(want->permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(want->inheritable >> (32 * i));
	}
	if (syscall(SYS_capset, &head, data) < 0) {
		int err = errno;
		_cleanup_free_ char *text = caps_text(want->permitted);
		return err_sys(err, "capset", "permitted %s", text);
	}
	if ((want->inheritable & want->permitted & ~want->ambient) &&
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return err_sys(errno, "prctl(PR_CAP_AMBIENT_CLEAR_ALL)", "ambient set");
	for (unsigned cap = 0; cap < 64 && want->ambient >> cap; cap++)
		if ((want->ambient & bit(cap)) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return refused(errno, "prctl(PR_CAP_AMBIENT_RAISE)", cap);
	return NULL;
}

char *caps_text(uint64_t caps)
{
	struct buf b = {0};
	for (unsigned cap = 0; cap < 64; cap++) {
		if (!(caps & bit(cap)))
			continue;
		const char *name = cap_name(cap);
		if (b.len)
			buf_str(&b, ",");
		if (name)
			buf_str(&b, name);
		else
			buf_fmt(&b, "%u", cap);
	}
	if (!b.len)
		buf_str(&b, "none");
	return buf_steal(&b);
}
