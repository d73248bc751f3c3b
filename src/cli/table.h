/* Text in columns: as wide as their widest cell, the last one as long as it likes. */
#pragma once

#include <stddef.h>

#include "base/str.h"

struct table {
	size_t columns;
	struct strv cells; /* row by row, the heading first */
};
void table_row(struct table *t, const char *const *cells); /* t->columns of them; copies */
/* Prints and empties it.  Control characters of cells come out as '?'. */
void table_print(struct table *t);
