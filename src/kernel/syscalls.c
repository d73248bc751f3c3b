/* System call tables: see syscalls.h. */
#include "kernel/syscalls.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	int16_t nr[ARCH_COUNT];
} rows[] = {
#define SYSCALL(name, x86_64, i386, x32, aarch64) {#name, {x86_64, i386, x32, aarch64}},
#include "kernel/syscall-list.h"
#undef SYSCALL
};

int syscall_row_of(const char *name)
{
	unsigned low = 0, high = SYSCALL_ROWS;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		int order = strcmp(name, rows[mid].name);
		if (order == 0)
			return (int)mid;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return -1;
}

const char *syscall_row_name(unsigned row)
{
	return row < SYSCALL_ROWS ? rows[row].name : NULL;
}

int syscall_number(enum syscall_arch arch, unsigned row)
{
	return row < SYSCALL_ROWS && arch < ARCH_COUNT ? rows[row].nr[arch] : -1;
}

const char *syscall_name(enum syscall_arch arch, int nr)
{
	for (unsigned row = 0; nr >= 0 && row < SYSCALL_ROWS; row++)
		if (rows[row].nr[arch] == nr)
			return rows[row].name;
	return NULL;
}
