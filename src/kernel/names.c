/* Name tables: see names.h.  Numbers that are part of the x86 and generic ABI come
 * from the headers; real-time signals count from SIGRTMIN as glibc sees it (34), as
 * podman and the shells do. */
#include "kernel/names.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "kernel/sys.h"

static const char *const cap_names[] = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
	"CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
	"CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ",
	"CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"};

_Static_assert(ARRAY_SIZE(cap_names) == CAP_KNOWN_LAST + 1, "one name a capability");
_Static_assert(CAP_CHECKPOINT_RESTORE == CAP_KNOWN_LAST, "order of the table");

bool cap_number(const char *name, unsigned *ret)
{
	const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
	for (unsigned i = 0; i < ARRAY_SIZE(cap_names); i++) {
		if (strcasecmp(cap_names[i] + 4, bare) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

const char *cap_name(unsigned cap)
{
	return cap < ARRAY_SIZE(cap_names) ? cap_names[cap] : NULL;
}

struct number_name {
	const char *name;
	int number;
};

/* The first name of a number is the one shown; the others are accepted. */
static const struct number_name signal_names[] = {{"HUP", SIGHUP}, {"INT", SIGINT},
	{"QUIT", SIGQUIT}, {"ILL", SIGILL}, {"TRAP", SIGTRAP}, {"ABRT", SIGABRT}, {"IOT", SIGABRT},
	{"BUS", SIGBUS}, {"FPE", SIGFPE}, {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},
	{"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},
	{"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CLD", SIGCHLD}, {"CONT", SIGCONT},
	{"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG},
	{"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
	{"WINCH", SIGWINCH}, {"IO", SIGIO}, {"POLL", SIGIO}, {"PWR", SIGPWR}, {"SYS", SIGSYS}};

enum { RT_FIRST = 34, RT_LAST = 64 };

/* "RTMIN", "RTMIN+3", "RTMAX-1". */
static bool realtime_number(const char *s, int *ret)
{
	bool low = strncasecmp(s, "RTMIN", 5) == 0;
	if (!low && strncasecmp(s, "RTMAX", 5) != 0)
		return false;
	uint32_t distance = 0;
	s += 5;
	if (*s && (*s != (low ? '+' : '-') || !str_to_u32(s + 1, &distance)))
		return false;
	if (distance > RT_LAST - RT_FIRST)
		return false;
	*ret = low ? RT_FIRST + (int)distance : RT_LAST - (int)distance;
	return true;
}

bool signal_number(const char *name, int *ret)
{
	uint32_t n;
	if (str_to_u32(name, &n)) {
		if (n < 1 || n > RT_LAST)
			return false;
		*ret = (int)n;
		return true;
	}
	const char *bare = strncasecmp(name, "SIG", 3) == 0 ? name + 3 : name;
	for (size_t i = 0; i < ARRAY_SIZE(signal_names); i++) {
		if (strcasecmp(signal_names[i].name, bare) == 0) {
			*ret = signal_names[i].number;
			return true;
		}
	}
	return realtime_number(bare, ret);
}

const char *signal_name(int sig, char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(signal_names); i++) {
		if (signal_names[i].number == sig) {
			snprintf(text, 16, "SIG%s", signal_names[i].name);
			return text;
		}
	}
	if (sig == RT_FIRST)
		snprintf(text, 16, "SIGRTMIN");
	else if (sig > RT_FIRST && sig <= RT_LAST)
		snprintf(text, 16, "SIGRTMIN+%d", sig - RT_FIRST);
	else
		snprintf(text, 16, "%d", sig);
	return text;
}

static const struct number_name rlimit_names[] = {{"as", RLIMIT_AS}, {"core", RLIMIT_CORE},
	{"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA}, {"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS}, {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
	{"nice", RLIMIT_NICE}, {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS}, {"rtprio", RLIMIT_RTPRIO}, {"rttime", RLIMIT_RTTIME},
	{"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK}};

bool rlimit_number(const char *name, int *ret)
{
	const char *bare = strncasecmp(name, "RLIMIT_", 7) == 0 ? name + 7 : name;
	for (size_t i = 0; i < ARRAY_SIZE(rlimit_names); i++) {
		if (strcasecmp(rlimit_names[i].name, bare) == 0) {
			*ret = rlimit_names[i].number;
			return true;
		}
	}
	return false;
}

const char *rlimit_name(int resource)
{
	for (size_t i = 0; i < ARRAY_SIZE(rlimit_names); i++)
		if (rlimit_names[i].number == resource)
			return rlimit_names[i].name;
	return NULL;
}

enum { ERRNO_LAST = 133 }; /* EHWPOISON */

bool errno_number(const char *name, int *ret)
{
	for (int i = 1; i <= ERRNO_LAST; i++) {
		const char *known = strerrorname_np(i);
		if (known && strcmp(known, name) == 0) {
			*ret = i;
			return true;
		}
	}
	/* The other names of EAGAIN, EDEADLK and EOPNOTSUPP. */
	static const struct number_name also[] = {
		{"EWOULDBLOCK", 11}, {"EDEADLOCK", 35}, {"ENOTSUP", 95}, {"EOPNOTSUPP", 95}};
	for (size_t i = 0; i < ARRAY_SIZE(also); i++) {
		if (strcmp(also[i].name, name) == 0) {
			*ret = also[i].number;
			return true;
		}
	}
	return false;
}

const char *errno_name(int errnum)
{
	return errnum > 0 ? strerrorname_np(errnum) : NULL;
}

static const struct ns_name ns_names[] = {
	{"user", "user", CLONE_NEWUSER, "user namespace"},
	{"mount", "mnt", CLONE_NEWNS, "mount namespace"},
	{"pid", "pid", CLONE_NEWPID, "pid namespace"},
	{"network", "net", CLONE_NEWNET, "network namespace"},
	{"ipc", "ipc", CLONE_NEWIPC, "IPC namespace"},
	{"uts", "uts", CLONE_NEWUTS, "UTS namespace"},
	{"cgroup", "cgroup", CLONE_NEWCGROUP, "cgroup namespace"},
	{"time", "time", CLONE_NEWTIME, "time namespace"},
};

const struct ns_name *ns_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ns_names); i++)
		if (str_eq(ns_names[i].oci, name) || str_eq(ns_names[i].proc, name))
			return &ns_names[i];
	return NULL;
}

const struct ns_name *ns_by_flag(uint64_t flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(ns_names); i++)
		if (ns_names[i].flag == flag)
			return &ns_names[i];
	return NULL;
}
