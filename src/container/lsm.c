/* Security module labels: see lsm.h and the kernel's Documentation/admin-guide/LSM.
 * Both modules take the label for the next execve(2) by a write to an attr file;
 * AppArmor has its own since Linux 5.8, where two modules may be on at once. */
#include "container/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/sys.h"

static bool selinux_is_on(void)
{
	struct statfs st;
	return statfs("/sys/fs/selinux", &st) == 0 && st.f_type == SELINUX_MAGIC;
}

/* "user:role:type:level", where the level may hold colons itself. */
enum { USER, ROLE, TYPE, LEVEL, PARTS };

nd_err *lsm_selinux_label(const struct strv *label_opts, char **ret)
{
	static const char *const keys[PARTS] = {"user:", "role:", "type:", "level:"};
	char now[512];
	*ret = NULL;
	if (!label_opts->n || !selinux_is_on())
		return NULL;
	if (file_read_line(AT_FDCWD, "/proc/self/attr/current", now, sizeof now) < 0)
		return err_sys(errno, "read", "/proc/self/attr/current");
	const char *part[PARTS] = {"", "", "", ""};
	char *p = now;
	for (int i = 0; i < PARTS && p; i++) {
		part[i] = p;
		p = i < LEVEL ? strchr(p, ':') : NULL;
		if (p)
			*p++ = '\0';
	}
	bool any = false;
	for (size_t k = 0; k < label_opts->n; k++) {
		for (int i = 0; i < PARTS; i++) {
			const char *value = str_after(label_opts->v[k], keys[i]);
			if (value) {
				part[i] = value;
				any = true;
			}
		}
	}
	if (any)
		*ret = str_fmt("%s:%s:%s%s%s", part[USER], part[ROLE], part[TYPE],
			*part[LEVEL] ? ":" : "", part[LEVEL]);
	return NULL;
}

nd_err *lsm_apparmor_check(const char *profile)
{
	char on[8];
	if (!profile || str_eq(profile, "unconfined"))
		return NULL;
	if (file_read_line(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", on, sizeof on) >
			0 &&
		*on == 'Y')
		return NULL;
	return err_remedy(err_new(ND_ABSENT, "apparmor-absent",
				  "--security-opt apparmor: AppArmor is not on here, so '%s' "
				  "cannot be taken on",
				  profile),
		"Leave the option out, or use apparmor=unconfined.");
}

static nd_err *write_attr(int proc_fd, const char *path, const char *text)
{
	int fd = openat(proc_fd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(errno, "open", "/proc/%s", path);
	struct statfs st;
	nd_err *e = NULL;
	if (fstatfs(fd, &st) < 0 || st.f_type != PROC_SUPER_MAGIC)
		e = err_new(ND_DENIED, "proc-is-not-proc", "/proc/%s is not in a proc file system",
			path);
	else if (write(fd, text, strlen(text)) < 0)
		e = err_sys(errno, "write", "/proc/%s: %s", path, text);
	fd_close(fd);
	return e;
}

nd_err *lsm_apply(int proc_fd, const char *apparmor, const char *selinux)
{
	if (selinux)
		TRY_WRAP(write_attr(proc_fd, "thread-self/attr/exec", selinux),
			"take on the SELinux label");
	if (!apparmor || str_eq(apparmor, "unconfined"))
		return NULL;
	_cleanup_free_ char *text = str_fmt("exec %s", apparmor);
	nd_err *e = write_attr(proc_fd, "thread-self/attr/apparmor/exec", text);
	if (e && e->errnum == ENOENT) {
		err_free(e);
		e = write_attr(proc_fd, "thread-self/attr/exec", text);
	}
	if (err_root(e) && err_root(e)->errnum == ENOENT)
		err_remedy(e, "Load the profile with apparmor_parser, or use "
			      "--security-opt apparmor=unconfined.");
	return err_wrap(e, "take on the AppArmor profile");
}
