/* Descriptors and small files.  Everything opened here is O_CLOEXEC; a held
 * descriptor is -1 when empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"
#include "str.h"

void fd_close(int fd); /* keeps errno; -1 is fine */
static inline void fd_done(int *fd)
{
	if (*fd >= 0)
		fd_close(*fd);
	*fd = -1;
}
#define _cleanup_fd_ _cleanup_(fd_done)

/* Whole-buffer write(2) and read(2), restarted after signals.  False leaves errno. */
bool fd_write_all(int fd, const void *data, size_t len);
ssize_t fd_read_full(int fd, void *data, size_t len); /* bytes until len or end; -1 */
nd_must nd_err *fd_read_text(int fd, const char *name, size_t max, struct buf *ret);

/* A whole file; `max` bytes or ND_LIMIT. */
nd_must nd_err *file_read(int dir_fd, const char *path, size_t max, struct buf *ret);
/* First line without its newline, up to `size`-1 bytes, no allocation; -1 and errno on failure. */
ssize_t file_read_line(int dir_fd, const char *path, char *text, size_t size);
/* Writes an existing file in one write(2), as /proc and cgroup files want it.
 * False leaves errno.  No allocation: safe in a child after clone. */
bool file_poke(int dir_fd, const char *path, const char *text);
/* Writes beside and renames, so that a reader sees the old or the new whole.  Survives
 * a kill at any moment; not fsynced, because state in /run dies with the machine. */
nd_must nd_err *file_replace(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode);

/* mkdir -p beneath a trusted path of the host. */
nd_must nd_err *dir_make(const char *path, mode_t mode);
/* Removes a tree beneath dir_fd without following links or crossing mounts; absent is success. */
nd_must nd_err *tree_remove(int dir_fd, const char *name);
bool fd_set_cloexec(int fd, bool on);
bool fd_set_nonblock(int fd);
