/* FUSE: a child serves a file system of one directory in the protocol of
 * <linux/fuse.h>, the trial mounts it and asks for that directory's size.  A device node
 * alone, or a mount that nobody has answered for, is no answer.  In a user namespace it
 * works since Linux 4.18. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { SIZE_SERVED = 4242 };

static void reply(int fd, uint64_t unique, int error, const void *body, size_t len)
{
	struct {
		struct fuse_out_header h;
		char body[256];
	} out = {.h = {.len = (uint32_t)(sizeof out.h + len), .error = error, .unique = unique}};
	if (len)
		memcpy(out.body, body, len);
	while (write(fd, &out, sizeof out.h + len) < 0 && errno == EINTR)
		;
}

__attribute__((noreturn)) static void serve(int fd)
{
	static char request[256 * 1024];
	for (;;) {
		ssize_t n = read(fd, request, sizeof request);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			_exit(0);
		const struct fuse_in_header *in = (void *)request;
		if (in->opcode == FUSE_INIT) {
			struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
				.minor = 31,
				.max_write = 4096,
				.max_background = 1,
				.time_gran = 1};
			reply(fd, in->unique, 0, &out, sizeof out);
		} else if (in->opcode == FUSE_GETATTR) {
			struct fuse_attr_out out = {.attr = {.ino = 1,
							    .mode = S_IFDIR | 0755,
							    .nlink = 2,
							    .size = SIZE_SERVED}};
			reply(fd, in->unique, 0, &out, sizeof out);
		} else if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET) {
			reply(fd, in->unique, -ENOSYS, NULL, 0);
		}
	}
}

void try_dev_fuse(struct fact_result *r)
{
	struct stat st;
	_cleanup_fd_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fact_refused(r, errno, "open(/dev/fuse)", "O_RDWR");
	else if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		fact_set(r, FACT_BROKEN, "it is no device", "fstat gives mode %o", st.st_mode);
	else
		fact_works(r, "opened for reading and writing");
}

static void fuse(struct fact_result *r)
{
	char options[96];
	struct stat st;
	const char *op;
	_cleanup_fd_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fact_refused(r, errno, "open(/dev/fuse)", "O_RDWR");
		return;
	}
	if (!trial_scratch(&op) || mkdir("m", 0755) < 0) {
		fact_refused(r, errno, op, "for a place to mount in");
		return;
	}
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd,
		geteuid(), getegid());
	if (mount("nidus-probe", "m", "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		fact_refused(r, errno, "mount(fuse)", "%s", options);
		return;
	}
	pid_t pid = trial_fork();
	if (pid == 0)
		serve(fd);
	fd_done(&fd);
	if (stat("m", &st) < 0) {
		fact_refused(r, errno, "stat", "the root of the mounted file system");
		r->state = FACT_BROKEN;
	} else if (st.st_size != SIZE_SERVED) {
		fact_set(r, FACT_BROKEN, "its answers do not arrive",
			"stat gives size %lld, the server said %d", (long long)st.st_size,
			SIZE_SERVED);
	} else {
		fact_works(r, "mounted, FUSE_INIT and FUSE_GETATTR answered by a child; stat saw "
			      "the answer");
	}
	umount2("m", MNT_DETACH);
}

void try_mount_fuse(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, fuse);
}
