/* Fields of a tar header: numbers in octal or in GNU's base-256, which has no limit of
 * eleven digits, and blocks of zeros. */
#include "store/tar.h"

bool tar_number(const unsigned char *f, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;
	if (f[0] & 0x80) {
		v = f[0] & 0x3f;
		if (f[0] & 0x40)
			return false;
		for (i = 1; i < len; i++) {
			if (v >> 56)
				return false;
			v = v << 8 | f[i];
		}
		*ret = v;
		return true;
	}
	while (i < len && f[i] == ' ')
		i++;
	for (; i < len && f[i] >= '0' && f[i] <= '7'; i++) {
		if (v >> 61)
			return false;
		v = v << 3 | (uint64_t)(f[i] - '0');
	}
	for (; i < len; i++)
		if (f[i] != ' ' && f[i] != '\0')
			return false;
	*ret = v;
	return true;
}

/* Times may be before 1970: base-256 is two's complement then. */
bool tar_number_signed(const unsigned char *f, size_t len, int64_t *ret)
{
	uint64_t v = 0;
	if ((f[0] & 0xc0) == 0xc0) {
		for (size_t i = 0; i + 8 < len; i++)
			if (f[i] != 0xff)
				return false;
		for (size_t i = len - 8; i < len; i++)
			v = v << 8 | f[i];
		*ret = (int64_t)v;
		return *ret < 0;
	}
	if (!tar_number(f, len, &v) || v > INT64_MAX)
		return false;
	*ret = (int64_t)v;
	return true;
}

bool tar_block_is_zero(const unsigned char *b)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (b[i])
			return false;
	return true;
}
