/* Opening and locking the store's directory: see dir.h.  Locks are flock(2) on open
 * descriptors: they end with their holder, so nothing is left to clean up. */
#include "store/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "store/owner.h"

/* "name" below dir_fd, made if missing, 0700: set-id files of an image must not be in
 * reach of other users. */
static nd_err *open_part(int dir_fd, const char *name, int *ret)
{
	if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "mkdir", "%s", name);
	*ret = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return err_sys(errno, "open", "%s", name);
	return NULL;
}

nd_err *store_use_owner(struct store *s)
{
	_cleanup_fd_ int layers_fd = -1;
	TRY(open_part(s->fd, "layers", &layers_fd));
	fd_done(&s->layers_fd);
	return open_part(layers_fd, s->owner, &s->layers_fd);
}

static nd_err *open_parts(struct store *s)
{
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_sys(errno, "open", "%s", s->path);
	if (faccessat(s->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err_sys(errno, "access", "%s", s->path);
	TRY(open_part(s->fd, "images", &s->images_fd));
	TRY(open_part(s->fd, "names", &s->names_fd));
	return store_use_owner(s);
}

static nd_err *open_at(const char *path, struct store *ret)
{
	struct store s = STORE_EMPTY;
	char *slash;
	if (*path != '/')
		return err_invalid("NIDUS_STORE_DIR must be an absolute path, not '%s'", path);
	owner_ask(&s);
	s.path = str_dup(path);
	_cleanup_free_ char *parent = str_dup(path);
	if ((slash = strrchr(parent, '/')) && slash != parent)
		*slash = '\0';
	nd_err *e = dir_make(parent, 0755);
	if (!e)
		e = dir_make(path, 0700);
	if (!e)
		e = open_parts(&s);
	if (e) {
		store_dir_done(&s);
		return err_wrap(e, "open the image store %s", path);
	}
	*ret = s;
	return NULL;
}

nd_err *store_dir_open(struct store *ret)
{
	const char *given = getenv("NIDUS_STORE_DIR"), *data = getenv("XDG_DATA_HOME"),
		   *home = getenv("HOME");
	if (given && *given) {
		_cleanup_free_ char *path = str_fmt("%s/store", given);
		return open_at(path, ret);
	}
	nd_err *e = NULL;
	if (geteuid() == 0) {
		e = open_at("/var/lib/nidus/store", ret);
		/* root of a user namespace may not write there */
		if (!e || e->kind != ND_DENIED)
			return e;
	}
	_cleanup_free_ char *path = data && *data == '/' ? str_fmt("%s/nidus/store", data)
				    : home && *home == '/'
					    ? str_fmt("%s/.local/share/nidus/store", home)
					    : NULL;
	if (!path)
		return e ? e
			 : err_remedy(err_invalid("there is no place for the image store: HOME and "
						  "XDG_DATA_HOME are not set"),
				   "Set NIDUS_STORE_DIR to a directory of your own.");
	err_free(e);
	return open_at(path, ret);
}

void store_dir_done(struct store *s)
{
	fd_done(&s->fd);
	fd_done(&s->layers_fd);
	fd_done(&s->images_fd);
	fd_done(&s->names_fd);
	free(s->path);
	free(s->note);
	s->path = s->note = NULL;
}

nd_err *lock_wait(int fd, int operation, int64_t deadline_ms, const char *what)
{
	int64_t until = now_ms() + deadline_ms;
	struct timespec pause = {.tv_nsec = 2000000};
	while (flock(fd, operation | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(errno, "flock", "%s", what);
		if (now_ms() >= until)
			return err_remedy(err_new(ND_BUSY, "store-busy", "%s is in use", what),
				"Try again when the other nidus has ended.");
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 50000000)
			pause.tv_nsec *= 2;
	}
	return NULL;
}

nd_err *store_lock(struct store *s, int operation, int64_t deadline_ms, int *ret_fd)
{
	_cleanup_fd_ int fd =
		openat(s->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "open", "%s/lock", s->path);
	TRY(lock_wait(fd, operation, deadline_ms, "the image store"));
	*ret_fd = steal_fd(&fd);
	return NULL;
}

static nd_err *write_durably(int dir_fd, const char *temp, const void *data, size_t len)
{
	_cleanup_fd_ int fd =
		openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "open", "%s", temp);
	if (!fd_write_all(fd, data, len))
		return err_sys(errno, "write", "%s", temp);
	if (fsync(fd) < 0)
		return err_sys(errno, "fsync", "%s", temp);
	return NULL;
}

nd_err *file_store(int dir_fd, const char *name, const void *data, size_t len)
{
	/* A name of its own: two processes may write the same file at once. */
	uint64_t salt = 0;
	if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) < 0)
		salt = (uint64_t)now_real_ms() << 20 ^ (uint64_t)getpid();
	_cleanup_free_ char *temp = str_fmt("%s.%llx.tmp", name, (unsigned long long)salt);
	nd_err *e = write_durably(dir_fd, temp, data, len);
	if (!e && renameat(dir_fd, temp, dir_fd, name) < 0)
		e = err_sys(errno, "rename", "%s to %s", temp, name);
	if (!e && fsync(dir_fd) < 0)
		e = err_sys(errno, "fsync", "the directory of %s", name);
	if (e)
		unlinkat(dir_fd, temp, 0);
	return e;
}
