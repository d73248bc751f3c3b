/* Which images can run here: GOARCH names against uname(2). */
#pragma once

#include <stdbool.h>

/* "amd64", "arm64", ...; uname's own word where Go has no name for it. */
const char *platform_arch(void);
/* 0: cannot run; larger is better.  NULL or "" os counts as linux, NULL arch as ours. */
int platform_rank(const char *os, const char *arch, const char *variant);
