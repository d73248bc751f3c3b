/* "Did you mean": the known word nearest to a misspelt one. */
#pragma once

#include <stddef.h>

struct near {
	const char *word; /* what was written */
	const char *best; /* nearest offer so far that is near enough; NULL if none */
	size_t cost;      /* of best */
};

void near_offer(struct near *n, const char *known);
