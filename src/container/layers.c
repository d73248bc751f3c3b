/* Layers left visible for a nidus inside: see layers.h. */
#include "container/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/sys.h"

struct layer_set {
	char *at;
	int *fds; /* lowest first */
	size_t n;
};

static int hold_tree(const char *path)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd >= 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &ro, sizeof ro) == 0)
		return fd;
	fd_close(fd);
	return -1;
}

void layers_hold(struct child *c, const char *at, const struct strv *lowers, const char *upper)
{
	if (!c->s->share_layers)
		return;
	int *fds = mem_alloc((lowers->n + 1) * sizeof *fds);
	for (size_t n = 0; n <= lowers->n; n++) {
		fds[n] = hold_tree(n < lowers->n ? lowers->v[n] : upper);
		if (fds[n] >= 0)
			continue;
		/* Half a stack would be a wrong tree: share none. */
		while (n)
			fd_close(fds[--n]);
		free(fds);
		return;
	}
	c->layer_sets = mem_grow(c->layer_sets, c->n_layer_sets + 1, sizeof *c->layer_sets);
	c->layer_sets[c->n_layer_sets++] =
		(struct layer_set){.at = str_dup(at), .fds = fds, .n = lowers->n + 1};
}

void layers_forget(struct child *c)
{
	for (size_t k = 0; k < c->n_layer_sets; k++) {
		for (size_t i = 0; i < c->layer_sets[k].n; i++)
			fd_close(c->layer_sets[k].fds[i]);
		free(c->layer_sets[k].fds);
		free(c->layer_sets[k].at);
	}
	free(c->layer_sets);
	c->layer_sets = NULL;
	c->n_layer_sets = 0;
}

static nd_err *show_set(struct child *c, const struct layer_set *set, size_t k)
{
	char name[64];
	snprintf(name, sizeof name, ".nidus/layers/%zu", k);
	if (mkdirat(c->dev_fd, name, 0755) < 0)
		return err_sys(errno, "mkdir", "/dev/%s", name);
	for (size_t i = 0; i < set->n; i++) {
		snprintf(name, sizeof name, ".nidus/layers/%zu/%zu", k, i);
		if (mkdirat(c->dev_fd, name, 0755) < 0)
			return err_sys(errno, "mkdir", "/dev/%s", name);
		if (move_mount(set->fds[i], "", c->dev_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return err_sys(errno, "move_mount", "/dev/%s", name);
	}
	snprintf(name, sizeof name, ".nidus/layers/%zu/at", k);
	if (symlinkat(set->at, c->dev_fd, name) < 0)
		return err_sys(errno, "symlink", "/dev/%s", name);
	return NULL;
}

nd_err *layers_show(struct child *c)
{
	/* Without the root's own set the others are no tree. */
	if (!c->n_layer_sets || c->dev_fd < 0 || !str_eq(c->layer_sets[0].at, "/"))
		return NULL;
	if (mkdirat(c->dev_fd, ".nidus", 0755) < 0 || mkdirat(c->dev_fd, ".nidus/layers", 0755) < 0)
		return err_sys(errno, "mkdir", LAYERS_DIR);
	for (size_t k = 0; k < c->n_layer_sets; k++)
		TRY(show_set(c, &c->layer_sets[k], k));
	layers_forget(c);
	return NULL;
}

bool layers_find(size_t k, char **ret_at, struct strv *lowers)
{
	char at[PATH_MAX];
	_cleanup_free_ char *link = str_fmt(LAYERS_DIR "/%zu/at", k);
	ssize_t n = readlink(link, at, sizeof at - 1);
	if (n <= 0)
		return false;
	at[n] = '\0';
	for (size_t i = 0;; i++) {
		char *path = str_fmt(LAYERS_DIR "/%zu/%zu", k, i);
		if (access(path, F_OK) < 0) {
			free(path);
			break;
		}
		strv_take(lowers, path);
	}
	*ret_at = str_dup(at);
	return lowers->n > 0;
}
