/* Finding and executing the workload's program: see program.h.
 *
 * A program must not be reached through a magic link of /proc: /proc/self/exe is nidus itself
 * until the call succeeds, and a container that gets hold of the place's binary can write
 * to it later (CVE-2019-5736).  Interpreters of scripts are held to the same.  Rests on
 * openat2(2) RESOLVE_NO_MAGICLINKS, Linux 5.6.
 */
#include "container/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/sys.h"

/* The kernel follows so many interpreters, of so many bytes (BINPRM_BUF_SIZE). */
enum { SCRIPTS_MAX = 5, LINE_MAX_BYTES = 256 };

static nd_err *exec_error(const char *program, int err)
{
	nd_err *e = err_sys(err, "execve", "%s", program);
	/* Ours for want of something, not the program's: 125. */
	if (kind_of_errno(err) == ND_LIMIT)
		return e;
	if (err != ENOENT && err != ENOTDIR)
		return err_code(e, "exec-denied");
	if (access(program, F_OK) == 0)
		err_detail(e, "The file is there, its interpreter or loader is not.");
	return err_code(e, "exec-not-found");
}

/* Opens a program as the kernel would, but never through a magic link.  -1 and errno; where
 * the place has no openat2(2) (gVisor), an O_PATH descriptor without that promise. */
static int open_program(const char *path)
{
	int fd = sys_openat2(
		AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, RESOLVE_NO_MAGICLINKS);
	if (fd < 0 && errno == ENOSYS)
		fd = open(path, O_PATH | O_CLOEXEC);
	/* Executable, but not readable: nobody can make it a script that leads elsewhere. */
	if (fd < 0 && errno == EACCES)
		fd = sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
	return fd;
}

/* 0: nothing speaks against executing it; else the errno.  Absent files are ENOENT. */
static int check(const char *path)
{
	char name[PATH_MAX];
	if (snprintf(name, sizeof name, "%s", path) >= (int)sizeof name)
		return ENAMETOOLONG;
	for (int depth = 0; depth < SCRIPTS_MAX; depth++) {
		int fd = open_program(name); /* closes at execve(2) */
		if (fd < 0)
			return errno == EACCES ? 0 : depth && errno == ENOENT ? 0 : errno;
		char line[LINE_MAX_BYTES + 1];
		ssize_t n = read(fd, line, LINE_MAX_BYTES);
		if (n < 3 || line[0] != '#' || line[1] != '!')
			return 0;
		line[n] = '\0';
		char *p = line + 2 + strspn(line + 2, " \t");
		p[strcspn(p, " \t\n")] = '\0';
		snprintf(name, sizeof name, "%s", p);
	}
	return 0;
}

nd_err *program_exec(char *const *argv, const struct strv *vars)
{
	static const char usual[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const char *name = argv[0], *path = env_get(vars, "PATH");
	if (strchr(name, '/')) {
		int err = check(name);
		if (!err) {
			execve(name, argv, vars->v);
			err = errno;
		}
		return exec_error(name, err);
	}
	if (!*name)
		return err_code(
			err_new(ND_INVALID, NULL, "the command is empty"), "exec-not-found");
	int result = ENOENT;
	char full[PATH_MAX];
	if (!path || !*path)
		path = usual;
	for (const char *p = path; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
		int n = (int)strcspn(p, ":");
		if (snprintf(full, sizeof full, "%.*s%s%s", n, p, n ? "/" : "", name) >=
			(int)sizeof full)
			continue;
		int err = check(full);
		if (!err) {
			execve(full, argv, vars->v);
			err = errno;
			if (err == ENOENT)
				return exec_error(full, err);
		}
		if (err != ENOENT && err != ENOTDIR)
			result = err;
		if (err != ENOENT && err != ENOTDIR && err != EACCES)
			break;
	}
	if (result != ENOENT)
		return exec_error(name, result);
	return err_code(
		err_new(ND_ABSENT, NULL, "'%s' is not in the container's PATH (%s)", name, path),
		"exec-not-found");
}
