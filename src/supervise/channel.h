/* What a monitor and the processes at its socket say to each other: one message a
 * packet (SOCK_SEQPACKET), its first byte the kind.  Both ends are the same program, but a run
 * can outlive an upgrade: unknown kinds are ignored. */
#pragma once

#include "base/str.h"

enum {
	CH_DATA_MAX = 16384,
	CH_PACKET_MAX = 131072,
	/* monitor to client */
	CH_STDOUT = 'O',
	CH_STDERR = 'e',
	CH_WARNING = 'W', /* to the asking process only, as the three below */
	CH_STARTED = 'P', /* the plan as JSON, "" where it is too long */
	CH_READY = 'R',
	CH_ERROR = 'E', /* err_pack() */
	CH_EXIT = 'X',  /* status in digits; the last message */
	/* client to monitor */
	CH_INPUT = 'I',
	CH_INPUT_END = 'Z',
	CH_SIZE = 'S',   /* "ROWS COLUMNS" */
	CH_SIGNAL = 'K', /* number in digits */
};
