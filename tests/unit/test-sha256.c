/* Tests of base/sha256.c: FIPS 180-4 examples, and both block functions against each
 * other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/sha256.h"

static void examples(void **state)
{
	char hex[SHA256_HEX];
	sha256_hex("", 0, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_hex("abc", 3, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void pieces(void **state)
{
	unsigned char data[1000];
	char whole[SHA256_HEX], parts[SHA256_HEX];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	for (size_t step = 1; step < 200; step++) {
		struct sha256 s;
		sha256_hex(data, sizeof data, whole);
		sha256_init(&s);
		for (size_t at = 0; at < sizeof data; at += step)
			sha256_add(
				&s, data + at, step < sizeof data - at ? step : sizeof data - at);
		sha256_end_hex(&s, parts);
		assert_string_equal(whole, parts);
	}
}

static void portable(void **state)
{
	unsigned char data[64 * 9];
	struct sha256 a, b;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 131);
	sha256_init(&a);
	sha256_init(&b);
	sha256_add(&a, data, sizeof data);
	sha256_blocks_portable(b.h, data, 9);
	assert_memory_equal(a.h, b.h, sizeof a.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(pieces),
		cmocka_unit_test(portable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
