/* What is said when a run did not do what was asked: the last output, what was waited
 * for, the cause; and the record on disk with plan, timeline and outcome.  Facts about the
 * namespaces must be read while the workload still lives (ioctl_ns(2), Linux 4.9). */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "explain/cause.h"
#include "explain/explain.h"
#include "kernel/names.h"
#include "supervise/run.h"

enum { LAST_LINES = 12 };

static uint64_t inode_of(int fd)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static void facts_of_process(pid_t pid, struct cause_facts *f)
{
	char path[48], line[256];
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	_cleanup_fd_ int net_fd = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	_cleanup_fd_ int user_fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int owner_fd = net_fd >= 0 ? ioctl(net_fd, NS_GET_USERNS) : -1;
	f->net_ns = inode_of(net_fd);
	f->user_ns = inode_of(user_fd);
	/* The owner is not shown to those outside of it; then it is not ours, nor the
	 * workload's, but its number stays unknown. */
	f->net_owner_ns = inode_of(owner_fd);
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	_cleanup_fclose_ FILE *status = fopen(path, "re");
	while (status && fgets(line, sizeof line, status)) {
		unsigned long long bits;
		if (sscanf(line, "CapEff: %llx", &bits) == 1) {
			f->capabilities = bits;
			f->has_capabilities = true;
		}
	}
}

static void facts_gather(struct run *r, char *output, struct cause_facts *f)
{
	const struct container_spec *s = &r->req->spec;
	*f = (struct cause_facts){.output = output,
		.status = r->running ? -1 : r->status,
		.oom_killed = r->oom,
		.memory_limit = s->limits.memory,
		.pids_limit = s->limits.pids,
		.no_network = str_eq(r->req->network, "none"),
		.readonly_root = s->rootfs.readonly,
		.own_user_ns = s->ns[NS_USER].mode == NS_NEW,
		.last_answer = r->ready.last_answer};
	if (r->running) {
		facts_of_process(r->c.pid, f);
	} else {
		f->user_ns = r->seen.user_ns;
		f->net_ns = r->seen.net_ns;
		f->net_owner_ns = r->seen.net_owner_ns;
		f->capabilities = r->seen.capabilities;
		f->has_capabilities = r->seen.has_capabilities;
	}
}

nd_err *report_refusal(nd_err *e)
{
	if (!e || !err_root(e)->errnum || err_find_remedy(e))
		return e;
	struct surroundings around;
	surroundings_read(&around);
	return explain_err(e, &around);
}

void report_look(struct run *r)
{
	facts_of_process(r->c.pid, &r->seen);
}

/* First and last output as text, control characters made harmless. */
static char *output_text(const struct run *r)
{
	struct buf b = {0};
	buf_add(&b, r->head, r->head_len);
	if (r->tail_skipped)
		buf_str(&b, "\n");
	buf_add(&b, r->tail, r->tail_len);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < 32 && b.data[i] != '\n' && b.data[i] != '\t')
			b.data[i] = b.data[i] == '\r' ? '\n' : ' ';
	return buf_steal(&b);
}

static const char *last_lines(const char *text, int lines)
{
	size_t n = strlen(text);
	while (n && text[n - 1] == '\n')
		n--;
	for (size_t i = n; i > 0; i--)
		if (text[i - 1] == '\n' && --lines == 0)
			return text + i;
	return text;
}

