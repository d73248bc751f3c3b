/* Reading what security modules say of themselves. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

const char *lsm_name(uint64_t id); /* LSM_ID_*; "unknown" for a newer one */
/* Whether a label of /proc/PID/attr/current restricts its process. */
bool lsm_confines(const char *label);
