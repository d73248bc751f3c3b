/* Restart decisions: see backoff.h. */
#include "supervise/backoff.h"

enum restart_answer restart_decide(const struct restart_spec *s, int status, int64_t done)
{
	switch (s->policy) {
	case RESTART_NO:
		return RESTART_NEVER;
	case RESTART_ON_FAILURE:
		if (status == 0)
			return RESTART_NEVER;
		return s->max && done >= s->max ? RESTART_TOO_OFTEN : RESTART_AGAIN;
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED:
		return RESTART_AGAIN;
	}
	return RESTART_NEVER;
}

int64_t restart_delay_ms(int64_t lived_ms, int64_t *failures)
{
	if (lived_ms >= HEALTHY_AFTER_MS)
		*failures = 0;
	int64_t delay = BACKOFF_FIRST_MS;
	for (int64_t i = 0; i < *failures && delay < BACKOFF_MAX_MS; i++)
		delay *= 2;
	(*failures)++;
	return delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS;
}
