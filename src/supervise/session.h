/* Another process in a running container, with this process as its parent and company:
 * its stdio or its terminal, signals, its exit status. */
#pragma once

#include "container/container.h"
#include "supervise/runinfo.h"

/* Starts s->args in the run's container; s->stdio and s->tty are the caller's. */
nd_must nd_err *session_start(struct run_info *i, struct container_spec *s, struct container *ret);
/* Until it ends: relays between our stdio and its terminal (when it has one), passes signals
 * on.  Takes `c` over. */
nd_must nd_err *session_attend(struct container *c, bool input, int *ret_status);
/* The same for `exec -d`: a process of its own starts it and waits; returns when it runs. */
nd_must nd_err *session_detach(struct run_info *i, struct container_spec *s);
