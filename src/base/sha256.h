/* SHA-256 (FIPS 180-4), streaming.  Uses the SHA instructions of x86-64 where the
 * processor has them (asked by cpuid, so the same binary runs everywhere). */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_HEX = 65 };

struct sha256 {
	uint32_t h[8];
	uint64_t len;
	unsigned char block[64];
	size_t fill;
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
/* Ends the sum; `hex` holds SHA256_HEX bytes: 64 lower-case digits and a NUL. */
void sha256_end_hex(struct sha256 *s, char *hex);
void sha256_hex(const void *data, size_t len, char *hex);
/* For tests: the portable and the chosen block function must agree. */
void sha256_blocks_portable(uint32_t *h, const unsigned char *p, size_t n_blocks);
