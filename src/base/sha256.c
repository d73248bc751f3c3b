/* SHA-256: see sha256.h.  The fast path is the SHA extension of x86-64 (Intel SDM,
 * SHA256RNDS2 and friends), about six times the portable speed; image layers are
 * hashed twice, so it is worth its forty lines. */
#include "sha256.h"

#include <endian.h>
#include <string.h>

#if defined(__x86_64__)
#	include <cpuid.h>
#	include <immintrin.h>
#endif

static const uint32_t K[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
	0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
	0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585,
	0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t ror(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

void sha256_blocks_portable(uint32_t *h, const unsigned char *p, size_t n_blocks)
{
	for (; n_blocks; n_blocks--, p += 64) {
		uint32_t w[64], v[8];
		for (int i = 0; i < 16; i++) {
			memcpy(&w[i], p + 4 * i, 4);
			w[i] = be32toh(w[i]);
		}
		for (int i = 16; i < 64; i++) {
			uint32_t a = w[i - 15], b = w[i - 2];
			w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] +
			       (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
		}
		memcpy(v, h, sizeof v);
		for (int i = 0; i < 64; i++) {
			uint32_t s1 = ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25);
			uint32_t ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
			uint32_t t1 = v[7] + s1 + ch + K[i] + w[i];
			uint32_t s0 = ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22);
			uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
			memmove(v + 1, v, 7 * sizeof *v);
			v[4] += t1;
			v[0] = t1 + s0 + maj;
		}
		for (int i = 0; i < 8; i++)
			h[i] += v[i];
	}
}

#if defined(__x86_64__)
/* The instructions keep the state as ABEF and CDGH; four rounds a step, the message
 * schedule runs in a ring of four registers. */
__attribute__((target("sha,sse4.1,ssse3"))) static void blocks_sha_ni(
	uint32_t *h, const unsigned char *p, size_t n_blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
	__m128i t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)h), 0xb1);
	__m128i s1 = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(h + 4)), 0x1b);
	__m128i s0 = _mm_alignr_epi8(t, s1, 8);
	s1 = _mm_blend_epi16(s1, t, 0xf0);
	for (; n_blocks; n_blocks--, p += 64) {
		__m128i old0 = s0, old1 = s1, m[4];
		for (int i = 0; i < 4; i++)
			m[i] = _mm_shuffle_epi8(
				_mm_loadu_si128((const __m128i *)(p + 16 * i)), swap);
#	pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			__m128i w = m[i & 3];
			__m128i wk =
				_mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(K + 4 * i)));
			s1 = _mm_sha256rnds2_epu32(s1, s0, wk);
			s0 = _mm_sha256rnds2_epu32(s0, s1, _mm_shuffle_epi32(wk, 0x0e));
			if (i < 12) {
				__m128i last = m[(i + 3) & 3];
				w = _mm_sha256msg1_epu32(w, m[(i + 1) & 3]);
				w = _mm_add_epi32(w, _mm_alignr_epi8(last, m[(i + 2) & 3], 4));
				m[i & 3] = _mm_sha256msg2_epu32(w, last);
			}
		}
		s0 = _mm_add_epi32(s0, old0);
		s1 = _mm_add_epi32(s1, old1);
	}
	t = _mm_shuffle_epi32(s0, 0x1b);
	s1 = _mm_shuffle_epi32(s1, 0xb1);
	_mm_storeu_si128((__m128i *)h, _mm_blend_epi16(t, s1, 0xf0));
	_mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(s1, t, 8));
}

static int has_sha_ni(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 29))
		return 0;
	return __get_cpuid(1, &a, &b, &c, &d) && c & 1u << 19 && c & 1u << 9;
}
#endif

static void blocks(uint32_t *h, const unsigned char *p, size_t n)
{
#if defined(__x86_64__)
	static int fast = -1; /* a property of the processor, asked once */
	if (fast < 0)
		fast = has_sha_ni();
	if (fast) {
		blocks_sha_ni(h, p, n);
		return;
	}
#endif
	sha256_blocks_portable(h, p, n);
}

void sha256_init(struct sha256 *s)
{
	static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	*s = (struct sha256){0};
	memcpy(s->h, start, sizeof start);
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	const unsigned char *p = data;
	if (!len)
		return; /* data may be NULL then */
	s->len += len;
	if (s->fill) {
		size_t n = 64 - s->fill < len ? 64 - s->fill : len;
		memcpy(s->block + s->fill, p, n);
		s->fill += n;
		p += n;
		len -= n;
		if (s->fill < 64)
			return;
		blocks(s->h, s->block, 1);
		s->fill = 0;
	}
	if (len >= 64)
		blocks(s->h, p, len / 64);
	p += len / 64 * 64;
	len %= 64;
	if (len)
		memcpy(s->block, p, len);
	s->fill = len;
}

void sha256_end_hex(struct sha256 *s, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char pad[72] = {0x80};
	size_t n = (s->fill < 56 ? 56 : 120) - s->fill;
	uint64_t bits = htobe64(s->len * 8);
	memcpy(pad + n, &bits, 8);
	sha256_add(s, pad, n + 8);
	for (int i = 0; i < 32; i++) {
		unsigned byte = s->h[i / 4] >> (24 - 8 * (i % 4)) & 0xff;
		hex[2 * i] = digits[byte >> 4];
		hex[2 * i + 1] = digits[byte & 15];
	}
	hex[64] = '\0';
}

void sha256_hex(const void *data, size_t len, char *hex)
{
	struct sha256 s;
	sha256_init(&s);
	sha256_add(&s, data, len);
	sha256_end_hex(&s, hex);
}
