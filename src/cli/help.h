/* What a verb's table says, for people: `--help` and `nidus help VERB`. */
#pragma once

#include <stdio.h>

#include "base/opt.h"

/* The verb of that name, hidden ones too; NULL if there is none. */
const struct cmd *cmd_find(const char *name);
nd_must nd_err *cmd_unknown(const char *name);

void help_all(FILE *f);
void help_verb(FILE *f, const struct cmd *c);
