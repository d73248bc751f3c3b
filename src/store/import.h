/* Bringing an image into the store. */
#pragma once

#include "store/dir.h"
#include "store/source.h"
#include "store/store.h"

/* Makes every layer and then the record and the names; what is there already is kept. */
nd_must nd_err *image_import(
	struct store *s, const struct source *source, const struct store_opts *opts);
