/* How owners of files can be kept here. */
#pragma once

#include "store/dir.h"

/* Sets owner, squash and devices of a store. */
void owner_ask(struct store *s);
