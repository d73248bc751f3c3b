/* The kernel's log by /dev/kmsg (Linux 3.5).  Reading must give a record, or EAGAIN where
 * there is none; for writing, being allowed to open is the answer: a trial does not talk
 * into the log of the machine. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

/* "device 1:11" or what stands there instead: places put other files in its stead. */
static void describe(int fd, char *text, size_t size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		snprintf(text, size, "unknown");
	else if (S_ISCHR(st.st_mode))
		snprintf(text, size, "device %u:%u", major(st.st_rdev), minor(st.st_rdev));
	else
		snprintf(text, size, "no device (mode %07o)", st.st_mode);
}

static void add_restrict(struct fact_result *r)
{
	char line[16];
	size_t n = strlen(r->evidence);
	if (file_read_line(AT_FDCWD, "/proc/sys/kernel/dmesg_restrict", line, sizeof line) > 0)
		snprintf(r->evidence + n, sizeof r->evidence - n,
			"; /proc/sys/kernel/dmesg_restrict is %s; CAP_SYSLOG, which counts in the "
			"first user namespace only, %s",
			line, trial_has_cap(CAP_SYSLOG) ? "is there" : "is missing");
}

void try_kmsg_read(struct fact_result *r)
{
	char record[8192], what[64]; /* CONSOLE_EXT_LOG_MAX */
	_cleanup_fd_ int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		fact_refused(r, errno, "open /dev/kmsg", "for reading");
		add_restrict(r);
		return;
	}
	describe(fd, what, sizeof what);
	ssize_t n;
	do
		n = read(fd, record, sizeof record);
	while (n < 0 && (errno == EPIPE || errno == EINTR)); /* EPIPE: overwritten meanwhile */
	if (n > 0 || (n < 0 && errno == EAGAIN)) {
		fact_works(r, "/dev/kmsg is %s; read() gave %s", what,
			n > 0 ? "a record" : "EAGAIN: the log is empty");
	} else if (n == 0) {
		fact_set(r, FACT_BROKEN, "it is not the kernel's log",
			"/dev/kmsg is %s; read() gave the end of a file", what);
	} else {
		fact_refused(r, errno, "read", "/dev/kmsg is %s", what);
		add_restrict(r);
	}
}

void try_kmsg_write(struct fact_result *r)
{
	char what[64];
	_cleanup_fd_ int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		fact_refused(r, errno, "open /dev/kmsg", "for writing");
		return;
	}
	describe(fd, what, sizeof what);
	fact_works(r, "/dev/kmsg is %s and opened for writing; nothing was written", what);
}
