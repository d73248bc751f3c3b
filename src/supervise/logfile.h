/* The log of one run: what the workload wrote to stdout and stderr, one entry a line
 * with its time and stream, in files of a limited size that are rotated.
 *
 * Two formats: k8s-file ("TIME stdout F text", P for a piece without its newline), and
 * json-file ({"log":"text\n","stream":"stdout","time":"..."}).  A full disk loses output, never
 * the run: a torn entry is cut off again, what was lost is counted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "supervise/request.h"

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_writer {
	int dir_fd; /* borrowed: the run's folder */
	int fd;
	bool json;
	uint64_t size, max_size, max_files;
	uint64_t lost; /* bytes of output that could not be kept */
	int lost_errno;
	struct buf pending;
};

nd_must nd_err *log_open(struct log_writer *w, int dir_fd, const struct log_spec *spec);
void log_write(struct log_writer *w, enum log_stream stream, const char *data, size_t len);
void log_close(struct log_writer *w);

/* One entry read back. */
struct log_entry {
	enum log_stream stream;
	int64_t real_ms;
	const char *time; /* as written */
	const char *text;
	size_t len;   /* of text; a whole line carries its newline */
	bool partial; /* its line goes on in the next entry of the stream */
};

struct log_query {
	int64_t tail;               /* lines; -1: all */
	int64_t since_ms, until_ms; /* CLOCK_REALTIME; 0: no bound */
	bool follow;                /* until the run is over */
	/* Told each entry; false ends the reading. */
	bool (*entry)(void *arg, const struct log_entry *e);
	/* Asked when there is nothing more to read; false: it will never be more. */
	bool (*alive)(void *arg);
	void *arg;
};
nd_must nd_err *log_read(int dir_fd, const struct log_query *q);

/* Parses one line of a log file, without its newline; `scratch` holds decoded text. */
bool log_entry_parse(char *line, size_t len, struct buf *scratch, struct log_entry *ret);
