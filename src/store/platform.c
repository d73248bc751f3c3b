/* Platform names: see platform.h.  A 64-bit x86 kernel runs 32-bit programs, so "386"
 * ranks below "amd64"; other foreign architectures would need an emulator. */
#include "store/platform.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/str.h"

static const struct {
	const char *machine, *arch;
} names[] = {
	{"x86_64", "amd64"},
	{"aarch64", "arm64"},
	{"i386", "386"},
	{"i486", "386"},
	{"i586", "386"},
	{"i686", "386"},
	{"armv6l", "arm"},
	{"armv7l", "arm"},
	{"armv8l", "arm"},
	{"loongarch64", "loong64"},
	{"mips64", "mips64le"},
};

const char *platform_arch(void)
{
	static struct utsname u; /* does not change while a kernel runs */
	if (!*u.machine && uname(&u) < 0)
		return "unknown";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i].machine, u.machine) == 0)
			return names[i].arch;
	return u.machine;
}

int platform_rank(const char *os, const char *arch, const char *variant)
{
	const char *ours = platform_arch();
	if (os && *os && strcmp(os, "linux") != 0)
		return 0;
	if (arch && *arch && strcmp(arch, ours) != 0)
		return strcmp(ours, "amd64") == 0 && strcmp(arch, "386") == 0;
	/* "v2" and "v3" of amd64 want newer processors; the plain one always runs. */
	bool plain =
		!variant || !*variant || strcmp(variant, "v1") == 0 || strcmp(variant, "v8") == 0;
	return plain ? 3 : 2;
}
