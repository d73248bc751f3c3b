/* Runs one command in cgroups made by container/cgroup.h, without the rest of a container:
 *   cgroup-tool ID [--memory N] ... -- CMD...
 * prints one JSON object: plan, groups, exit status, statistics, what is left.  Exits 3 with one
 * line when the groups cannot be made.  For tests/integration/test_cgroup.py and bench by hand. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/fd.h"
#include "base/opt.h"
#include "base/spawn.h"
#include "container/cgroup.h"
#include "container/devrules.h"
#include "kernel/sys.h"

struct request {
	struct container_spec s;
	const char *view; /* a directory to mount the container's view on */
	bool rules, kill_at_once;
	int64_t again; /* new memory limit, written while the command runs */
};

static bool number(const char *text, int64_t *ret)
{
	uint64_t bytes;
	if (str_to_i64(text, ret))
		return true;
	if (!str_to_bytes(text, &bytes))
		return false;
	*ret = (int64_t)bytes;
	return true;
}

static void allow(struct container_spec *s, bool yes, char type, int64_t major, int64_t minor,
	const char *access)
{
	s->device_rules = mem_grow(s->device_rules, s->n_device_rules + 1, sizeof *s->device_rules);
	struct device_rule *r = &s->device_rules[s->n_device_rules++];
	*r = (struct device_rule){yes, type, major, minor, ""};
	snprintf(r->access, sizeof r->access, "%.3s", access);
}

/* What podman allows, but for /dev/full. */
static void usual_rules(struct container_spec *s)
{
	allow(s, false, 'a', -1, -1, "rwm");
	allow(s, true, 'c', -1, -1, "m");
	allow(s, true, 'b', -1, -1, "m");
	allow(s, true, 'c', 1, 3, "rwm");
	allow(s, true, 'c', 1, 5, "rwm");
	allow(s, true, 'c', 1, 8, "rwm");
	allow(s, true, 'c', 1, 9, "rwm");
	allow(s, true, 'c', 5, 0, "rwm");
	allow(s, true, 'c', 5, 1, "rwm");
	allow(s, true, 'c', 5, 2, "rwm");
	allow(s, true, 'c', 136, -1, "rwm");
}

static int parse(int argc, char **argv, struct request *r)
{
	struct container_spec *s = &r->s;
	struct cgroup_limits *l = &s->limits;
	int i = 2;
	s->id = argv[1];
	s->ns[NS_CGROUP].mode = NS_NEW;
	for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
		const char *o = argv[i] + 2;
		char *v = argv[i + 1];
		int64_t n = 0;
		number(v, &n);
		if (str_eq(o, "memory"))
			l->memory = n;
		else if (str_eq(o, "memory-swap"))
			l->memory_swap = n;
		else if (str_eq(o, "memory-reservation"))
			l->memory_reservation = n;
		else if (str_eq(o, "quota"))
			l->cpu_quota_us = n;
		else if (str_eq(o, "period"))
			l->cpu_period_us = n;
		else if (str_eq(o, "shares"))
			l->cpu_shares = (uint64_t)n;
		else if (str_eq(o, "cpus"))
			l->cpuset_cpus = v;
		else if (str_eq(o, "mems"))
			l->cpuset_mems = v;
		else if (str_eq(o, "pids"))
			l->pids = n;
		else if (str_eq(o, "pids-soft"))
			l->pids_soft = n;
		else if (str_eq(o, "unified"))
			strv_add(&l->unified, v);
		else if (str_eq(o, "parent"))
			s->cgroup_parent = v;
		else if (str_eq(o, "best-effort"))
			s->best_effort = n;
		else if (str_eq(o, "privileged"))
			s->privileged = n;
		else if (str_eq(o, "view"))
			r->view = v;
		else if (str_eq(o, "kill"))
			r->kill_at_once = n;
		else if (str_eq(o, "rules"))
			r->rules = n;
		else if (str_eq(o, "update-memory"))
			r->again = n;
		else
			return -1;
	}
	if (r->rules)
		usual_rules(s);
	return i + 1;
}

