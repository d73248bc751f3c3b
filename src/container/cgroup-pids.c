/* The processes in a container's groups: see cgroup-pids.h. */
#include "container/cgroup-pids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "container/cgroup-walk.h"

enum { LIST_MAX = 64 << 20 };

void pids_add(struct pids *p, pid_t pid)
{
	p->v = mem_grow(p->v, p->n + 1, sizeof *p->v);
	p->v[p->n++] = pid;
}

void pids_done(struct pids *p)
{
	free(p->v);
	*p = (struct pids){0};
}

static void read_list(int dir_fd, const char *group, void *arg)
{
	struct pids *p = arg;
	_cleanup_buf_ struct buf text = {0};
	/* A threaded v2 group refuses (EOPNOTSUPP): its processes are listed in the group above. */
	nd_err *e = file_read(dir_fd, "cgroup.procs", LIST_MAX, &text);
	err_free(e);
	for (const char *s = text.data; s && *s;) {
		char *end;
		pid_t pid = (pid_t)strtol(s, &end, 10);
		if (end == s)
			break;
		if (pid > 0)
			pids_add(p, pid);
		else
			p->foreign = true;
		s = end + strspn(end, "\n");
	}
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

void pids_list(const struct cgroup_dir *d, struct pids *ret)
{
	group_walk(d->path, read_list, ret);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof *ret->v, by_number);
}

bool pids_has(const struct pids *p, pid_t pid)
{
	return p->n && bsearch(&pid, p->v, p->n, sizeof *p->v, by_number);
}

/* Processes that joined only some of the groups (one that is just starting) count too. */
int64_t cgroup_processes(const struct cgroup *c)
{
	int64_t most = -1;
	for (size_t i = 0; i < c->n; i++) {
		_cleanup_pids_ struct pids p = {0};
		pids_list(&c->dirs[i], &p);
		int64_t n = (int64_t)p.n + p.foreign;
		most = n > most ? n : most;
	}
	return most;
}
