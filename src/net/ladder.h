/* The network's ladder as data, for plans made before anything is started. */
#pragma once

#include "net/net.h"
#include "plan/ladder.h"

/* NULL where nothing is to be chosen (host, none). */
const struct ladder *net_ladder(enum net_mode mode);