static void child_view(const struct request *r, const struct cgroup *c)
{
	_cleanup_fd_ int target = open(r->view, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(90);
	fd_close(target);
	target = open(r->view, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_err_ nd_err *e = cgroup_mount_view(c, place, target, NULL, r->s.privileged);
	if (e) {
		_cleanup_free_ char *line = err_line(e);
		fprintf(stderr, "%s\n", line);
		_exit(91);
	}
	if (chdir("/") < 0)
		_exit(92);
}

static int child(const struct request *r, const struct cgroup *c, char **argv)
{
	if (!cgroup_join_child(c, true)) {
		perror("join");
		return 93;
	}
	if (!cgroup_weaker_child(c))
		return 94;
	if (c->n && unshare(CLONE_NEWCGROUP) < 0)
		return 95;
	if (r->view)
		child_view(r, c);
	execvp(argv[0], argv);
	perror(argv[0]);
	return 127;
}

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

/* A filter of somebody else on the same group, which must stay. */
static void attach_foreign(int group_fd)
{
	struct bpf_insn allow[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uint64_t)(uintptr_t)allow,
		.insn_cnt = 2,
		.license = (uint64_t)(uintptr_t) "Apache-2.0"};
	_cleanup_fd_ int fd = sys_bpf(BPF_PROG_LOAD, &load);
	union bpf_attr attach = {.target_fd = (uint32_t)group_fd,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI};
	if (fd < 0 || sys_bpf(BPF_PROG_ATTACH, &attach) < 0)
		perror("attach a filter");
}

static int64_t count_filters(int group_fd)
{
	uint32_t ids[64];
	union bpf_attr query = {.query = {.target_fd = (uint32_t)group_fd,
					.attach_type = BPF_CGROUP_DEVICE,
					.prog_ids = (uint64_t)(uintptr_t)ids,
					.prog_cnt = 64}};
	return sys_bpf(BPF_PROG_QUERY, &query) < 0 ? -1 : (int64_t)query.query.prog_cnt;
}

/* Rules again on the same group: ours are replaced, nobody else's. */
static void rules_again(const struct request *r, const struct cgroup *c, struct json_out *o)
{
	if (!r->rules || c->clone_fd < 0)
		return;
	attach_foreign(c->clone_fd);
	nd_err *e = NULL;
	for (int i = 0; i < 3 && !e; i++)
		e = devrules_attach_v2(c->clone_fd, r->s.device_rules, r->s.n_device_rules);
	jo_err(o, "rules_again", e);
	jo_int(o, "filters", count_filters(c->clone_fd));
	err_free(e);
}

static void print_stats(struct json_out *o, const struct cgroup *c, pid_t pid)
{
	struct cgroup_stats s;
	_cleanup_err_ nd_err *e = cgroup_stats(c, pid, &s);
	jo_open(o, "stats", '{');
	if (e) {
		jo_err(o, "error", e);
	} else {
		jo_uint(o, "cpu_ns", s.cpu_ns);
		jo_uint(o, "throttled", s.throttled);
		jo_uint(o, "memory", s.memory);
		jo_uint(o, "memory_limit", s.memory_limit);
		jo_uint(o, "memory_peak", s.memory_peak);
		jo_uint(o, "pids", s.pids);
		jo_uint(o, "pids_limit", s.pids_limit);
		jo_uint(o, "oom_kills", s.oom_kills);
	}
	jo_close(o, '}');
}

static int fail(const nd_err *e)
{
	_cleanup_free_ char *line = err_line(e);
	const char *code = err_find_code(e), *remedy = err_find_remedy(e);
	fprintf(stderr, "%s [%s]%s%s\n", line, code ? code : "", remedy ? " remedy: " : "",
		remedy ? remedy : "");
	return 3;
}

static int run(const struct request *r, char **argv)
{
	struct plan plan = {0};
	struct cgroup c = CGROUP_NONE;
	_cleanup_err_ nd_err *e = cgroup_create(&r->s, &plan, &c);
	if (e) {
		plan_done(&plan);
		return fail(e);
	}
	struct clone_args args = {.exit_signal = SIGCHLD};
	if (c.clone_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)c.clone_fd;
	}
	pid_t pid = sys_clone3(&args);
	if (pid < 0) {
		perror("clone3");
		return 4;
	}
	if (pid == 0)
		_exit(child(r, &c, argv));
	struct json_out o = {.indent = -1};
	jo_open(&o, NULL, '{');
	rules_again(r, &c, &o);
	cgroup_joined(&c);
	if (r->again) {
		e = cgroup_update(&c, &(struct cgroup_limits){.memory = r->again});
		jo_err(&o, "update", e);
	}
	plan_json(&plan, &o, "plan");
	if (r->kill_at_once) {
		usleep(300000);
		print_stats(&o, &c, pid);
		err_free(e);
		e = cgroup_kill(&c, 5000);
		jo_err(&o, "kill", e);
	}
	int status = wait_status(pid);
	_cleanup_free_ char *saved = cgroup_save(&c);
	jo_str(&o, "groups", saved);
	jo_int(&o, "status", status);
	if (!r->kill_at_once)
		print_stats(&o, &c, pid);
	err_free(e);
	/* What a later command does: from the record. */
	cgroup_done(&c);
	e = cgroup_load(saved, &c);
	jo_uint(&o, "oom", cgroup_oom_kills(&c));
	jo_int(&o, "left", cgroup_processes(&c));
	if (!e)
		e = cgroup_kill(&c, 5000);
	if (!e)
		e = cgroup_remove(&c, 5000);
	jo_err(&o, "remove", e);
	jo_close(&o, '}');
	puts(o.b.data);
	buf_done(&o.b);
	plan_done(&plan);
	cgroup_done(&c);
	return 0;
}

int main(int argc, char **argv)
{
	static struct request r;
	int first = argc > 2 ? parse(argc, argv, &r) : -1;
	if (first < 0 || first >= argc) {
		fprintf(stderr, "cgroup-tool ID [--OPTION VALUE]... -- CMD...\n");
		return 2;
	}
	int status = run(&r, argv + first);
	strv_done(&r.s.limits.unified);
	free(r.s.device_rules);
	return status;
}
