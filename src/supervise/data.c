/* What runs leave on disk: see data.h. */
#include "supervise/data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/userns.h"
#include "kernel/sys.h"

/* Root of a user namespace finds a /var/lib/nidus of the place's root, which it may not write. */
static bool system_dir_is_ours(void)
{
	return access("/var/lib/nidus/runs", W_OK) == 0 ||
	       (errno == ENOENT && access("/var/lib/nidus", W_OK) == 0) ||
	       (errno == ENOENT && access("/var/lib", W_OK) == 0);
}

nd_err *data_dir(char **ret)
{
	const char *dir = getenv("NIDUS_STORE_DIR"), *home;
	char *path;
	if (dir && *dir == '/')
		path = str_dup(dir);
	else if (start_euid() == 0 && system_dir_is_ours())
		path = str_dup("/var/lib/nidus");
	else if ((dir = getenv("XDG_DATA_HOME")) && *dir == '/')
		path = str_fmt("%s/nidus", dir);
	else if ((home = getenv("HOME")) && *home == '/')
		path = str_fmt("%s/.local/share/nidus", home);
	else
		return err_remedy(err_new(ND_ABSENT, "no-data-dir", "there is no place for data"),
			"Set HOME, XDG_DATA_HOME or NIDUS_STORE_DIR to an absolute path.");
	*ret = path;
	return NULL;
}

nd_err *data_make(const char *id, char **ret)
{
	_cleanup_free_ char *data = NULL;
	TRY(data_dir(&data));
	char *dir = str_fmt("%s/runs/%s", data, id);
	/* The usual case is one call: everything above is there since the first run. */
	nd_err *e = NULL;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
		_cleanup_free_ char *runs = str_fmt("%s/runs", data);
		e = dir_make(runs, 0711);
		if (!e)
			e = dir_make(dir, 0755);
	}
	if (e) {
		free(dir);
		return err_wrap(e, "make the run's data directory");
	}
	*ret = dir;
	return NULL;
}

/* In a child in a user namespace with the caller's subordinate ids, whose root may remove
 * what those ids own. */
static nd_err *remove_mapped(int dir_fd, const char *name)
{
	struct userns_maps maps;
	pid_t pid;
	if (!userns_maps_subordinate(&maps))
		return err_new(ND_DENIED, "no-subids", "%s has files of other users", name);
	TRY(userns_fork(&maps, &pid));
	if (pid == 0) {
		nd_err *e = tree_remove(dir_fd, name);
		_exit(e ? 1 : 0);
	}
	if (wait_status(pid) != 0)
		return err_new(ND_DENIED, "not-removed", "%s could not be removed", name);
	return NULL;
}

/* Overlay's work directory, and the one that it makes in it. */
#define WORK "work"

/* What a run that changed nothing leaves, as overlay makes it, without reading any
 * directory: the usual case of a short run.  False: there is more. */
static bool remove_unchanged(int dir_fd, const char *name)
{
	static const struct {
		const char *path;
		int flags;
	} parts[] = {{WORK "/" WORK "/incompat/volatile/dirty", 0},
		{WORK "/" WORK "/incompat/volatile", AT_REMOVEDIR},
		{WORK "/" WORK "/incompat", AT_REMOVEDIR}, {WORK "/" WORK, AT_REMOVEDIR},
		{WORK, AT_REMOVEDIR}, {"upper", AT_REMOVEDIR}, {"", AT_REMOVEDIR}};
	char path[128];
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(path, sizeof path, "%s/%s", name, parts[i].path);
		if (unlinkat(dir_fd, path, parts[i].flags) < 0 && errno != ENOENT)
			return false;
	}
	return true;
}

static nd_err *remove_one(int dir_fd, const char *name)
{
	if (remove_unchanged(dir_fd, name))
		return NULL;
	nd_err *e = tree_remove(dir_fd, name);
	if (!e || start_euid() == 0 || (e->errnum != EACCES && e->errnum != EPERM))
		return e;
	err_free(e);
	return remove_mapped(dir_fd, name);
}

/* Volumes made without a name are called after the first 12 digits of the id. */
static nd_err *remove_volumes(const char *data, const char *id)
{
	_cleanup_free_ char *path = str_fmt("%s/volumes", data);
	_cleanup_closedir_ DIR *d = opendir(path);
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, id, 12) == 0 && e->d_name[12] == '-')
			TRY(remove_one(dirfd(d), e->d_name));
	return NULL;
}

nd_err *data_remove(const char *id)
{
	_cleanup_free_ char *data = NULL;
	TRY(data_dir(&data));
	_cleanup_free_ char *runs = str_fmt("%s/runs", data);
	_cleanup_fd_ int fd = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "open", "%s", runs);
	TRY(remove_one(fd, id));
	return remove_volumes(data, id);
}

nd_err *data_gc(bool (*is_live)(const char *id, void *arg), void *arg, size_t *ret_removed)
{
	_cleanup_free_ char *data = NULL;
	TRY(data_dir(&data));
	_cleanup_free_ char *runs = str_fmt("%s/runs", data);
	_cleanup_closedir_ DIR *d = opendir(runs);
	struct dirent *e;
	while (d && (e = readdir(d))) {
		if (*e->d_name == '.' || is_live(e->d_name, arg))
			continue;
		TRY(remove_one(dirfd(d), e->d_name));
		TRY(remove_volumes(data, e->d_name));
		(*ret_removed)++;
	}
	return NULL;
}
