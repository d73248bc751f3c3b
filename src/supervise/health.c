/* Health checks: a command in the container at every interval; so many failures in a
 * row make it unhealthy, and the asked action follows.  The state stands in the link "health"
 * ("starting 0", "healthy 0", "unhealthy 3"), written when it changes. */
#include <string.h>

#include "base/spawn.h"
#include "supervise/run.h"

enum { INTERVAL_MS = 30000, LIMIT_MS = 30000, RETRIES = 3 };

static void say(struct run *r)
{
	char text[64];
	const struct health_state *h = &r->health;
	snprintf(text, sizeof text, "%s %lld",
		h->unhealthy ? "unhealthy"
		: h->healthy ? "healthy"
			     : "starting",
		(long long)h->failures);
	char before[64];
	if (!link_get(r->dir.fd, "health", before, sizeof before) || !str_eq(before, text))
		link_set(r->dir.fd, "health", text);
}

static void check_later(struct run *r)
{
	const struct health_spec *s = &r->req->health;
	loop_after(&r->loop, &r->health.again, s->interval_ms ? s->interval_ms : INTERVAL_MS);
}

static void act(struct run *r)
{
	switch (r->req->health.action) {
	case HEALTH_NOTHING:
		break;
	case HEALTH_KILL:
		run_end(r, "unhealthy", 0);
		break;
	case HEALTH_RESTART:
		run_restart(r, "unhealthy");
		break;
	case HEALTH_STOP:
		run_stop(r, "unhealthy");
		break;
	}
}

static void checked(struct run *r, int status, const char *output)
{
	struct health_state *h = &r->health;
	const struct health_spec *s = &r->req->health;
	check_later(r);
	if (status == 0) {
		if (!h->healthy)
			run_event(r, "healthy", NULL);
		h->healthy = true;
		h->unhealthy = false;
		h->failures = 0;
		say(r);
		return;
	}
	/* While it starts up, failing is not counted. */
	if (!h->healthy && now_ms() - h->started_ms < s->start_period_ms)
		return;
	h->failures++;
	bool turned = !h->unhealthy && h->failures >= (s->retries ? s->retries : RETRIES);
	if (turned) {
		h->unhealthy = true;
		h->healthy = false;
		run_event(r, "unhealthy", "exit %d%s%s", status, *output ? ": " : "", output);
	}
	say(r);
	if (turned)
		act(r);
}

static void check(void *arg)
{
	struct run *r = arg;
	const struct health_spec *s = &r->req->health;
	nd_err *e =
		probe_exec(&r->health.probe, &s->argv, s->timeout_ms ? s->timeout_ms : LIMIT_MS);
	if (e) {
		_cleanup_free_ char *line = err_line(e);
		err_free(e);
		checked(r, 125, line);
	}
}

void health_started(struct run *r)
{
	if (!r->req->health.argv.n)
		return;
	r->health = (struct health_state){.probe = {.run = r, .output_fd = -1, .done = checked},
		.again = {.fire = check, .arg = r},
		.started_ms = now_ms()};
	say(r);
	check_later(r);
}

void health_stop(struct run *r)
{
	loop_clear(&r->loop, &r->health.again);
	probe_kill(&r->health.probe);
}
