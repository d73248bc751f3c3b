/* /dev of a container: nodes by mknod(2), or bound from the place where that is refused
 * (every user namespace), the usual links, and the console.
 *
 * Everything is made relative to the descriptor of the tmpfs that mounts.c put at /dev,
 * never by a path that the root's own links could bend.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "container/child.h"
#include "container/wire.h"
#include "kernel/sys.h"

static mode_t type_bits(char type)
{
	return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static nd_err *bind_node(struct child *c, const struct device_spec *d)
{
	const char *from = d->source ? d->source : d->path;
	int src = open_in_root(c->old_root_fd, from, O_PATH, 0);
	if (src < 0)
		return err_sys(errno, "open", "%s (in the place)", from);
	int tree = open_tree(src, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int target = mkfile_in_root(c->root_fd, d->path, 0644);
	if (target < 0)
		return err_sys(errno, "open", "%s", d->path);
	nd_err *e = mount_attach(c, tree >= 0 ? tree : src, target, d->path);
	fd_close(tree);
	fd_close(src);
	fd_close(target);
	return e;
}

/* Parent directory and last component of a path in the container. */
static int open_parent(struct child *c, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (c->dev_fd >= 0 && str_starts(path, "/dev/") && slash == path + 4)
		return c->dev_fd;
	_cleanup_free_ char *dir = str_ndup(path, slash ? (size_t)(slash - path) : 0);
	return mkdir_in_root(c->root_fd, *dir ? dir : "/", 0755);
}

static nd_err *make_node(struct child *c, const struct device_spec *d, bool *can_mknod)
{
	if (!*can_mknod)
		return bind_node(c, d);
	const char *name;
	int dir = open_parent(c, d->path, &name);
	if (dir < 0)
		return err_sys(errno, "open", "the directory of %s", d->path);
	dev_t dev = makedev((unsigned)d->major, (unsigned)d->minor);
	if (mknodat(dir, name, type_bits(d->type) | d->mode, dev) < 0) {
		int err = errno;
		if (dir != c->dev_fd)
			fd_close(dir);
		if (err == EEXIST)
			return NULL;
		if (err != EPERM)
			return err_sys(err, "mknod", "%s", d->path);
		*can_mknod = false;
		return bind_node(c, d);
	}
	c->own_null |= dir == c->dev_fd && str_eq(name, "null") && d->major == 1 && d->minor == 3;
	nd_err *e = NULL;
	if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		e = err_sys(errno, "chown", "%s", d->path);
	if (dir != c->dev_fd)
		fd_close(dir);
	return e;
}

nd_err *devices_make(struct child *c)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", "fd"},
		{"/proc/self/fd/0", "stdin"},
		{"/proc/self/fd/1", "stdout"},
		{"/proc/self/fd/2", "stderr"},
		{"pts/ptmx", "ptmx"},
	};
	bool can_mknod = !c->in_userns;
	for (size_t i = 0; i < c->s->n_devices; i++)
		TRY_WRAP(make_node(c, &c->s->devices[i], &can_mknod), "make %s",
			c->s->devices[i].path);
	if (c->s->n_devices)
		wire_took(c->sock, "devices", can_mknod ? "mknod" : "bind from the place", NULL,
			false);
	if (c->dev_fd < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i][0], c->dev_fd, links[i][1]) < 0 && errno != EEXIST)
			return err_sys(errno, "symlink", "/dev/%s", links[i][1]);
	return NULL;
}

nd_err *console_make(struct child *c, int *ret_pty_fd)
{
	int master = open_in_root(c->root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
	if (master < 0)
		return err_sys(errno, "open", "/dev/pts/ptmx");
	int unlock = 0;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(errno, "TIOCSPTLCK", "/dev/pts/ptmx");
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(errno, "TIOCGPTPEER", "/dev/pts/ptmx");
	unsigned n = 0;
	if (ioctl(master, TIOCGPTN, &n) < 0)
		return err_sys(errno, "TIOCGPTN", "/dev/pts/ptmx");
	if (c->dev_fd >= 0) {
		char path[32];
		snprintf(path, sizeof path, "/dev/pts/%u", n);
		int src = open_in_root(c->root_fd, path, O_PATH, 0);
		int tree = src < 0 ? -1
				   : open_tree(src, "",
					     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
		int target = mkfile_in_root(c->root_fd, "/dev/console", 0600);
		if (src < 0 || target < 0)
			return err_sys(errno, "open", "%s", src < 0 ? path : "/dev/console");
		TRY(mount_attach(c, tree >= 0 ? tree : src, target, "/dev/console"));
		fd_close(src);
		fd_close(tree);
		fd_close(target);
	}
	TRY(wire_send_fd(c->sock, WIRE_PTY, master));
	fd_close(master);
	*ret_pty_fd = slave;
	return NULL;
}
