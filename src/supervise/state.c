/* The state directory: see state.h. */
#include "supervise/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/str.h"
#include "supervise/supervise.h"
#include "kernel/sys.h"

enum { NEWBORN_MS = 1000, LOCK_WAIT_MS = 2000 };

/* The uid that other users know us by: in a user namespace ours may be 0, as
 * everybody's; the first line of the map tells. */
static uid_t outer_uid(void)
{
	unsigned inside, outside;
	char line[80];
	if (file_read_line(AT_FDCWD, "/proc/self/uid_map", line, sizeof line) > 0 &&
		sscanf(line, "%u %u", &inside, &outside) == 2 && inside == start_euid())
		return outside;
	return start_euid();
}

/* Opens BASE/runs, making both; every directory that we rely on must be ours and closed to
 * others, because whoever can rename in it can have us kill and remove at will. */
static nd_err *base_open(const char *base, bool exclusive, struct state *ret)
{
	_cleanup_free_ char *runs = str_fmt("%s/runs", base);
	int fd = open(runs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		TRY(dir_make(base, 0700));
		if (mkdir(runs, 0700) < 0 && errno != EEXIST)
			return err_sys(errno, "mkdir", "%s", runs);
		fd = open(runs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(errno, "open", "%s", runs);
	struct stat st, above;
	if (fstat(fd, &st) < 0 || (exclusive && lstat(base, &above) < 0)) {
		int err = errno;
		fd_close(fd);
		return err_sys(err, "stat", "%s", runs);
	}
	bool ours = st.st_uid == start_euid() && !(st.st_mode & 022);
	if (exclusive)
		ours = ours && S_ISDIR(above.st_mode) && above.st_uid == start_euid() &&
		       !(above.st_mode & 022);
	if (!ours) {
		fd_close(fd);
		return err_remedy(
			err_new(ND_DENIED, "state-not-ours",
				"the state directory %s belongs to, or can be written by, others",
				base),
			"Remove it, or set NIDUS_STATE_DIR to a directory of your own.");
	}
	ret->runs_fd = fd;
	ret->path = str_dup(base);
	return NULL;
}

nd_err *state_open(struct state *ret)
{
	*ret = (struct state){.runs_fd = -1};
	const char *own = getenv("NIDUS_STATE_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	if (own && *own) {
		if (*own != '/')
			return err_invalid("NIDUS_STATE_DIR: '%s' is not an absolute path", own);
		TRY_WRAP(base_open(own, false, ret), "open the state directory");
		return NULL;
	}
	_cleanup_err_ nd_err *first = NULL;
	if (start_euid() == 0) {
		first = base_open("/run/nidus", false, ret);
		if (!first)
			return NULL;
	}
	if (xdg && *xdg == '/') {
		_cleanup_free_ char *base = str_fmt("%s/nidus", xdg);
		nd_err *e = base_open(base, false, ret);
		if (!e)
			return NULL;
		err_free(first);
		first = e;
	}
	_cleanup_free_ char *base = str_fmt("/tmp/nidus-%u", (unsigned)outer_uid());
	nd_err *e = base_open(base, true, ret);
	if (!e)
		return NULL;
	if (!first) {
		first = e;
	} else {
		_cleanup_free_ char *also = err_line(e);
		err_detail(first, "the fallback failed too: %s", also);
		err_free(e);
	}
	return err_remedy(err_wrap(steal_ptr(&first), "open the state directory"),
		"Set NIDUS_STATE_DIR to a directory that you can write to.");
}

void state_done(struct state *s)
{
	fd_done(&s->runs_fd);
	free(s->path);
	s->path = NULL;
}

nd_err *run_id_make(char id[65])
{
	unsigned char bytes[32];
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return err_sys(errno, "getrandom", "a run id");
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return NULL;
}

static bool id_valid(const char *id)
{
	return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

bool run_name_valid(const char *name)
{
	static const char alnum[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char all[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(name);
	return n >= 1 && n <= 128 && strchr(alnum, name[0]) && strspn(name, all) == n;
}

void run_name_from_id(const char *id, char *name)
{
	static const char *const first[16] = {"amber", "brave", "calm", "deft", "early", "fond",
		"grand", "happy", "keen", "lucid", "merry", "noble", "proud", "quiet", "swift",
		"warm"};
	static const char *const second[16] = {"alder", "birch", "cedar", "crane", "finch", "hazel",
		"heron", "larch", "linnet", "maple", "osprey", "otter", "robin", "rowan", "wren",
		"yew"};
	static const char digits[] = "0123456789abcdef";
	size_t a = (size_t)(strchr(digits, id[0]) - digits);
	size_t b = (size_t)(strchr(digits, id[1]) - digits);
	snprintf(name, 48, "%s_%s_%.4s", first[a], second[b], id + 2);
}

static bool lock_try(int fd, int how)
{
	int64_t until = now_ms() + LOCK_WAIT_MS;
	while (flock(fd, how | LOCK_NB) < 0) {
		/* Somebody may be looking whether we are alive: a matter of microseconds. */
		if ((errno != EWOULDBLOCK && errno != EINTR) || now_ms() > until)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return true;
}

/* Under the lock of the runs directory, so that a stale name is replaced by one of us only. */
static nd_err *name_claim(const struct state *s, const char *id, const char *name)
{
	_cleanup_free_ char *entry = str_fmt("@%s", name);
	char holder[80];
	if (!lock_try(s->runs_fd, LOCK_EX))
		return err_sys(errno, "flock", "%s/runs", s->path);
	nd_err *e = NULL;
	while (symlinkat(id, s->runs_fd, entry) < 0) {
		if (errno != EEXIST) {
			e = err_sys(errno, "symlink", "%s/runs/%s", s->path, entry);
			break;
		}
		struct stat st;
		bool there = link_get(s->runs_fd, entry, holder, sizeof holder);
		if (there && str_eq(holder, id))
			break;
		if (there && fstatat(s->runs_fd, holder, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			e = err_remedy(
				err_new(ND_BUSY, "name-in-use",
					"the name '%s' is in use by run %.12s", name, holder),
				"'nidus rm %s' removes that run; --replace does so before "
				"starting.",
				name);
			break;
		}
		if (unlinkat(s->runs_fd, entry, 0) < 0 && errno != ENOENT) {
			e = err_sys(errno, "unlink", "%s/runs/%s", s->path, entry);
			break;
		}
	}
	flock(s->runs_fd, LOCK_UN);
	return e;
}

/* Makes and locks; *ret_again when somebody took the unlocked folder for a dead run's
 * and removed it in between. */
static nd_err *make_locked(const struct state *s, struct run_dir *d, bool *ret_again)
{
	struct stat named, held;
	if (mkdirat(s->runs_fd, d->id, 0700) < 0)
		return err_sys(errno, "mkdir", "%s/runs/%s", s->path, d->id);
	d->fd = openat(s->runs_fd, d->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd < 0) {
		int err = errno;
		*ret_again = err == ENOENT;
		unlinkat(s->runs_fd, d->id, AT_REMOVEDIR);
		return err_sys(err, "open", "%s/runs/%s", s->path, d->id);
	}
	if (!lock_try(d->fd, LOCK_EX))
		return err_sys(errno, "flock", "%s/runs/%s", s->path, d->id);
	if (fstat(d->fd, &held) == 0 &&
		fstatat(s->runs_fd, d->id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		named.st_ino == held.st_ino)
		return NULL;
	*ret_again = true;
	return err_new(ND_BUSY, "run-busy", "the new folder of run %.12s was removed", d->id);
}

nd_err *run_dir_make(const struct state *s, const char *id, const char *name, struct run_dir *ret)
{
	struct run_dir d = {.fd = -1};
	nd_err *e = NULL;
	snprintf(d.id, sizeof d.id, "%s", id);
	for (int tries = 0; tries < 3; tries++) {
		bool again = false;
		err_free(e);
		run_dir_done(&d);
		e = make_locked(s, &d, &again);
		if (!again)
			break;
	}
	if (!e && name)
		e = name_claim(s, id, name);
	if (e) {
		if (d.fd >= 0)
			unlinkat(s->runs_fd, id, AT_REMOVEDIR);
		run_dir_done(&d);
		return e;
	}
	*ret = d;
	return NULL;
}

nd_err *run_dir_open(const struct state *s, const char *id, struct run_dir *ret)
{
	int fd = openat(s->runs_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s/runs/%s", s->path, id);
	ret->fd = fd;
	snprintf(ret->id, sizeof ret->id, "%s", id);
	return NULL;
}

void run_dir_done(struct run_dir *d)
{
	fd_done(&d->fd);
}

nd_err *run_dir_remove(const struct state *s, const char *id, const char *name)
{
	/* The two entries that a short run has; most runs end here. */
	_cleanup_free_ char *json = str_fmt("%s/run.json", id);
	unlinkat(s->runs_fd, json, 0);
	if (unlinkat(s->runs_fd, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		TRY(tree_remove(s->runs_fd, id));
	if (name) {
		_cleanup_free_ char *entry = str_fmt("@%s", name);
		char holder[80];
		if (link_get(s->runs_fd, entry, holder, sizeof holder) && str_eq(holder, id) &&
			unlinkat(s->runs_fd, entry, 0) < 0 && errno != ENOENT)
			return err_sys(errno, "unlink", "%s/runs/%s", s->path, entry);
	}
	return NULL;
}

bool run_dir_alive(const struct run_dir *d, bool take)
{
	if (flock(d->fd, (take ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	if (!take)
		flock(d->fd, LOCK_UN);
	return false;
}

bool run_dir_newborn(const struct run_dir *d)
{
	struct stat st;
	if (fstat(d->fd, &st) < 0)
		return false;
	int64_t age =
		now_real_ms() - (int64_t)st.st_mtim.tv_sec * 1000 - st.st_mtim.tv_nsec / 1000000;
	return age < NEWBORN_MS && age > -NEWBORN_MS;
}

bool link_set(int dir_fd, const char *name, const char *value)
{
	if (symlinkat(value, dir_fd, name) == 0)
		return true;
	if (errno != EEXIST)
		return false;
	char temp[40];
	snprintf(temp, sizeof temp, "%.32s.new", name);
	unlinkat(dir_fd, temp, 0);
	return symlinkat(value, dir_fd, temp) == 0 && renameat(dir_fd, temp, dir_fd, name) == 0;
}

bool link_get(int dir_fd, const char *name, char *value, size_t size)
{
	ssize_t n = readlinkat(dir_fd, name, value, size - 1);
	if (n < 0)
		return false;
	value[n] = '\0';
	return true;
}

nd_err *state_list(const struct state *s, struct strv *ret_ids)
{
	int fd = openat(s->runs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s/runs", s->path);
	_cleanup_closedir_ DIR *d = fdopendir(fd);
	if (!d) {
		int err = errno;
		fd_close(fd);
		return err_sys(err, "fdopendir", "%s/runs", s->path);
	}
	struct dirent *e;
	while ((e = readdir(d)))
		if (id_valid(e->d_name))
			strv_add(ret_ids, e->d_name);
	return NULL;
}

static nd_err *ambiguous(const char *ref, const char *a, const char *b)
{
	return err_remedy(err_new(ND_INVALID, "ambiguous-run",
				  "'%s' fits more than one run: %.12s and %.12s", ref, a, b),
		"Give more digits, or the name.");
}

nd_err *state_find(const struct state *s, const char *ref, struct run_dir *ret)
{
	char holder[80];
	if (id_valid(ref) && faccessat(s->runs_fd, ref, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return run_dir_open(s, ref, ret);
	if (run_name_valid(ref)) {
		_cleanup_free_ char *entry = str_fmt("@%s", ref);
		if (link_get(s->runs_fd, entry, holder, sizeof holder) && id_valid(holder) &&
			faccessat(s->runs_fd, holder, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return run_dir_open(s, holder, ret);
	}
	_cleanup_strv_ struct strv ids = {0};
	TRY(state_list(s, &ids));
	const char *found = NULL;
	for (size_t i = 0; i < ids.n && *ref; i++) {
		char made[48];
		run_name_from_id(ids.v[i], made);
		if (!str_starts(ids.v[i], ref) && !str_eq(made, ref))
			continue;
		if (found)
			return ambiguous(ref, found, ids.v[i]);
		found = ids.v[i];
	}
	if (!found)
		return err_remedy(err_new(ND_ABSENT, "no-such-run", "there is no run '%s'", ref),
			"'nidus ps -a' lists the runs in %s.", s->path);
	return run_dir_open(s, found, ret);
}
