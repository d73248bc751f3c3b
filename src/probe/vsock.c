/* vsock: sockets between a VM and its host, and (Linux 5.6) within a machine.  An open
 * socket proves nothing, as connecting only sends a packet: works needs an answer with
 * data, or a connection that the other side took.  Both waits go on side by side. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum {
	ANSWER_MS = 100,
	NOBODYS_PORT = 0x6e696475, /* nobody listens there: a reset shows that someone answers */
};

static int vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int call(unsigned cid, unsigned port, int *ret_fd)
{
	struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	*ret_fd = vsock();
	if (*ret_fd < 0)
		return errno;
	return connect(*ret_fd, (struct sockaddr *)&a, sizeof a) < 0 ? errno : 0;
}

/* What became of a connect(2) in progress: 0, errno, or ETIMEDOUT. */
static int answer(int fd, int err, int64_t until)
{
	socklen_t len = sizeof err;
	int64_t left = until - now_ms();
	struct pollfd p = {fd, POLLOUT, 0};
	if (err != EINPROGRESS)
		return err;
	if (poll(&p, 1, left > 0 ? (int)left : 0) != 1)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? errno : err;
}

static bool echo(int near_fd, int far_fd)
{
	char text[6] = "";
	struct pollfd p = {far_fd, POLLIN, 0}, back = {near_fd, POLLIN, 0};
	return send(near_fd, "nidus", 6, MSG_NOSIGNAL) == 6 && poll(&p, 1, ANSWER_MS) == 1 &&
	       recv(far_fd, text, 6, 0) == 6 && send(far_fd, text, 6, MSG_NOSIGNAL) == 6 &&
	       poll(&back, 1, ANSWER_MS) == 1 && recv(near_fd, text, 6, 0) == 6 &&
	       strcmp(text, "nidus") == 0;
}

/* A listener on the loopback, a connection to it, and data there and back; 0 or errno. */
static int loop_back(const char **op)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = VMADDR_PORT_ANY};
	socklen_t len = sizeof a;
	_cleanup_fd_ int near = -1;
	_cleanup_fd_ int fd = (*op = "socket(AF_VSOCK)", vsock());
	if (fd < 0 || (*op = "bind", bind(fd, (struct sockaddr *)&a, sizeof a)) < 0 ||
		(*op = "listen", listen(fd, 1)) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return errno;
	int err = (*op = "connect", call(VMADDR_CID_LOCAL, a.svm_port, &near));
	err = answer(near, err, now_ms() + ANSWER_MS);
	if (err)
		return err;
	_cleanup_fd_ int far = (*op = "accept", accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	if (far < 0)
		return errno;
	*op = "recv";
	return echo(near, far) ? 0 : ETIMEDOUT;
}

static void judge_host(struct fact_result *r, int err, const char *seen)
{
	switch (err) {
	case 0:
		fact_works(r, "%s", seen);
		snprintf(r->value, sizeof r->value, "host");
		break;
	case ECONNRESET:
	case ECONNREFUSED:
		fact_set(r, FACT_UNKNOWN, "the host answers, but nobody there could send data back",
			"%s", seen);
		break;
	case ETIMEDOUT:
		fact_set(r, FACT_BROKEN, "a socket opens, but nothing comes back", "%s", seen);
		break;
	default:
		fact_refused(r, err, "connect", "%s", seen);
		break;
	}
}

void try_vsock(struct fact_result *r)
{
	const char *op;
	char seen[400];
	_cleanup_fd_ int host_fd = -1;
	int host = call(VMADDR_CID_HOST, NOBODYS_PORT, &host_fd);
	if (host_fd < 0) {
		fact_refused(r, host, "socket(AF_VSOCK)", "no such family");
		return;
	}
	int64_t until = now_ms() + ANSWER_MS;
	int local = loop_back(&op);
	host = answer(host_fd, host, until);
	snprintf(seen, sizeof seen, "loopback (CID 1): %s%s%s; host (CID 2, port %u): connect: %s",
		local ? op : "data went there and back", local ? ": " : "",
		local ? strerror(local) : "", NOBODYS_PORT,
		host == ETIMEDOUT ? "no answer within 100 ms"
		: host            ? strerror(host)
				  : "accepted");
	if (local) {
		judge_host(r, host, seen);
		return;
	}
	fact_works(r, "%s", seen);
	snprintf(r->value, sizeof r->value, host ? "loopback" : "loopback, host");
}

void try_vsock_guests(struct fact_result *r)
{
	const char *op = "open /dev/vhost-vsock";
	uint64_t cid = NOBODYS_PORT;
	_cleanup_fd_ int fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (fd < 0 || (op = "VHOST_SET_OWNER", ioctl(fd, VHOST_SET_OWNER)) < 0 ||
		(op = "VHOST_VSOCK_SET_GUEST_CID", ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid)) < 0)
		fact_refused(r, errno, op, "on the way to a guest's context id");
	else
		fact_works(r, "/dev/vhost-vsock took a guest's context id, and gave it up");
}
