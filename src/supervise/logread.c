/* Reading the log back, also while it grows and is rotated: see logfile.h.  Following
 * rests on inotify(7), with a look once a second for places that have none and for a monitor that
 * was killed, which writes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "supervise/logfile.h"

enum { LINE_MAX_BYTES = 1 << 20, FILES_MAX = 1000 };

static bool time_parse(const char *s, int64_t *ret_ms)
{
	struct tm tm = {0};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		return false;
	int64_t ms = (int64_t)timegm(&tm) * 1000;
	if (*end == '.') {
		int scale = 100;
		for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
			ms += (*end - '0') * scale;
	}
	*ret_ms = ms;
	return true;
}

static bool json_entry(char *line, size_t len, struct buf *scratch, struct log_entry *ret)
{
	_cleanup_json_ struct json_doc doc = {0};
	_cleanup_free_ char *stream = NULL, *time = NULL, *text = NULL;
	nd_err *e = json_parse("log", line, len, &doc);
	if (!e)
		e = json_need_str(&doc.at, "log", &text);
	if (!e)
		e = json_need_str(&doc.at, "stream", &stream);
	if (!e)
		e = json_need_str(&doc.at, "time", &time);
	bool good = !e && time_parse(time, &ret->real_ms);
	err_free(e);
	if (!good)
		return false;
	scratch->len = 0;
	buf_add(scratch, time, strlen(time) + 1);
	size_t at = scratch->len;
	buf_str(scratch, text);
	ret->time = scratch->data;
	ret->text = scratch->data + at;
	ret->len = scratch->len - at;
	ret->partial = !str_ends(text, "\n");
	ret->stream = str_eq(stream, "stderr") ? LOG_STDERR : LOG_STDOUT;
	return true;
}

bool log_entry_parse(char *line, size_t len, struct buf *scratch, struct log_entry *ret)
{
	if (len && *line == '{')
		return json_entry(line, len, scratch, ret);
	char *stream = memchr(line, ' ', len);
	if (!stream || len - (size_t)(stream - line) < 10)
		return false;
	*stream++ = '\0';
	if (!time_parse(line, &ret->real_ms))
		return false;
	if (str_starts(stream, "stdout "))
		ret->stream = LOG_STDOUT;
	else if (str_starts(stream, "stderr "))
		ret->stream = LOG_STDERR;
	else
		return false;
	if ((stream[7] != 'F' && stream[7] != 'P') || stream[8] != ' ')
		return false;
	ret->partial = stream[7] == 'P';
	const char *text = stream + 9;
	size_t n = len - (size_t)(text - line);
	scratch->len = 0;
	buf_add(scratch, text, n);
	if (!ret->partial)
		buf_str(scratch, "\n");
	ret->time = line;
	ret->text = scratch->data;
	ret->len = scratch->len;
	return true;
}

struct reading {
	const struct log_query *q;
	int fd;
	struct buf pending, scratch;
	bool counting; /* first pass of a tail: lines are counted, nobody is told */
	int64_t lines, skip;
	bool midline[2]; /* a line of that stream has begun and not ended */
	bool ended;      /* the callback had enough */
};

static void entry_found(struct reading *r, const struct log_entry *e)
{
	const struct log_query *q = r->q;
	if ((q->since_ms && e->real_ms < q->since_ms) || (q->until_ms && e->real_ms > q->until_ms))
		return;
	bool skipped = r->lines < r->skip;
	r->midline[e->stream] = e->partial;
	if (!e->partial)
		r->lines++;
	if (!r->counting && !skipped && !q->entry(q->arg, e))
		r->ended = true;
}

/* Everything up to the end of the open file; an entry that is not whole yet stays. */
static nd_err *drain(struct reading *r)
{
	char chunk[65536];
	for (;;) {
		ssize_t n = read(r->fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "read", "the log");
		if (n == 0)
			return NULL;
		buf_add(&r->pending, chunk, (size_t)n);
		char *p = r->pending.data, *end = p + r->pending.len, *newline;
		while (!r->ended && (newline = memchr(p, '\n', (size_t)(end - p)))) {
			struct log_entry e;
			*newline = '\0';
			if (log_entry_parse(p, (size_t)(newline - p), &r->scratch, &e))
				entry_found(r, &e);
			p = newline + 1;
		}
		r->pending.len = (size_t)(end - p);
		memmove(r->pending.data, p, r->pending.len);
		if (r->pending.len > LINE_MAX_BYTES)
			r->pending.len = 0;
		if (r->ended)
			return NULL;
	}
}

static bool open_numbered(struct reading *r, int dir_fd, int number)
{
	char name[32];
	if (number)
		snprintf(name, sizeof name, "log.%d", number);
	else
		snprintf(name, sizeof name, "log");
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	fd_close(r->fd);
	r->fd = fd;
	r->pending.len = 0;
	return true;
}

static nd_err *read_all(struct reading *r, int dir_fd)
{
	int oldest = 0;
	char name[32];
	struct stat st;
	while (oldest < FILES_MAX) {
		snprintf(name, sizeof name, "log.%d", oldest + 1);
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			break;
		oldest++;
	}
	for (int i = oldest; i >= 0 && !r->ended; i--)
		if (open_numbered(r, dir_fd, i))
			TRY(drain(r));
	return NULL;
}

/* True when `log` is another file than the one being read. */
static bool was_rotated(const struct reading *r, int dir_fd)
{
	struct stat open_one, named;
	if (fstatat(dir_fd, "log", &named, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return r->fd < 0 || fstat(r->fd, &open_one) < 0 || open_one.st_ino != named.st_ino;
}

static nd_err *follow(struct reading *r, int dir_fd)
{
	char path[40], events[4096];
	snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
	_cleanup_fd_ int watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch_fd >= 0 &&
		inotify_add_watch(watch_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		fd_done(&watch_fd);
	while (!r->ended) {
		/* Asked before the last look, so that what came in between is not lost. */
		bool alive = r->q->alive(r->q->arg);
		if (r->fd >= 0)
			TRY(drain(r));
		if (was_rotated(r, dir_fd)) {
			if (r->fd >= 0)
				TRY(drain(r));
			if (open_numbered(r, dir_fd, 0))
				continue;
		}
		if (!alive)
			return NULL;
		struct pollfd p = {watch_fd, POLLIN, 0};
		poll(&p, 1, watch_fd >= 0 ? 1000 : 200);
		if (p.revents && read(watch_fd, events, sizeof events) < 0 && errno != EAGAIN)
			fd_done(&watch_fd);
	}
	return NULL;
}

nd_err *log_read(int dir_fd, const struct log_query *q)
{
	struct reading r = {.q = q, .fd = -1};
	nd_err *e = NULL;
	if (q->tail >= 0) {
		r.counting = true;
		e = read_all(&r, dir_fd);
		r.counting = false;
		r.lines += r.midline[0] + r.midline[1];
		r.skip = r.lines > q->tail ? r.lines - q->tail : 0;
		r.lines = 0;
		fd_done(&r.fd);
	}
	if (!e)
		e = read_all(&r, dir_fd);
	if (!e && q->follow)
		e = follow(&r, dir_fd);
	fd_done(&r.fd);
	buf_done(&r.pending);
	buf_done(&r.scratch);
	return e;
}
