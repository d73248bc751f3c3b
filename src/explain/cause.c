/* The table of causes: see cause.h.  Rows stand from the particular to the general, and
 * the first row that fits wins; within the output the last line that fits is its evidence.  Add
 * a row where a message was met in the wild, with a test of that very message. */
#include "explain/cause.h"

#include <regex.h>
#include <signal.h>
#include <string.h>

enum { CAP_SYS_ADMIN_BIT = 21, CAP_NET_ADMIN_BIT = 12, CAP_NET_BIND_BIT = 10 };

struct row {
	const char *code;
	const char *pattern; /* POSIX extended, without case; NULL: only `fits` decides */
	bool (*fits)(const struct cause_facts *f);
	bool (*proves)(const struct cause_facts *f);
	const char *text; /* NULL: `tell` writes text and remedy */
	const char *remedy;
	void (*tell)(const struct cause_facts *f, struct cause *c);
};

static bool lacks(const struct cause_facts *f, int capability)
{
	return f->has_capabilities && !(f->capabilities >> capability & 1);
}

static bool is_oom(const struct cause_facts *f)
{
	return f->oom_killed;
}

static bool is_readonly(const struct cause_facts *f)
{
	return f->readonly_root;
}

static bool is_no_network(const struct cause_facts *f)
{
	return f->no_network;
}

static bool lacks_net_admin(const struct cause_facts *f)
{
	return lacks(f, CAP_NET_ADMIN_BIT);
}

static bool lacks_sys_admin(const struct cause_facts *f)
{
	return lacks(f, CAP_SYS_ADMIN_BIT);
}

static bool lacks_net_bind(const struct cause_facts *f)
{
	return lacks(f, CAP_NET_BIND_BIT);
}

static bool owner_differs(const struct cause_facts *f)
{
	return f->user_ns && f->net_owner_ns && f->user_ns != f->net_owner_ns;
}

static bool tun_proved(const struct cause_facts *f)
{
	return owner_differs(f) || lacks_net_admin(f);
}

static bool was_killed(const struct cause_facts *f)
{
	return f->status == 128 + SIGKILL;
}

static bool was_segv(const struct cause_facts *f)
{
	return f->status == 128 + SIGSEGV || f->status == 128 + SIGBUS;
}

static bool was_sigill(const struct cause_facts *f)
{
	return f->status == 128 + SIGILL;
}

static bool was_sigsys(const struct cause_facts *f)
{
	return f->status == 128 + SIGSYS;
}

static bool has_pids_limit(const struct cause_facts *f)
{
	return f->pids_limit > 0;
}

static void tell_oom(const struct cause_facts *f, struct cause *c)
{
	if (f->memory_limit)
		c->text =
			str_fmt("the kernel killed a process of the container, because its memory "
				"limit of %lld bytes was reached",
				(long long)f->memory_limit);
	else
		c->text =
			str_dup("the kernel killed a process of the container for want of memory");
	c->remedy = str_dup("Give more with --memory, or have the workload use less.");
}

static void tell_tun(const struct cause_facts *f, struct cause *c)
{
	if (owner_differs(f)) {
		c->text = str_fmt(
			"TUNSETIFF wants CAP_NET_ADMIN in the user namespace that owns the "
			"network namespace: net:[%llu] is owned by user:[%llu], the process "
			"is in user:[%llu]",
			(unsigned long long)f->net_ns, (unsigned long long)f->net_owner_ns,
			(unsigned long long)f->user_ns);
		c->remedy = str_dup(
			"Give the container a network namespace of its own (--network bridge, user "
			"or none), or run it without a user namespace as root (--userns host), or "
			"make a persistent TUN device for its uid beforehand (ip tuntap add).");
		return;
	}
	c->text = str_dup("TUNSETIFF wants CAP_NET_ADMIN, which the process does not have");
	c->remedy = str_dup("Start it with --tun (or --cap-add NET_ADMIN --device /dev/net/tun).");
}

static void tell_pids(const struct cause_facts *f, struct cause *c)
{
	if (f->pids_limit)
		c->text = str_fmt(
			"no further process or thread could be made; the container may have "
			"%lld",
			(long long)f->pids_limit);
	else
		c->text = str_dup("no further process or thread could be made");
	c->remedy = str_dup("Raise --pids-limit or --ulimit nproc.");
}

