/* Drives src/net/ without a container, for tests: a process in namespaces of its own, its
 * network by net_prepare() and net_setup(), its end by net_teardown().
 *
 *     net-tool run STATE ID MODE [-p PORT]... [--userns] [--none-ok] [--leave] -- CMD...
 *     net-tool gc STATE [LIVING-ID]...
 *
 * `run` prints the state and the plan as one line of JSON once the network is up, then
 * what CMD prints.  --leave skips the teardown, as a kill would. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "kernel/sys.h"
#include "net/net.h"

struct options {
	const char *state, *id;
	struct net_request q;
	bool userns, leave;
	char **cmd;
};

static int fail(nd_err *e)
{
	char *line = err_line(e);
	const char *detail = err_find_detail(e), *remedy = err_find_remedy(e),
		   *code = err_find_code(e);
	fprintf(stderr, "net-tool: %s\n%s\n%s\n[%s]\n", line, detail ? detail : "",
		remedy ? remedy : "", code ? code : "");
	free(line);
	err_free(e);
	return 125;
}

static void child(const struct options *o, const int *ready_pipe, const int *go_pipe)
{
	char c = 0;
	int ready = ready_pipe[1], go = go_pipe[0];
	/* Should the parent have died before the next line, the pipe says so. */
	close(go_pipe[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare((o->userns ? CLONE_NEWUSER : 0) | (o->q.mode == NET_HOST ? 0 : CLONE_NEWNET)) <
		0) {
		perror("unshare");
		_exit(125);
	}
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		_exit(125);
	execvp(o->cmd[0], o->cmd);
	perror(o->cmd[0]);
	_exit(127);
}

static void map_root(pid_t pid)
{
	char path[64], text[64];
	snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
	file_poke(AT_FDCWD, path, "deny");
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	snprintf(text, sizeof text, "0 %d 1", (int)geteuid());
	file_poke(AT_FDCWD, path, text);
	snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
	snprintf(text, sizeof text, "0 %d 1", (int)getegid());
	file_poke(AT_FDCWD, path, text);
}

static int run(struct options *o)
{
	_cleanup_net_ struct net_state s;
	struct plan plan = {0};
	int ready[2], go[2], status = 125;
	char c;
	net_state_init(&s);
	nd_err *e = net_prepare(&o->q, &plan, &s);
	if (e)
		return fail(e);
	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		return 125;
	pid_t pid = fork();
	if (pid == 0)
		child(o, ready, go);
	if (read(ready[0], &c, 1) == 1) {
		_cleanup_fd_ int pid_fd = sys_pidfd_open(pid, 0);
		if (o->userns)
			map_root(pid);
		e = net_setup(&o->q, pid, pid_fd, &plan, &s);
	}
	if (e) {
		kill(pid, SIGKILL);
		wait_status(pid);
		status = fail(e);
	} else {
		struct json_out out = {.indent = -1};
		jo_open(&out, NULL, '{');
		net_state_json(&s, &out, "network");
		plan_json(&plan, &out, "plan");
		jo_close(&out, '}');
		printf("%s\n", out.b.data);
		fflush(stdout);
		buf_done(&out.b);
		if (write(go[1], "", 1) == 1)
			status = wait_status(pid);
	}
	if (!o->leave && (e = net_teardown(o->q.state_fd, o->id, &s)))
		status = fail(e);
	plan_done(&plan);
	return status;
}

struct living {
	char **ids;
	int n;
};

static bool is_living(const char *id, void *arg)
{
	const struct living *l = arg;
	for (int i = 0; i < l->n; i++)
		if (strcmp(l->ids[i], id) == 0)
			return true;
	return false;
}

static int gc(int state_fd, char **ids, int n)
{
	struct net_gc_report r;
	nd_err *e = net_gc(state_fd, is_living, &(struct living){ids, n}, &r);
	if (e)
		return fail(e);
	printf("{\"leases\":%zu,\"links\":%zu,\"rules\":%zu,\"helpers\":%zu,\"bridge\":%s}\n",
		r.leases, r.links, r.rules, r.helpers, r.bridge ? "true" : "false");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	_cleanup_fd_ int state = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state < 0)
		return perror(argv[2]), 2;
	if (strcmp(argv[1], "gc") == 0)
		return gc(state, argv + 3, argc - 3);
	if (strcmp(argv[1], "run") != 0 || argc < 6)
		return 2;
	struct options o = {
		.state = argv[2], .id = argv[3], .q = {.id = argv[3], .state_fd = state}};
	nd_err *e = strcmp(argv[4], "auto") == 0 ? NULL : net_mode_parse(argv[4], &o.q.mode);
	int i = 5;
	for (; !e && i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-p") == 0 && i + 1 < argc)
			e = port_parse(argv[++i], &o.q.ports);
		else if (strcmp(argv[i], "--ip") == 0 && i + 1 < argc)
			inet_pton(AF_INET, argv[++i], &o.q.ip);
		else if (strcmp(argv[i], "--userns") == 0)
			o.userns = true;
		else if (strcmp(argv[i], "--leave") == 0)
			o.leave = true;
		else if (strcmp(argv[i], "--none-ok") == 0)
			o.q.may_be_none = true;
		else
			return 2;
	}
	o.cmd = argv + i + 1;
	int status = e ? fail(e) : i + 1 < argc ? run(&o) : 2;
	port_list_done(&o.q.ports);
	return status;
}
