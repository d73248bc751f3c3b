/* Scope-bound release of what a function holds, as in systemd's coding style:
 * a half-built object can be freed at any line.  Rests on the `cleanup`
 * attribute of gcc and clang; knows no kernel and no policy.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* `unused`: holding until the end of the scope is a use. */
#define _cleanup_(fn) __attribute__((cleanup(fn), unused))

static inline void free_p(void *p)
{
	free(*(void **)p);
}

static inline void fclose_p(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void closedir_p(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_free_     _cleanup_(free_p)
#define _cleanup_fclose_   _cleanup_(fclose_p)
#define _cleanup_closedir_ _cleanup_(closedir_p)

/* Takes the value out of a variable and leaves it empty, so that its cleanup
 * does nothing: `return steal_ptr(&p);` */
#define steal_ptr(pp)                                                                              \
	({                                                                                         \
		__auto_type steal_v_ = *(pp);                                                      \
		*(pp) = NULL;                                                                      \
		steal_v_;                                                                          \
	})

static inline int steal_fd(int *fd)
{
	int v = *fd;
	*fd = -1;
	return v;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
