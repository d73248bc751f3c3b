/* Writing the log: see logfile.h. */
#include "supervise/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"

enum { PIECE_MAX = 16384 };

static nd_err *file_new(struct log_writer *w, int extra)
{
	int fd = openat(w->dir_fd, "log",
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | extra, 0600);
	if (fd < 0)
		return err_sys(errno, "open", "the log");
	struct stat st;
	w->size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	fd_close(w->fd);
	w->fd = fd;
	return NULL;
}

nd_err *log_open(struct log_writer *w, int dir_fd, const struct log_spec *spec)
{
	*w = (struct log_writer){.dir_fd = dir_fd,
		.fd = -1,
		.json = spec->driver == LOG_JSON,
		.max_size = spec->max_size ? spec->max_size : 10u << 20,
		.max_files = spec->max_files ? spec->max_files : 2};
	return file_new(w, 0);
}

/* log.1 becomes log.2 and so on; the oldest falls off. */
static void rotate(struct log_writer *w)
{
	char from[32], to[32];
	if (w->max_files == 1) {
		/* A new file and not a cut one, so that a reader ends where it is. */
		unlinkat(w->dir_fd, "log", 0);
	} else {
		for (uint64_t i = w->max_files - 1; i > 0; i--) {
			snprintf(to, sizeof to, "log.%llu", (unsigned long long)i);
			if (i == 1)
				snprintf(from, sizeof from, "log");
			else
				snprintf(
					from, sizeof from, "log.%llu", (unsigned long long)(i - 1));
			renameat(w->dir_fd, from, w->dir_fd, to);
		}
	}
	nd_err *e = file_new(w, O_TRUNC);
	if (e) {
		/* Keep writing to the old one: nothing is gained by stopping. */
		w->size = 0;
		err_free(e);
	}
}

static void flush(struct log_writer *w)
{
	size_t len = w->pending.len;
	if (!len)
		return;
	ssize_t n = write(w->fd, w->pending.data, len);
	size_t kept = n > 0 ? (size_t)n : 0;
	if (kept < len) {
		w->lost_errno = n < 0 ? errno : ENOSPC;
		/* The whole entries stay, the torn one goes. */
		const char *last = kept ? memrchr(w->pending.data, '\n', kept) : NULL;
		size_t whole = last ? (size_t)(last - w->pending.data) + 1 : 0;
		if (kept > whole && ftruncate(w->fd, (off_t)(w->size + whole)) == 0)
			kept = whole;
		w->lost += len - kept;
	}
	w->size += kept;
	w->pending.len = 0;
}

static void entry_add(struct buf *b, bool json, enum log_stream stream, const char *time,
	const char *text, size_t len, bool partial)
{
	static const char *const names[] = {"stdout", "stderr"};
	if (!json) {
		buf_fmt(b, "%s %s %c ", time, names[stream], partial ? 'P' : 'F');
		buf_add(b, text, len);
		buf_str(b, "\n");
		return;
	}
	/* A NUL would end the string for the writer: docker's logger has U+0000 here. */
	_cleanup_free_ char *copy = mem_alloc(len + 2);
	memcpy(copy, text, len);
	for (size_t i = 0; i < len; i++)
		if (!copy[i])
			copy[i] = '\x1a';
	if (!partial)
		copy[len] = '\n';
	buf_str(b, "{\"log\":");
	json_quote(b, copy);
	buf_fmt(b, ",\"stream\":\"%s\",\"time\":\"%s\"}\n", names[stream], time);
}

static void time_now(char text[40])
{
	struct timespec t;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	size_t n = strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, 16, ".%09ldZ", t.tv_nsec);
}

void log_write(struct log_writer *w, enum log_stream stream, const char *data, size_t len)
{
	if (w->fd < 0)
		return;
	char time[40];
	time_now(time);
	size_t piece = w->max_size / 8 < PIECE_MAX ? (size_t)w->max_size / 8 : PIECE_MAX;
	while (len) {
		size_t most = len < piece ? len : piece;
		const char *newline = memchr(data, '\n', most);
		size_t n = newline ? (size_t)(newline - data) : most;
		size_t before = w->pending.len;
		entry_add(&w->pending, w->json, stream, time, data, n, !newline);
		size_t grown = w->pending.len - before;
		if (w->size + w->pending.len > w->max_size && w->size + before > 0) {
			/* Write what fitted, then move on with this entry in a new file. */
			_cleanup_free_ char *entry = mem_alloc(grown);
			memcpy(entry, w->pending.data + before, grown);
			w->pending.len = before;
			flush(w);
			rotate(w);
			buf_add(&w->pending, entry, grown);
		}
		data += n + (newline != NULL);
		len -= n + (newline != NULL);
	}
	flush(w);
}

void log_close(struct log_writer *w)
{
	fd_done(&w->fd);
	buf_done(&w->pending);
}
