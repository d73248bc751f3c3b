/* base/str.c: sizes, durations and numbers from any text; what was accepted is in range. */
#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *s = str_ndup((const char *)data, size);
	uint64_t u = 1;
	int64_t i = -1;
	uint32_t u32;
	if (str_to_ms(s, &i))
		expect(i >= 0);
	if (!str_to_bytes(s, &u))
		expect(u == 1);
	if (str_to_u32(s, &u32))
		expect(str_to_u64(s, &u) && u == u32);
	if (str_to_i64(s, &i) && *s != '-')
		expect(str_to_u64(s, &u) && u == (uint64_t)i);

	_cleanup_strv_ struct strv parts = {0};
	strv_split(&parts, s, ',');
	_cleanup_free_ char *joined = strv_join(&parts, ",");
	expect(str_eq(joined, s));

	_cleanup_strv_ struct strv env = {0};
	for (size_t n = 0; n < parts.n; n++)
		env_set(&env, parts.v[n]);
	(void)env_get(&env, "A");
	return 0;
}
