/* The cache of costly answers: see cache.h.  The file is a header that says for what place
 * and binary it counts, and then fixed-size records; it is read whole and replaced
 * whole.  Its directory must belong to us and be closed to others, because /tmp is a place
 * where anybody could put one. */
#include "probe/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { RECORDS_MAX = 32 };
static const char file_name[] = "probe-cache";

struct key {
	char magic[16];
	char boot[40];
	uint64_t user_ns, mount_ns, exe_size;
	int64_t exe_sec, exe_nsec;
	uint32_t uid, record_size;
};

struct record {
	char name[64];
	struct fact_result result;
};

struct cache {
	struct key key;
	struct record records[RECORDS_MAX];
	size_t n;
};

static void key_here(struct key *k)
{
	struct stat st;
	*k = (struct key){.magic = "nidus-probe-1", .uid = geteuid()};
	k->record_size = sizeof(struct record);
	if (file_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", k->boot, sizeof k->boot) <
		0)
		k->boot[0] = '\0';
	if (stat("/proc/self/ns/user", &st) == 0)
		k->user_ns = st.st_ino;
	if (stat("/proc/self/ns/mnt", &st) == 0)
		k->mount_ns = st.st_ino;
	if (stat("/proc/self/exe", &st) == 0) {
		k->exe_size = (uint64_t)st.st_size;
		k->exe_sec = st.st_mtim.tv_sec;
		k->exe_nsec = st.st_mtim.tv_nsec;
	}
}

/* The uid by which other users know us: in a user namespace ours may be everybody's 0. */
static unsigned outer_uid(void)
{
	unsigned inside, outside;
	char line[80];
	if (file_read_line(AT_FDCWD, "/proc/self/uid_map", line, sizeof line) > 0 &&
		sscanf(line, "%u %u", &inside, &outside) == 2 && inside == geteuid())
		return outside;
	return geteuid();
}

/* A directory that is ours and that nobody else can write to; -1. */
static int dir_open(const char *path, bool make)
{
	struct stat st;
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022))) {
		fd_close(fd);
		return -1;
	}
	return fd;
}

/* The state directory as everything in nidus chooses it: $NIDUS_STATE_DIR; /run/nidus for
 * root; $XDG_RUNTIME_DIR/nidus; /tmp/nidus-UID. */
static int cache_dir(bool make)
{
	const char *own = getenv("NIDUS_STATE_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	if (own && *own)
		return *own == '/' ? dir_open(own, make) : -1;
	int fd = geteuid() == 0 ? dir_open("/run/nidus", make) : -1;
	if (fd < 0 && xdg && *xdg == '/') {
		_cleanup_free_ char *path = str_fmt("%s/nidus", xdg);
		fd = dir_open(path, make);
	}
	if (fd < 0) {
		_cleanup_free_ char *path = str_fmt("/tmp/nidus-%u", outer_uid());
		fd = dir_open(path, make);
	}
	return fd;
}

static void terminate(struct record *r)
{
	struct fact_result *f = &r->result;
	r->name[sizeof r->name - 1] = '\0';
	f->op[sizeof f->op - 1] = f->value[sizeof f->value - 1] = '\0';
	f->reason[sizeof f->reason - 1] = f->evidence[sizeof f->evidence - 1] = '\0';
	f->remedy[sizeof f->remedy - 1] = '\0';
	if (f->state > FACT_UNKNOWN)
		f->state = FACT_UNKNOWN;
}

/* What is there for this place; empty where the file is missing, foreign or of another. */
static void cache_load(struct cache *c)
{
	struct stat st;
	struct key there;
	key_here(&c->key);
	c->n = 0;
	_cleanup_fd_ int dir = cache_dir(false);
	_cleanup_fd_ int fd =
		dir < 0 ? -1
			: openat(dir, file_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		fd_read_full(fd, &there, sizeof there) != (ssize_t)sizeof there ||
		memcmp(&there, &c->key, sizeof there) != 0)
		return;
	while (c->n < RECORDS_MAX && fd_read_full(fd, &c->records[c->n], sizeof *c->records) ==
					     (ssize_t)sizeof *c->records)
		terminate(&c->records[c->n++]);
}

static void cache_store(const struct cache *c)
{
	_cleanup_fd_ int dir = cache_dir(true);
	_cleanup_buf_ struct buf b = {0};
	if (dir < 0)
		return;
	buf_add(&b, &c->key, sizeof c->key);
	buf_add(&b, c->records, c->n * sizeof *c->records);
	err_free(file_replace(dir, file_name, b.data, b.len, 0600));
}

static struct record *cache_find(struct cache *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->records[i].name, name) == 0)
			return &c->records[i];
	return NULL;
}

/* An answer that was not to be had now may be to be had later: it is not kept. */
static bool cache_put(struct cache *c, const struct fact *f, const struct fact_result *result)
{
	if (result->state == FACT_UNKNOWN)
		return false;
	struct record *r = cache_find(c, f->name);
	if (!r && c->n == RECORDS_MAX)
		return false;
	if (!r)
		r = &c->records[c->n++];
	*r = (struct record){.result = *result};
	snprintf(r->name, sizeof r->name, "%s", f->name);
	r->result.cached = true;
	return true;
}

static nd_err *ask(struct cache *c, const struct fact *const *list, size_t n,
	struct fact_result *results, bool fresh)
{
	_cleanup_free_ const struct fact **left = mem_alloc(n * sizeof *left);
	_cleanup_free_ struct fact_result *answers = mem_alloc(n * sizeof *answers);
	size_t n_left = 0, k = 0;
	bool changed = false;
	for (size_t i = 0; i < n; i++)
		if (fresh || !list[i]->costly || !cache_find(c, list[i]->name))
			left[n_left++] = list[i];
	TRY(fact_ask_many(left, n_left, answers));
	for (size_t i = 0; i < n; i++) {
		if (k < n_left && left[k] == list[i]) {
			results[i] = answers[k++];
			changed |= list[i]->costly && cache_put(c, list[i], &results[i]);
		} else {
			results[i] = cache_find(c, list[i]->name)->result;
		}
	}
	if (changed)
		cache_store(c);
	return NULL;
}

nd_err *fact_ask_cached(
	const struct fact *const *list, size_t n, struct fact_result *results, bool fresh)
{
	bool costly = false;
	for (size_t i = 0; i < n; i++)
		costly |= list[i]->costly;
	if (!costly)
		return fact_ask_many(list, n, results);
	_cleanup_free_ struct cache *c = mem_alloc(sizeof *c);
	cache_load(c);
	return ask(c, list, n, results, fresh);
}
