/* Whether we may give files away: see owner.h.  chown(2) to another id wants CAP_CHOWN
 * and a user namespace that maps the id (user_namespaces(7)). */
#include "store/owner.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_cap(unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[cap / 32].effective & 1u << cap % 32;
}

/* How many ids our user namespace has. */
static uint64_t mapped_ids(void)
{
	unsigned long long total = 0, count;
	_cleanup_fclose_ FILE *f = fopen("/proc/self/uid_map", "re");
	if (!f)
		return UINT32_MAX; /* no user namespaces in this kernel, or no /proc */
	while (fscanf(f, "%*u %*u %llu", &count) == 1)
		total += count;
	return total;
}

void owner_ask(struct store *s)
{
	s->squash = geteuid() != 0 || !has_cap(CAP_CHOWN) || mapped_ids() < 2;
	s->devices = !s->squash && has_cap(CAP_MKNOD);
	s->owner = s->squash ? "squash" : "native";
}