static const struct row rows[] = {
	{"oom-killed", NULL, is_oom, is_oom, .tell = tell_oom},
	{"tun-not-permitted", "TUNSETIFF[^:]*: *(Operation not permitted|EPERM)", NULL, tun_proved,
		.tell = tell_tun},
	{"tun-not-permitted",
		"(tun|tap)[ /0-9a-z]*(interface|device|if|adapter)?.*Operation not permitted", NULL,
		tun_proved, .tell = tell_tun},
	{"tun-no-device", "/dev/net/tun.*No such (file|device)", NULL, NULL,
		"there is no /dev/net/tun in the container",
		"Start it with --tun (or --device /dev/net/tun)."},
	{"inotify-limit", "inotify.*(No space left|Too many open files)", NULL, NULL,
		"the limit of inotify watches or instances of this user is reached; the disk is "
		"not "
		"full",
		"Raise fs.inotify.max_user_watches or max_user_instances on the host."},
	{"keyring-quota", "keyring.*Disk quota exceeded", NULL, NULL,
		"the quota of kernel keys of this user is used up; the disk is not full",
		"Raise kernel.keys.maxkeys and maxbytes on the host (root_maxkeys for root)."},
	{"proc-sys-missing", "/proc/sys/[a-z0-9_/.-]+.*(No such file|Input/output error)", NULL,
		NULL, "a kernel setting that the workload wants is not there in this place",
		"'nidus probe' lists what is; a sandbox as gVisor has few of them."},
	{"cgroup-readonly", "/sys/fs/cgroup.*(Read-only file system|Permission denied)", NULL, NULL,
		"the container may not write to its cgroup",
		"Start it with --privileged, or --cgroupns private where the place delegates "
		"cgroups."},
	{"address-in-use", "(Address( is)? already in use|EADDRINUSE|port is already allocated)",
		NULL, NULL,
		"another process in the same network namespace has this port or address",
		"Stop the other process, choose another port, or give the container a network "
		"namespace of its own (--network bridge or user)."},
	{"disk-full", "(No space left on device|ENOSPC|disk (is )?full)", NULL, NULL,
		"a file system that the container writes to is full",
		"'df' in the container shows which; a tmpfs takes size= in --tmpfs and "
		"--shm-size."},
	{"read-only", "(Read-only file system|EROFS)", NULL, is_readonly,
		"the workload writes where the container is read-only",
		"Give it a --tmpfs or a --volume there, or leave out --read-only."},
	{"descriptors", "(Too many open files|EMFILE|ENFILE)", NULL, NULL,
		"the limit of open files is reached", "Raise it with --ulimit nofile=N."},
	{"pids-limit",
		"(fork|clone|pthread_create|thread|newosproc|vfork)[^\n]*(Resource temporarily "
		"unavailable|EAGAIN|errno=11|Cannot allocate memory)",
		NULL, has_pids_limit, .tell = tell_pids},
	{"memory", "(Cannot allocate memory|out of memory|bad_alloc|ENOMEM)", NULL, NULL,
		"memory could not be had",
		"Give more with --memory, or have the workload use less."},
	{"wrong-architecture", "(exec format error|cannot execute binary file)", NULL, NULL,
		"the program was made for another kind of processor, or is no program",
		"Use an image for this architecture."},
	{"one-id-mapped",
		"(setgroups|initgroups|setuid|setgid|seteuid|setegid|setresuid|setresgid|chown|"
		"setting ownership)[^\n]*(Operation not permitted|Invalid argument)",
		NULL, NULL,
		"the user namespace of the container does not map the id that the workload wants",
		"Have subordinate ids in /etc/subuid and /etc/subgid, with newuidmap installed, or "
		"run "
		"as root."},
	{"mount-not-permitted", "mount[^\n]*(Operation not permitted|must be superuser)", NULL,
		lacks_sys_admin,
		"mounting wants CAP_SYS_ADMIN, which containers do not have by default",
		"Start it with --privileged, or --cap-add SYS_ADMIN with the seccomp profile that "
		"allows it."},
	{"net-admin",
		"(iptables|ip6tables|nft|netlink|RTNETLINK|ip link|ip addr|wireguard|ipset)[^\n]*"
		"(Operation not permitted|Permission denied|must be root)",
		NULL, lacks_net_admin,
		"changing the network wants CAP_NET_ADMIN, which containers do not have by default",
		"Start it with --cap-add NET_ADMIN and a network namespace of its own."},
	{"namespace-not-permitted", "(unshare|clone|setns)[^\n]*Operation not permitted", NULL,
		NULL, "namespaces may not be made in this container",
		"Start it with --security-opt seccomp=unconfined or --privileged; 'nidus probe "
		"userns' "
		"says what the place allows."},
	{"fuse-no-device", "(/dev/fuse|fuse: device not found)", NULL, NULL,
		"there is no /dev/fuse in the container", "Start it with --device /dev/fuse."},
	{"privileged-port", "bind[^\n]*Permission denied|Permission denied[^\n]*bind", NULL,
		lacks_net_bind,
		"ports below 1024 want CAP_NET_BIND_SERVICE in the network namespace",
		"Use a higher port, --cap-add NET_BIND_SERVICE, or --sysctl "
		"net.ipv4.ip_unprivileged_port_start=0."},
	{"database-starting", "(role|database|relation) \"[^\"]*\" does not exist", NULL, NULL,
		"the database answers, but has not been set up yet",
		"Wait with a --ready command that does what clients do (a query), not for the "
		"port."},
	{"name-resolution",
		"(Temporary failure in name resolution|Could not resolve|Name or service not "
		"known|no such host|bad address)",
		NULL, is_no_network, "a host name could not be looked up",
		"Check --network and --dns; with --network none there is no resolver."},
	{"no-route", "(Network is unreachable|No route to host|Network unreachable)", NULL,
		is_no_network, "there is no way to that network from the container",
		"Check --network: 'none' has loopback only."},
	{"library-missing", "error while loading shared libraries", NULL, NULL,
		"a shared library is missing in the root file system", "Install it in the image."},
	{"program-missing", "(command not found|: not found$|executable file not found)", NULL,
		NULL, "a program that the workload calls is not in the root file system",
		"Install it in the image, or mend PATH."},
	{"stale-errno", "Bad file descriptor - epoll_wait", NULL, NULL,
		"a library reported an old errno: no system call failed this way; an earlier line "
		"is "
		"the cause",
		"Look further up in 'nidus logs'."},
	{"signal-sigsys", NULL, was_sigsys, was_sigsys,
		"a system call that the seccomp profile forbids killed it",
		"Start it with another profile: --security-opt seccomp=FILE or "
		"seccomp=unconfined."},
	{"signal-segv", NULL, was_segv, was_segv, "it crashed on a bad memory access", NULL},
	{"signal-ill", NULL, was_sigill, was_sigill,
		"it used an instruction that this processor, or the VM, does not have",
		"Use a build for an older processor (x86-64-v1)."},
	{"not-permitted", "(Operation not permitted|EPERM)", NULL, NULL,
		"the kernel refused a privileged operation: a capability is missing, or the "
		"seccomp "
		"profile forbids it",
		"'nidus inspect' shows the capabilities; --cap-add gives one, --privileged all."},
	{"permission-denied", "(Permission denied|EACCES)", NULL, NULL,
		"a file's mode or owner does not allow what the workload's user does",
		"Check --user, and the owner of volumes."},
	{"signal-kill", NULL, was_killed, NULL, "somebody sent SIGKILL, or the kernel ended it",
		NULL},
};

