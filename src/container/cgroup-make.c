/* Making one group: see cgroup-make.h.  v1: a new cpuset is empty and takes no task
 * until it has CPUs and nodes (cpusets.rst). */
#include "container/cgroup-make.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

char *group_parent(const char *text)
{
	_cleanup_strv_ struct strv parts = {0};
	struct buf clean = {0};
	strv_split(&parts, text, '/');
	for (size_t i = 0; i < parts.n; i++) {
		if (str_eq(parts.v[i], "..") || strchr(parts.v[i], '\n')) {
			buf_done(&clean);
			return NULL;
		}
		if (*parts.v[i] && !str_eq(parts.v[i], "."))
			buf_fmt(&clean, "%s%s", clean.len ? "/" : "", parts.v[i]);
	}
	return buf_steal(&clean);
}

/* Makes the directories above PATH that are missing, from `base` on. */
static nd_err *make_above(const char *base, char *path)
{
	for (char *p = path + strlen(base) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		int failed = mkdir(path, 0755) < 0 && errno != EEXIST ? errno : 0;
		nd_err *e = failed ? err_sys(failed, "mkdir", "%s", path) : NULL;
		*p = '/';
		TRY(e);
	}
	return NULL;
}

nd_err *group_mkdir(const char *base, char *path)
{
	for (int tries = 0;; tries++) {
		if (mkdir(path, 0755) == 0)
			return NULL;
		int err = errno;
		if (tries == 4)
			return err_sys(err, "mkdir", "%s", path);
		if (err == ENOENT && strchr(path + strlen(base) + 1, '/')) {
			TRY(make_above(base, path));
		} else if (err == EEXIST) {
			/* Left by a run of the same id that was killed; empty, or not ours to take.
			 */
			if (rmdir(path) < 0 && errno != ENOENT)
				return err_remedy(err_code(err_sys(errno, "rmdir", "%s", path),
							  "cgroup-busy"),
					"processes of an earlier run are still in this cgroup: end "
					"them, or use another name");
		} else {
			return err_sys(err, "mkdir", "%s", path);
		}
	}
}

/* Copies one list from the group above, which may itself be new and empty. */
static nd_err *inherit(char *path, size_t mount_len, const char *file)
{
	char text[4096];
	_cleanup_free_ char *here = str_fmt("%s/%s", path, file);
	ssize_t n = file_read_line(AT_FDCWD, here, text, sizeof text);
	if (n < 0)
		return err_sys(errno, "read", "%s", here);
	char *slash = strrchr(path, '/');
	if (n > 0 || strlen(path) <= mount_len || !slash)
		return NULL;
	*slash = '\0';
	nd_err *e = inherit(path, mount_len, file);
	_cleanup_free_ char *above = str_fmt("%s/%s", path, file);
	*slash = '/';
	TRY(e);
	if (file_read_line(AT_FDCWD, above, text, sizeof text) < 0)
		return err_sys(errno, "read", "%s", above);
	if (!file_poke(AT_FDCWD, here, text))
		return err_sys(errno, "write", "'%s' to %s", text, here);
	return NULL;
}

static nd_err *open_v1(const struct cgroup_hier *h, char *path, int *ret_fd)
{
	if (h->ctls & CTL_CPUSET) {
		TRY(inherit(path, strlen(h->mount), "cpuset.cpus"));
		TRY(inherit(path, strlen(h->mount), "cpuset.mems"));
	}
	_cleanup_free_ char *tasks = str_fmt("%s/tasks", path);
	*ret_fd = open(tasks, O_WRONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "open", "%s", tasks) : NULL;
}

nd_err *group_make_v1(const struct cgroup_hier *h, const char *sub, struct cgroup_dir *ret)
{
	_cleanup_free_ char *base = cgroup_hier_path(h, "");
	_cleanup_free_ char *path = str_fmt("%s/%s", base, sub);
	int fd = -1;
	TRY(group_mkdir(base, path));
	nd_err *e = open_v1(h, path, &fd);
	if (e) {
		rmdir(path);
		return e;
	}
	*ret = (struct cgroup_dir){
		.ctls = h->ctls,
		.name = str_dup(h->name),
		.path = steal_ptr(&path),
		.mount = str_dup(h->mount),
		.join_fd = fd,
	};
	return NULL;
}
