/* Answers of costly facts (struct fact, `costly`) kept for later runs, in one small file
 * of the state directory.  They count only for the same boot, user and mount namespace, uid and
 * binary.  A state directory that is missing, full, or not ours alone means asking again,
 * never an error. */
#pragma once

#include "probe/fact.h"

/* As fact_ask_many; costly facts come from the cache unless `fresh`, and go into it. */
nd_must nd_err *fact_ask_cached(
	const struct fact *const *list, size_t n, struct fact_result *results, bool fresh);
