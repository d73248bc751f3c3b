/* Unpacking of layers in children: a child changes its root to the directory it fills,
 * so that even a mistake here would write nowhere else, and its death is an error, not
 * ours. */
#pragma once

#include "base/err.h"
#include "store/dir.h"
#include "store/extract.h"
#include "store/source.h"
#include "store/store.h"

struct unpack_job {
	const struct source_layer *layers; /* one; or, for one flat tree, all of them */
	size_t n_layers;
	int tree_fd;     /* the empty directory */
	int work_fd;     /* -1, or for a flat tree the directory that has it, for work beside it */
	int implicit_fd; /* see extract_opts */
	struct extract_result result;
};

/* All jobs, a few at a time; the first failure ends the others. */
nd_must nd_err *unpack_run(const struct store *store, const struct source *source,
	const struct extract_opts *extract, const struct store_opts *opts, struct unpack_job *jobs,
	size_t n);
