/* Children that unpack: see unpack.h.  Results come back in shared memory; the pipe only
 * tells that a child is gone, however it went. */
#include "store/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "store/merge.h"
#include "store/owner.h"

enum { WORKERS_MAX = 4, PROGRESS_MS = 200 };

/* One a job, shared with its child. */
struct shared {
	_Atomic uint64_t stored; /* bytes of the source read so far */
	struct extract_result result;
	bool ok;
	enum nd_kind kind;
	char line[1500], code[48], detail[512], remedy[512];
};

struct worker {
	pid_t pid;
	int pipe_fd; /* -1: free */
	size_t job;
};

struct pool {
	const struct store *store;
	const struct source *source;
	const struct extract_opts *extract;
	struct unpack_job *jobs;
	struct shared *shared; /* one a job */
	struct worker workers[WORKERS_MAX];
	size_t n_workers, n_running;
};

static nd_err *open_layer(const struct source *s, const struct source_layer *l, int *ret_fd)
{
	struct stat st;
	int fd = l->path ? openat(s->fd, l->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
			 : fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(errno, "open", "%s", l->path ? l->path : s->where);
	*ret_fd = fd;
	posix_fadvise(fd, (off_t)l->offset, (off_t)l->size, POSIX_FADV_SEQUENTIAL);
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "fstat", "%s", l->path ? l->path : s->where);
	if (!S_ISREG(st.st_mode))
		return err_invalid("%s is not a regular file", l->path ? l->path : s->where);
	if (l->path && (uint64_t)st.st_size != l->size)
		return err_new(ND_INVALID, "bad-digest",
			"%s has %llu bytes where its descriptor says %llu", l->path,
			(unsigned long long)st.st_size, (unsigned long long)l->size);
	return NULL;
}

/* Without CAP_SYS_CHROOT the walk by descriptors has to be enough. */
static nd_err *confine(int dir_fd)
{
	if (fchdir(dir_fd) == 0 && chroot(".") == 0 && chdir("/") < 0)
		return err_sys(errno, "chdir", "the layer's directory");
	return NULL;
}

static nd_err *unpack_one(const struct pool *p, const struct unpack_job *j, struct shared *out)
{
	_cleanup_fd_ int fd = -1;
	struct stream in;
	TRY(open_layer(p->source, j->layers, &fd));
	TRY(confine(j->tree_fd));
	struct extract_opts opts = *p->extract;
	opts.implicit_fd = j->implicit_fd;
	stream_init(&in, fd, j->layers->offset, j->layers->size);
	in.count = &out->stored;
	nd_err *e = extract_layer(&in, j->tree_fd, &opts, &out->result);
	if (!e)
		e = stream_verify(&in, j->layers->digest, j->layers->diff_id);
	stream_done(&in);
	return e;
}