/* The last line that matches, as a copy; NULL. */
static char *line_matching(const char *output, const char *pattern)
{
	regex_t re;
	if (!output || regcomp(&re, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
		return NULL;
	char *found = NULL;
	for (const char *p = output; *p;) {
		size_t n = strcspn(p, "\n");
		char *line = str_ndup(p, n < 400 ? n : 400);
		if (regexec(&re, line, 0, NULL, 0) == 0) {
			free(found);
			found = line;
		} else {
			free(line);
		}
		p += n + (p[n] == '\n');
	}
	regfree(&re);
	return found;
}

/* Nothing was said, but the last question has an answer: the service is not there. */
static bool cause_of_answer(const struct cause_facts *f, struct cause *ret)
{
	if (!f->last_answer || f->status >= 0)
		return false;
	if (strstr(f->last_answer, "Connection refused"))
		*ret = (struct cause){.code = "nobody-listens",
			.text = str_dup("no process in the container listens on that port"),
			.remedy = str_dup(
				"Check that the service starts, and listens on this address."),
			.evidence = str_dup(f->last_answer),
			.proved = true};
	else if (strstr(f->last_answer, "status "))
		*ret = (struct cause){.code = "service-answers-badly",
			.text = str_dup("the service answers, but not with success"),
			.evidence = str_dup(f->last_answer),
			.proved = true};
	else
		return false;
	return true;
}

bool cause_find(const struct cause_facts *f, struct cause *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		char *evidence = NULL;
		if (r->pattern) {
			evidence = line_matching(f->output, r->pattern);
			if (!evidence)
				continue;
		}
		if (r->fits ? !r->fits(f) : !r->pattern) {
			free(evidence);
			continue;
		}
		*ret = (struct cause){
			.code = r->code, .evidence = evidence, .proved = r->proves && r->proves(f)};
		if (r->tell) {
			r->tell(f, ret);
		} else {
			ret->text = str_dup(r->text);
			ret->remedy = str_dup(r->remedy);
		}
		return true;
	}
	return cause_of_answer(f, ret);
}

void cause_done(struct cause *c)
{
	free(c->text);
	free(c->evidence);
	free(c->remedy);
	*c = (struct cause){0};
}
