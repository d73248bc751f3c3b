/* Nearness of words: see near.h.  Damerau's distance in its restricted form (insert, delete,
 * replace, swap of neighbours), as most slips of the hand are one of these four. */
#include "near.h"

#include <string.h>

enum { LEN_MAX = 31 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t d[LEN_MAX + 1][LEN_MAX + 1];
	for (size_t i = 0; i <= na; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= na; i++)
		for (size_t j = 1; j <= nb; j++) {
			size_t replace = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			d[i][j] = least(replace, least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[na][nb];
}

void near_offer(struct near *n, const char *known)
{
	size_t na = strlen(n->word), nb = strlen(known);
	if (!na || na > LEN_MAX || nb > LEN_MAX)
		return;
	/* One slip in three letters; a beginning of at least two letters is near as well. */
	size_t cost = distance(n->word, na, known, nb), most = (least(na, nb) + 2) / 3;
	if (na >= 2 && na < nb && strncmp(n->word, known, na) == 0)
		cost = 1;
	if (cost <= most && (!n->best || cost < n->cost)) {
		n->best = known;
		n->cost = cost;
	}
}
