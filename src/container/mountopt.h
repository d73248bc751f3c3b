/* Mount options as words: "ro", "rbind", "rslave", "size=64m" to flags and data. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct mount_opts {
	unsigned long flags;         /* MS_* to set, among them MS_BIND and MS_REC */
	unsigned long clear;         /* MS_* named by their opposite, as "rw" or "suid" */
	unsigned long propagation;   /* MS_PRIVATE, ... with MS_REC; 0: none */
	uint64_t rec_set, rec_clear; /* MOUNT_ATTR_* for the whole tree: "rro", "rnosuid" */
	bool copy_up;                /* "tmpcopyup" */
	bool idmap;                  /* "idmap" */
	struct buf data;             /* what the file system itself understands, comma-separated */
};

/* Never fails on unknown words: they are the file system's business (data). */
void mount_opts_parse(const struct strv *options, struct mount_opts *ret);
void mount_opts_done(struct mount_opts *o);
#define _cleanup_mount_opts_ _cleanup_(mount_opts_done)

/* MS_* flags as MOUNT_ATTR_* (mount_setattr(2)). */
uint64_t mount_attrs_of(unsigned long ms_flags);
