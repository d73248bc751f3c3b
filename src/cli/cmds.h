/* The verbs of `nidus`.  Each is one file that exports its row; main.c lists them. */
#pragma once

#include "base/opt.h"

extern const struct cmd cmd_probe;
extern const struct cmd cmd_run;
extern const struct cmd cmd_attach;
extern const struct cmd cmd_exec;
extern const struct cmd cmd_explain;
extern const struct cmd cmd_gc;
extern const struct cmd cmd_inspect;
extern const struct cmd cmd_kill;
extern const struct cmd cmd_logs;
extern const struct cmd cmd_ps;
extern const struct cmd cmd_rm;
extern const struct cmd cmd_stats;
extern const struct cmd cmd_stop;
extern const struct cmd cmd_tun;
extern const struct cmd cmd_wait;
extern const struct cmd cmd_complete;
extern const struct cmd cmd_completion;
extern const struct cmd cmd_help;
extern const struct cmd cmd_image;
extern const struct cmd cmd_manual;
extern const struct cmd cmd_version;

extern const struct cmd *const cmds[];
extern const size_t n_cmds;

/* Exit statuses of nidus's own, as podman's: 125 nidus failed, 126 the command cannot
 * be executed, 127 it is not there; 124 as timeout(1). */
enum { EXIT_DEADLINE = 124, EXIT_NIDUS = 125, EXIT_NOEXEC = 126, EXIT_NOCMD = 127 };
