/* When a workload is started again, and after how long.  Pure. */
#pragma once

#include "supervise/request.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 60000, HEALTHY_AFTER_MS = 10000 };

enum restart_answer { RESTART_NEVER, RESTART_AGAIN, RESTART_TOO_OFTEN };
/* `done`: restarts so far. */
enum restart_answer restart_decide(const struct restart_spec *s, int status, int64_t done);
/* 100 ms, doubled at each failure in a row up to a minute; `*failures` counts them, and starts
 * anew after a run of ten seconds. */
int64_t restart_delay_ms(int64_t lived_ms, int64_t *failures);
