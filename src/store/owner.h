/* How owners of files can be kept here, and the work that needs those owners' rights. */
#pragma once

#include "store/dir.h"

/* Sets owner, squash, devices and maps of a store, without trying anything. */
void owner_ask(struct store *s);
/* The last rung: all files are the caller's. */
void owner_squash(struct store *s);
/* Before something is made: tries the maps.  Where newuidmap(1) does not work the store
 * goes over to "squash", and s->note says why. */
nd_must nd_err *owner_prove(struct store *s);
/* fork(2) for a process that makes or removes files of layers. */
nd_must nd_err *owner_fork(const struct store *s, pid_t *ret_pid);
/* Runs fn in such a process and gives back its error. */
nd_must nd_err *owner_run(const struct store *s, nd_err *(*fn)(void *arg), void *arg);
/* tree_remove() with the rights of all owners of the tree. */
nd_must nd_err *owner_tree_remove(const struct store *s, int dir_fd, const char *name);
