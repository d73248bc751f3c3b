/* Names and numbers of system calls, for filters and for messages.  The rows are a
 * table of our own, as the headers of the machine that builds may be older than the
 * kernel that runs. */
#pragma once

#include <stdint.h>

enum syscall_row {
#define SYSCALL(name, x86_64, i386, x32, aarch64) SYSCALL_ROW_##name,
#include "kernel/syscall-list.h"
#undef SYSCALL
	SYSCALL_ROWS
};

enum syscall_arch { ARCH_X86_64, ARCH_X86, ARCH_X32, ARCH_AARCH64, ARCH_COUNT };

/* Set in the number of every x32 call; the tables here are without it. */
#define X32_BIT 0x40000000u

/* Row of a name, or -1. */
int syscall_row_of(const char *name);
const char *syscall_row_name(unsigned row);
/* Number of a row on an architecture, or -1. */
int syscall_number(enum syscall_arch arch, unsigned row);
/* Name of a number, or NULL. */
const char *syscall_name(enum syscall_arch arch, int nr);