static void detail_add(struct run *r, struct buf *b, const char *output)
{
	if (r->ready.last_answer)
		buf_fmt(b, "last answer: %s\n", r->ready.last_answer);
	_cleanup_free_ char *copy = str_dup(last_lines(output, LAST_LINES));
	str_rtrim(copy);
	if (!*copy) {
		bool seen = r->out.run && !r->passthrough;
		buf_str(b, seen ? "it printed nothing\n"
				: "its output went to this process's own stdout and stderr\n");
		return;
	}
	buf_str(b, "last output:\n");
	for (char *save = NULL, *line = strtok_r(copy, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		buf_fmt(b, "  %.400s\n", line);
}

bool report_cause(struct run *r)
{
	_cleanup_free_ char *output = output_text(r);
	struct cause_facts f;
	facts_gather(r, output, &f);
	cause_done(&r->cause);
	return cause_find(&f, &r->cause);
}

/* Adds detail, cause and remedy to what happened. */
static nd_err *explained(struct run *r, nd_err *e, const char *fallback_remedy)
{
	_cleanup_free_ char *output = output_text(r);
	_cleanup_buf_ struct buf detail = {0};
	const struct cause *c = &r->cause;
	detail_add(r, &detail, output);
	bool known = report_cause(r);
	if (known) {
		buf_fmt(&detail, "cause (%s): %s", c->proved ? "proved" : "likely", c->text);
		if (c->evidence)
			buf_fmt(&detail, "\n  seen in: %s", c->evidence);
	} else {
		buf_str(&detail, "cause: unknown");
	}
	e->proved = known && c->proved;
	err_detail(e, "%s", detail.data);
	if (known && c->remedy)
		err_remedy(e, "%s", c->remedy);
	else if (fallback_remedy)
		err_remedy(e, "%s", fallback_remedy);
	return e;
}

static char *seconds(int64_t ms)
{
	return ms % 1000 ? str_fmt("%lld ms", (long long)ms)
			 : str_fmt("%lld s", (long long)ms / 1000);
}

nd_err *report_not_ready(struct run *r)
{
	int64_t limit = r->req->ready_timeout_ms ? r->req->ready_timeout_ms : 60000;
	_cleanup_free_ char *time = seconds(limit);
	nd_err *e = err_new(ND_TIMEOUT, "ready-timeout",
		"the workload was not ready within %s; waited for '%s'", time, r->req->ready.text);
	return explained(r, e, "A larger --ready-timeout waits longer.");
}

static char *status_text(int status)
{
	char name[16];
	if (status > 128 && status <= 128 + 64)
		return str_fmt("was ended by %s", signal_name(status - 128, name));
	return str_fmt("exited with status %d", status);
}

nd_err *report_died(struct run *r)
{
	_cleanup_free_ char *how = status_text(r->status);
	nd_err *e = err_new(ND_INVALID, "died-before-ready",
		"the workload %s before it was ready; waited for '%s'", how, r->req->ready.text);
	return explained(r, e, NULL);
}

nd_err *report_deadline(struct run *r)
{
	_cleanup_free_ char *time = seconds(r->req->deadline_ms);
	nd_err *e = err_new(ND_TIMEOUT, "deadline",
		"the run took longer than its deadline of %s and was ended", time);
	return explained(r, e, "A larger --deadline waits longer.");
}

nd_err *report_restarts(struct run *r)
{
	_cleanup_free_ char *how = status_text(r->status);
	nd_err *e = err_new(ND_LIMIT, "restart-limit",
		"the workload %s, after %lld restart%s; no more are allowed", how,
		(long long)r->restarts, r->restarts == 1 ? "" : "s");
	return explained(r, e, NULL);
}

static void record_json(struct run *r, struct json_out *o)
{
	jo_open(o, NULL, '{');
	jo_int(o, "version", 1);
	jo_str(o, "id", r->dir.id);
	jo_str(o, "name", r->name);
	jo_int(o, "created_ms", r->created_ms);
	plan_json(&r->plan, o, "plan");
	jo_open(o, "timeline", '[');
	for (size_t i = 0; i < r->n_events; i++) {
		jo_open(o, NULL, '{');
		jo_int(o, "ms", r->events[i].ms);
		jo_str(o, "event", r->events[i].what);
		if (r->events[i].text)
			jo_str(o, "text", r->events[i].text);
		jo_close(o, '}');
	}
	jo_close(o, ']');
	jo_int(o, "restarts", r->restarts);
	jo_bool(o, "oom_killed", r->oom);
	if (r->log.lost)
		jo_uint(o, "log_bytes_lost", r->log.lost);
	if (r->over) {
		_cleanup_free_ char *output = output_text(r);
		jo_open(o, "outcome", '{');
		jo_int(o, "status", r->status);
		jo_str(o, "why", r->why);
		if (r->error)
			jo_err(o, "error", r->error);
		if (r->cause.code) {
			jo_open(o, "cause", '{');
			jo_str(o, "code", r->cause.code);
			jo_str(o, "text", r->cause.text);
			jo_str(o, "evidence", r->cause.evidence);
			jo_str(o, "remedy", r->cause.remedy);
			jo_bool(o, "proved", r->cause.proved);
			jo_close(o, '}');
		}
		jo_str(o, "last_output", last_lines(output, LAST_LINES));
		jo_close(o, '}');
	}
	jo_close(o, '}');
}

nd_err *run_record_write(struct run *r)
{
	struct json_out o = {.indent = -1};
	record_json(r, &o);
	nd_err *e = file_replace(r->dir.fd, "record.json", o.b.data, o.b.len, 0600);
	buf_done(&o.b);
	return e;
}
