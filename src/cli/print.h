/* The only way words reach a person: errors, warnings, colours. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

/* "nidus: LINE", then indented detail and remedy where there are; frees the error and
 * returns the exit status it stands for (124, 125, 126, 127). */
int print_error(nd_err *e);
/* That exit status alone. */
int print_error_status(const nd_err *e);
void print_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* True when stream is a terminal, NO_COLOR is unset or empty, and TERM is not dumb. */
bool print_coloured(FILE *stream);
