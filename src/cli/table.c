/* Columns: see table.h. */
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

void table_row(struct table *t, const char *const *cells)
{
	for (size_t i = 0; i < t->columns; i++) {
		char *copy = str_dup(cells[i] ? cells[i] : "");
		/* A command or label may hold anything, and goes to a terminal. */
		for (char *p = copy; *p; p++)
			if ((unsigned char)*p < 32 || *p == 127)
				*p = *p == '\n' || *p == '\t' ? ' ' : '?';
		strv_take(&t->cells, copy);
	}
}

/* UTF-8 continuation bytes take no place. */
static int width_of(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_print(struct table *t)
{
	int *width = mem_alloc(t->columns * sizeof *width);
	for (size_t i = 0; i < t->cells.n; i++) {
		int w = width_of(t->cells.v[i]);
		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->cells.n; i++) {
		const char *cell = t->cells.v[i];
		size_t column = i % t->columns;
		if (column + 1 == t->columns)
			printf("%s\n", cell);
		else
			printf("%s%*s  ", cell, width[column] - width_of(cell), "");
	}
	free(width);
	strv_done(&t->cells);
}
