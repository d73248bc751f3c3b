/* Layers in the making: directories that nobody takes for layers yet. */
#pragma once

#include "store/dir.h"
#include "store/extract.h"
#include "store/source.h"

struct making {
	const struct source_layer *layer;
	size_t index; /* in the image, 0 the lowest */
	bool flat;    /* not one layer but the image's whole tree: chain_flat_name() */
	char *temp;   /* "DIFF.tmp" */
	int temp_fd;  /* locked; -1: somebody else made the layer */
	int tree_fd, implicit_fd;
	struct extract_result result;
};

struct making_list {
	struct making *v; /* in the order of their names */
	size_t n;
};

/* The layers of the source that the store lacks, each once. */
nd_must nd_err *making_find(
	const struct store *s, const struct source *source, struct making_list *ret);
/* The image's whole tree, as the only thing in the list. */
void making_flat(const struct source *source, struct making_list *ret);
/* Locks the directory of a layer, waiting for who holds it, and empties it. */
nd_must nd_err *making_prepare(
	const struct store *s, const struct source *source, struct making *m);
/* Gives each its name, all being whole and on disk. */
nd_must nd_err *making_publish(
	const struct store *s, const struct source *source, struct making_list *l);
/* What failed is removed at once: on a full disk it is in everybody's way. */
void making_discard(const struct store *s, struct making_list *l);
void making_done(struct making_list *l);
