/* Our own terminal while somebody sits at the workload's: raw, and as it was again on
 * every way out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/err.h"

struct tty_raw {
	int fd; /* -1: not a terminal, nothing to put back */
	struct termios before;
};
void tty_raw_begin(int fd, struct tty_raw *ret);
void tty_raw_end(struct tty_raw *t);
#define _cleanup_tty_ _cleanup_(tty_raw_end)

/* "ROWS COLUMNS" of the terminal at fd; false when it is none. */
bool tty_size_text(int fd, char *text, size_t size);

/* Keys that detach, as "ctrl-p,ctrl-q" or "a,ctrl-x"; "": none. */
struct detach_keys {
	char keys[16];
	size_t n;
	size_t matched; /* of the sequence, so far */
};
nd_must nd_err *detach_keys_parse(const char *text, struct detach_keys *ret);
/* Takes what was typed and leaves in `out` (which holds len + 16) what goes on; true when
 * the sequence is complete. */
bool detach_keys_feed(
	struct detach_keys *k, const char *in, size_t len, char *out, size_t *ret_len);
