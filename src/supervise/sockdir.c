/* Sockets in a directory: see sockdir.h. */
#include "supervise/sockdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

static nd_err *at_directory(int dir_fd, const char *name, int type, bool server, int *ret_fd)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path, "%s", name);
	_cleanup_fd_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(errno, "socket", "AF_UNIX");
	_cleanup_fd_ int here_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fchdir(dir_fd) < 0)
		return err_sys(errno, "fchdir", "the run's folder");
	if (server)
		unlink(name);
	int rc = server ? bind(fd, (struct sockaddr *)&a, sizeof a)
			: connect(fd, (struct sockaddr *)&a, sizeof a);
	int err = errno;
	/* Where there is no way back (the directory was removed), "/" is as good. */
	if ((here_fd < 0 || fchdir(here_fd) < 0) && chdir("/") < 0)
		return err_sys(errno, "chdir", "/");
	if (rc < 0)
		return err_sys(err, server ? "bind" : "connect", "the socket '%s'", name);
	*ret_fd = steal_fd(&fd);
	return NULL;
}

nd_err *sock_bind(int dir_fd, const char *name, int type, int *ret_fd)
{
	return at_directory(dir_fd, name, type, true, ret_fd);
}

nd_err *sock_connect(int dir_fd, const char *name, int type, int *ret_fd)
{
	return at_directory(dir_fd, name, type, false, ret_fd);
}
