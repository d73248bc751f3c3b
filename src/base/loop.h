/* A small event loop over poll(2): descriptors and one-shot timers, no threads.  A
 * callback may add and remove anything, itself included.  poll and not epoll, because
 * a run watches a handful of descriptors and a short run should not pay for a set-up. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct loop_timer {
	int64_t at_ms; /* CLOCK_MONOTONIC; 0: not set */
	void (*fire)(void *arg);
	void *arg;
};

struct loop_source {
	int fd; /* -1: removed, swept after the round */
	short events;
	void (*ready)(void *arg, short revents);
	void *arg;
};

struct loop {
	struct loop_source *sources;
	size_t n_sources;
	struct loop_timer **timers; /* borrowed: they live in their owners */
	size_t n_timers;
	bool stop;
};

void loop_add(
	struct loop *l, int fd, short events, void (*ready)(void *arg, short revents), void *arg);
void loop_events(struct loop *l, int fd, short events); /* 0: paused, hang-ups too */
void loop_remove(struct loop *l, int fd);               /* not watched: nothing happens */
/* Sets or moves a timer; `delay_ms` from now.  The timer must stay where it is until it fired
 * or was cleared. */
void loop_after(struct loop *l, struct loop_timer *t, int64_t delay_ms);
void loop_clear(struct loop *l, struct loop_timer *t);
/* Until `stop` is set, or nothing is left to wait for. */
nd_must nd_err *loop_run(struct loop *l);
void loop_done(struct loop *l);
