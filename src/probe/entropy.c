/* Randomness: whether the kernel gives it without waiting, and what feeds it.  Without a
 * source a VM's first services wait in getrandom(2) (sshd making its host keys, say). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

#if defined(__x86_64__)
#	include <cpuid.h>

static bool has_rdrand(void)
{
	unsigned a, b, c, d;
	return __get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 30);
}
#else
static bool has_rdrand(void)
{
	return false;
}
#endif

void try_entropy(struct fact_result *r)
{
	char source[64], random[32] = {0}, zero[sizeof random] = {0};
	if (file_read_line(
		    AT_FDCWD, "/sys/class/misc/hw_random/rng_current", source, sizeof source) <= 0)
		snprintf(source, sizeof source, "none");
	ssize_t n = getrandom(random, sizeof random, GRND_NONBLOCK);
	int err = errno;
	snprintf(r->value, sizeof r->value, "%s%s", strcmp(source, "none") == 0 ? "" : source,
		has_rdrand() ? strcmp(source, "none") == 0 ? "rdrand" : ", rdrand" : "");
	if (n == (ssize_t)sizeof random && memcmp(random, zero, sizeof zero) != 0)
		fact_works(r,
			"getrandom(32 bytes, GRND_NONBLOCK) gave them; hw_random/rng_current: %s; "
			"rdrand: %s",
			source, has_rdrand() ? "yes" : "no");
	else if (n < 0 && err == EAGAIN)
		fact_set(r, FACT_BROKEN, "the kernel has no randomness yet: readers wait",
			"getrandom(GRND_NONBLOCK): EAGAIN; hw_random/rng_current: %s; rdrand: %s",
			source, has_rdrand() ? "yes" : "no");
	else if (n < 0)
		fact_refused(r, err, "getrandom", "hw_random/rng_current: %s", source);
	else
		fact_set(r, FACT_BROKEN, "what it gives is not random",
			"getrandom() returned %zd zero bytes", n);
}
