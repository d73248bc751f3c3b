/* The event loop: see loop.h. */
#include "loop.h"

#include <errno.h>

#include "spawn.h"
#include "str.h"

enum { FDS_MAX = 256 };

void loop_add(
	struct loop *l, int fd, short events, void (*ready)(void *arg, short revents), void *arg)
{
	l->sources = mem_grow(l->sources, l->n_sources + 1, sizeof *l->sources);
	l->sources[l->n_sources++] = (struct loop_source){fd, events, ready, arg};
}

static struct loop_source *source_find(struct loop *l, int fd)
{
	for (size_t i = 0; fd >= 0 && i < l->n_sources; i++)
		if (l->sources[i].fd == fd)
			return &l->sources[i];
	return NULL;
}

void loop_events(struct loop *l, int fd, short events)
{
	struct loop_source *s = source_find(l, fd);
	if (s)
		s->events = events;
}

void loop_remove(struct loop *l, int fd)
{
	struct loop_source *s = source_find(l, fd);
	if (s)
		s->fd = -1;
}

void loop_after(struct loop *l, struct loop_timer *t, int64_t delay_ms)
{
	int64_t now = now_ms();
	t->at_ms = delay_ms > INT64_MAX - now ? INT64_MAX : now + (delay_ms > 0 ? delay_ms : 0);
	for (size_t i = 0; i < l->n_timers; i++)
		if (l->timers[i] == t)
			return;
	l->timers = mem_grow(l->timers, l->n_timers + 1, sizeof(struct loop_timer *));
	l->timers[l->n_timers++] = t;
}

void loop_clear(struct loop *l, struct loop_timer *t)
{
	t->at_ms = 0;
	for (size_t i = 0; i < l->n_timers; i++)
		if (l->timers[i] == t) {
			l->timers[i] = l->timers[--l->n_timers];
			return;
		}
}

static struct loop_timer *timer_first(const struct loop *l)
{
	struct loop_timer *first = NULL;
	for (size_t i = 0; i < l->n_timers; i++)
		if (!first || l->timers[i]->at_ms < first->at_ms)
			first = l->timers[i];
	return first;
}

static void sweep(struct loop *l)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n_sources; i++)
		if (l->sources[i].fd >= 0)
			l->sources[kept++] = l->sources[i];
	l->n_sources = kept;
}

/* One round: the timers due, else the descriptors ready. */
static nd_err *turn(struct loop *l)
{
	struct loop_timer *first = timer_first(l);
	int wait = -1;
	if (first) {
		int64_t left = first->at_ms - now_ms();
		if (left <= 0) {
			loop_clear(l, first);
			first->fire(first->arg);
			return NULL;
		}
		/* One more, because the clock is read in whole milliseconds. */
		wait = left > 3600000 ? 3600000 : (int)left + 1;
	}
	struct pollfd fds[FDS_MAX];
	size_t n = l->n_sources < FDS_MAX ? l->n_sources : FDS_MAX;
	for (size_t i = 0; i < n; i++)
		/* A paused source is not asked at all: poll reports a hang-up whether it was
		 * asked for or not, and would turn for ever. */
		fds[i] = (struct pollfd){
			l->sources[i].events ? l->sources[i].fd : -1, l->sources[i].events, 0};
	if (poll(fds, n, wait) < 0)
		return errno == EINTR ? NULL : err_sys(errno, "poll", "%zu descriptors", n);
	for (size_t i = 0; i < n && !l->stop; i++) {
		/* An earlier callback may have removed this source, or grown the array. */
		struct loop_source s = l->sources[i];
		if (fds[i].revents && s.fd == fds[i].fd)
			s.ready(s.arg, fds[i].revents);
	}
	sweep(l);
	return NULL;
}

nd_err *loop_run(struct loop *l)
{
	sweep(l);
	while (!l->stop && (l->n_sources || l->n_timers))
		TRY(turn(l));
	return NULL;
}

void loop_done(struct loop *l)
{
	free(l->sources);
	free(l->timers);
	*l = (struct loop){0};
}