/* One layer into "new", then over what the layers below it made. */
static nd_err *unpack_over(const struct pool *p, const struct unpack_job *j,
	const struct source_layer *l, int fd, struct tree *flat, struct shared *out)
{
	struct stream in;
	struct marks marks = {0};
	struct tree fresh;
	struct extract_result r;
	if (mkdirat(j->work_fd, "new", 0700) < 0)
		return err_sys(errno, "mkdir", "new");
	_cleanup_fd_ int new_fd = openat(j->work_fd, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (new_fd < 0)
		return err_sys(errno, "open", "new");
	stream_init(&in, fd, l->offset, l->size);
	in.count = &out->stored;
	nd_err *e = extract_layer_aside(&in, new_fd, p->extract, &marks, &fresh, &r);
	if (!e)
		e = stream_verify(&in, l->digest, l->diff_id);
	stream_done(&in);
	if (!e)
		e = merge_layer(flat, &fresh, &marks);
	tree_done(&fresh);
	marks_done(&marks);
	out->result.entries += r.entries;
	out->result.bytes += r.bytes;
	out->result.skipped_devices += r.skipped_devices;
	out->result.skipped_xattrs += fresh.skipped_xattrs;
	out->result.has_root |= r.has_root;
	if (!e && unlinkat(j->work_fd, "new", AT_REMOVEDIR) < 0)
		e = err_sys(errno, "rmdir", "new");
	return e;
}

static nd_err *unpack_flat(const struct pool *p, const struct unpack_job *j, struct shared *out)
{
	const struct tar_entry plain = {.mode = 0755};
	struct tree flat;
	int *fds = mem_alloc((j->n_layers + 1) * sizeof *fds);
	nd_err *e = NULL;
	/* All are opened before our root is changed. */
	for (size_t i = 0; i < j->n_layers && !e; i++)
		e = err_wrap(
			open_layer(p->source, &j->layers[i], &fds[i]), "%s", j->layers[i].label);
	if (!e)
		e = confine(j->work_fd);
	tree_init(&flat, j->tree_fd, p->extract->squash);
	if (!e)
		e = tree_mkdir(&flat, "", &plain);
	for (size_t i = 0; i < j->n_layers && !e; i++)
		e = err_wrap(unpack_over(p, j, &j->layers[i], fds[i], &flat, out), "%s",
			j->layers[i].label);
	if (!e)
		e = tree_finish(&flat);
	out->result.skipped_xattrs += flat.skipped_xattrs;
	tree_done(&flat);
	free(fds); /* the descriptors end with this process */
	return e;
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static _Noreturn void child(const struct pool *p, size_t i)
{
	struct shared *out = &p->shared[i];
	prctl(PR_SET_NAME, "nidus-unpack");
	const struct unpack_job *j = &p->jobs[i];
	nd_err *e = j->work_fd < 0 ? err_wrap(unpack_one(p, j, out), "%s", j->layers->label)
				   : unpack_flat(p, j, out);
	out->ok = !e;
	if (e) {
		_cleanup_free_ char *line = err_line(e);
		out->kind = err_root(e)->kind;
		copy(out->line, sizeof out->line, line);
		copy(out->code, sizeof out->code, err_find_code(e));
		copy(out->detail, sizeof out->detail, err_find_detail(e));
		copy(out->remedy, sizeof out->remedy, err_find_remedy(e));
	}
	_exit(e != NULL);
}

static nd_err *start(struct pool *p, size_t job)
{
	int pipe_fds[2];
	struct worker *w = p->workers;
	while (w->pipe_fd >= 0)
		w++;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(errno, "pipe2", "for unpacking");
	nd_err *e = owner_fork(p->store, &w->pid);
	if (!e && w->pid == 0) {
		fd_close(pipe_fds[0]);
		child(p, job);
	}
	fd_close(pipe_fds[1]);
	if (e) {
		fd_close(pipe_fds[0]);
		return err_wrap(e, "start unpacking");
	}
	w->pipe_fd = pipe_fds[0];
	w->job = job;
	p->n_running++;
	return NULL;
}

/* The codes that children use have to be static strings again. */
static const char *known_code(const char *code)
{
	static const char *const codes[] = {"invalid", "bad-digest", "bad-archive", "truncated",
		"through-link", "not-a-directory", "file-too-large", "unsupported-compression",
		"no-marks"};
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (strcmp(codes[i], code) == 0)
			return codes[i];
	return NULL;
}

static nd_err *finish(struct pool *p, struct worker *w)
{
	struct shared *out = &p->shared[w->job];
	struct unpack_job *j = &p->jobs[w->job];
	int status = wait_status(w->pid);
	fd_done(&w->pipe_fd);
	p->n_running--;
	if (out->ok && status == 0) {
		j->result = out->result;
		return NULL;
	}
	if (status != 1 || !*out->line)
		return err_new(ND_BUG, "unpack-died",
			"%s: the process that unpacks it died with "
			"status %d",
			j->layers->label, status);
	nd_err *e = err_new(out->kind, known_code(out->code), "%s", out->line);
	if (*out->detail)
		err_detail(e, "%s", out->detail);
	if (*out->remedy)
		err_remedy(e, "%s", out->remedy);
	return e;
}

static void report(const struct pool *p, const struct store_opts *opts, size_t n)
{
	uint64_t done = 0, total = 0;
	if (!opts || !opts->progress)
		return;
	for (size_t i = 0; i < n; i++) {
		done += p->shared[i].stored;
		for (size_t k = 0; k < p->jobs[i].n_layers; k++)
			total += p->jobs[i].layers[k].size;
	}
	opts->progress(opts->arg, done, total);
}

/* Waits until a child ends. */
static nd_err *wait_one(struct pool *p, const struct store_opts *opts, size_t n)
{
	for (;;) {
		struct pollfd fds[WORKERS_MAX];
		for (size_t i = 0; i < p->n_workers; i++)
			fds[i] = (struct pollfd){p->workers[i].pipe_fd, POLLIN, 0};
		if (poll(fds, p->n_workers, PROGRESS_MS) < 0 && errno != EINTR)
			return err_sys(errno, "poll", "the processes that unpack");
		report(p, opts, n);
		for (size_t i = 0; i < p->n_workers; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				return finish(p, &p->workers[i]);
	}
}

static nd_err *run(struct pool *p, const struct store_opts *opts, size_t n)
{
	for (size_t next = 0; next < n || p->n_running;)
		if (next < n && p->n_running < p->n_workers)
			TRY(start(p, next++));
		else
			TRY(wait_one(p, opts, n));
	report(p, opts, n);
	return NULL;
}

nd_err *unpack_run(const struct store *store, const struct source *source,
	const struct extract_opts *extract, const struct store_opts *opts, struct unpack_job *jobs,
	size_t n)
{
	struct pool p = {.store = store, .source = source, .extract = extract, .jobs = jobs};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	p.n_workers = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (size_t)cpus;
	for (size_t i = 0; i < WORKERS_MAX; i++)
		p.workers[i].pipe_fd = -1;
	size_t size = (n + 1) * sizeof *p.shared;
	p.shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.shared == MAP_FAILED)
		return err_sys(errno, "mmap", "%zu bytes", size);
	nd_err *e = run(&p, opts, n);
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker *w = &p.workers[i];
		if (w->pipe_fd < 0)
			continue;
		kill(w->pid, SIGKILL);
		wait_status(w->pid);
		fd_done(&w->pipe_fd);
	}
	munmap(p.shared, size);
	return e;
}
