/* The floor: what the kernel itself asks for a container like `nidus run --rm --memory --cpus
 * --pids-limit --network none / true`, with as few system calls as can be.  Same namespaces,
 * mounts, masks, devices, cgroups, capabilities and system call filter as podman's defaults;
 * no options, no state, no errors told but the first.  A yardstick, not a tool.
 *
 *     floor COMMAND [ARGUMENT...]
 *
 * The child shares our memory until it executes (CLONE_VM and CLONE_VFORK), so no page table
 * is copied, and joins v1 cgroups itself by `tasks`: a write to cgroup.procs by another
 * process waits for a grace period of RCU, about 10 ms.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define CGROUPS    "/sys/fs/cgroup/"
#define BASE       "/run/nidus-floor" /* a mount point; made once and left */
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static char cgroup_name[32];
static bool v2;

static void die(const char *what)
{
	perror(what);
	_exit(125);
}

static void must(long result, const char *what)
{
	if (result < 0)
		die(what);
}

/* Descriptors are left to the exit. */
static int poke(int fd, const char *path, const char *text)
{
	if (fd < 0)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	return fd;
}

/* -- cgroups ------------------------------------------------------------------------- */

static const char *const hierarchies[] = {"cpu", "memory", "pids", "devices"};

static const struct {
	const char *hierarchy, *file, *text; /* of v1 */
	const char *v2_file, *v2_text;       /* NULL: v2 does it another way */
} limits[] = {
	{"memory", "memory.limit_in_bytes", "268435456", "memory.max", "268435456"},
	{"cpu", "cpu.cfs_quota_us", "100000", "cpu.max", "100000 100000"},
	{"pids", "pids.max", "100", "pids.max", "100"},
	{"devices", "devices.deny", "a", NULL, NULL},
	{"devices", "devices.allow", "c 1:3 rwm", NULL, NULL},
	{"devices", "devices.allow", "c 1:5 rwm", NULL, NULL},
	{"devices", "devices.allow", "c 1:7 rwm", NULL, NULL},
	{"devices", "devices.allow", "c 1:8 rwm", NULL, NULL},
	{"devices", "devices.allow", "c 1:9 rwm", NULL, NULL},
	{"devices", "devices.allow", "c 5:0 rwm", NULL, NULL},
	{"devices", "devices.allow", "c 5:2 rwm", NULL, NULL},
	{"devices", "devices.allow", "c 136:* rwm", NULL, NULL},
	{"devices", "devices.allow", "c *:* m", NULL, NULL},
	{"devices", "devices.allow", "b *:* m", NULL, NULL},
};

static void cgroup_path(char path[256], const char *hierarchy, const char *file)
{
	snprintf(path, 256, CGROUPS "%s%s%s%s%s", hierarchy, *hierarchy ? "/" : "", cgroup_name,
		*file ? "/" : "", file);
}

static void cgroup_make(void)
{
	char path[256];
	if (v2) {
		cgroup_path(path, "", "");
		must(mkdir(path, 0755), path);
	}
	for (size_t i = 0; !v2 && i < COUNT(hierarchies); i++) {
		cgroup_path(path, hierarchies[i], "");
		must(mkdir(path, 0755), path);
	}
	int fd = -1;
	const char *last = "";
	for (size_t i = 0; i < COUNT(limits); i++) {
		const char *file = v2 ? limits[i].v2_file : limits[i].file;
		if (!file)
			continue;
		cgroup_path(path, v2 ? "" : limits[i].hierarchy, file);
		fd = poke(strcmp(file, last) == 0 ? fd : -1, path,
			v2 ? limits[i].v2_text : limits[i].text);
		last = file;
	}
}

static void cgroup_join(void)
{
	char path[256];
	for (size_t i = 0; !v2 && i < COUNT(hierarchies); i++) {
		cgroup_path(path, hierarchies[i], "tasks");
		poke(-1, path, "0");
	}
	must(unshare(CLONE_NEWCGROUP), "unshare cgroup");
}

static void cgroup_remove(void)
{
	char path[256];
	for (size_t i = 0; i < (v2 ? 1 : COUNT(hierarchies)); i++) {
		cgroup_path(path, v2 ? "" : hierarchies[i], "");
		must(rmdir(path), path);
	}
}

/* -- mounts -------------------------------------------------------------------------- */

static void put(const char *source, const char *target, const char *type, unsigned long flags,
	const char *data)
{
	if (mount(source, target, type, flags, data) != 0)
		die(target);
}

static void mount_dev(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7},
		{"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
	static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
		{"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
		{"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};
	const unsigned long safe = MS_NOSUID | MS_NOEXEC;
	umask(0);
	put("tmpfs", "dev", "tmpfs", safe | MS_STRICTATIME, "mode=755,size=65536k");
	mkdir("dev/pts", 0755);
	mkdir("dev/mqueue", 0755);
	mkdir("dev/shm", 0755);
	put("devpts", "dev/pts", "devpts", safe, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	put("mqueue", "dev/mqueue", "mqueue", safe | MS_NODEV, NULL);
	put("shm", "dev/shm", "tmpfs", safe | MS_NODEV, "mode=1777,size=65536k");
	for (size_t i = 0; i < COUNT(nodes); i++)
		must(mknod(nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)),
			nodes[i].name);
	for (size_t i = 0; i < COUNT(links); i++)
		must(symlink(links[i][0], links[i][1]), links[i][1]);
	umask(022);
}

static void mount_cgroups(void)
{
	const unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY;
	if (v2) {
		put("cgroup", "sys/fs/cgroup", "cgroup2", flags, NULL);
		return;
	}
	put("tmpfs", "sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755");
	for (size_t i = 0; i < COUNT(hierarchies); i++) {
		char path[64];
		snprintf(path, sizeof path, "sys/fs/cgroup/%s", hierarchies[i]);
		mkdir(path, 0755);
		put("cgroup", path, "cgroup", flags, hierarchies[i]);
	}
	put(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

static void mount_root(void)
{
	const unsigned long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;
	put(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	put("tmpfs", BASE, "tmpfs", 0, NULL);
	must(chdir(BASE), BASE);
	mkdir("root", 0755);
	mkdir("upper", 0755);
	mkdir("work", 0755);
	put("overlay", "root", "overlay", 0, "lowerdir=/,upperdir=upper,workdir=work");
	must(chdir("root"), "root");
	put("proc", "proc", "proc", safe, NULL);
	mount_dev();
	put("sysfs", "sys", "sysfs", safe | MS_RDONLY, NULL);
	mount_cgroups();
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "/");
}

/* Paths that are not there cost a look-up and no more. */
static void mask(void)
{
	static const char *const files[] = {"/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug"};
	static const char *const dirs[] = {"/proc/acpi", "/proc/scsi", "/sys/firmware",
		"/sys/fs/selinux", "/sys/dev/block", "/sys/devices/virtual/powercap"};
	static const char *const readonly[] = {"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq",
		"/proc/sys", "/proc/sysrq-trigger"};
	for (size_t i = 0; i < COUNT(files); i++)
		mount("/dev/null", files[i], NULL, MS_BIND, NULL);
	for (size_t i = 0; i < COUNT(dirs); i++)
		mount("tmpfs", dirs[i], "tmpfs", MS_RDONLY, "size=0");
	for (size_t i = 0; i < COUNT(readonly); i++)
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			put(NULL, readonly[i], NULL,
				MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV,
				NULL);
}

/* -- rights -------------------------------------------------------------------------- */

static const int kept_caps[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL,
	CAP_NET_BIND_SERVICE, CAP_SETFCAP, CAP_SETGID, CAP_SETPCAP, CAP_SETUID, CAP_SYS_CHROOT};

/* Refused by podman's default profile for a process with these capabilities. */
static const unsigned denied[] = {SYS_pivot_root, SYS_acct, SYS_settimeofday, SYS_mount,
	SYS_umount2, SYS_swapon, SYS_swapoff, SYS_sethostname, SYS_setdomainname, SYS_iopl,
	SYS_ioperm, SYS_create_module, SYS_init_module, SYS_delete_module, SYS_get_kernel_syms,
	SYS_query_module, SYS_quotactl, SYS_nfsservctl, SYS_lookup_dcookie, SYS_clock_settime,
	SYS_vserver, SYS_mbind, SYS_set_mempolicy, SYS_get_mempolicy, SYS_kexec_load,
	SYS_request_key, SYS_migrate_pages, SYS_unshare, SYS_move_pages, SYS_vmsplice,
	SYS_perf_event_open, SYS_fanotify_init, SYS_open_by_handle_at, SYS_clock_adjtime, SYS_setns,
	SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_finit_module,
	SYS_kexec_file_load, SYS_bpf, SYS_userfaultfd, SYS_open_tree, SYS_move_mount, SYS_fsopen,
	SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_io_uring_setup, SYS_io_uring_enter,
	SYS_io_uring_register, SYS_pidfd_getfd, SYS_mount_setattr, SYS_quotactl_fd};

static struct sock_filter code[512];
static unsigned short n_code;

static void emit(unsigned short op, uint8_t yes, uint8_t no, uint32_t k)
{
	code[n_code++] = (struct sock_filter){op, yes, no, k};
}

static int by_number(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	return x < y ? -1 : x > y;
}

/* A binary search over the sorted numbers: the kernel runs a filter once for every system call
 * when it is loaded (seccomp_cache_prepare), so its depth counts even before the first call. */
static void search(const unsigned *list, size_t n)
{
	if (n <= 3) {
		for (size_t i = 0; i < n; i++)
			emit(BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(n - i), 0, list[i]);
		emit(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
		emit(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM);
		return;
	}
	unsigned short jump = n_code;
	emit(BPF_JMP | BPF_JGE | BPF_K, 0, 0, list[n / 2]);
	search(list, n / 2);
	code[jump].jt = (uint8_t)(n_code - jump - 1);
	search(list + n / 2, n - n / 2);
}

static void build_filter(void)
{
	static unsigned sorted[COUNT(denied)];
	memcpy(sorted, denied, sizeof denied);
	qsort(sorted, COUNT(sorted), sizeof *sorted, by_number);
	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	emit(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	search(sorted, COUNT(sorted));
}

static void drop_rights(void)
{
	uint64_t keep = 0;
	for (size_t i = 0; i < COUNT(kept_caps); i++)
		keep |= 1ull << kept_caps[i];
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep >> cap & 1))
			must(prctl(PR_CAPBSET_DROP, cap), "PR_CAPBSET_DROP");
	/* Before the capabilities go: without no_new_privs a filter needs CAP_SYS_ADMIN. */
	struct sock_fprog filter = {n_code, code};
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), "seccomp");
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{(uint32_t)keep, (uint32_t)keep, 0},
		{(uint32_t)(keep >> 32), (uint32_t)(keep >> 32), 0}};
	must(syscall(SYS_capset, &header, data), "capset");
}

/* -- the life of one container ------------------------------------------------------- */

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	request.ifr_flags = IFF_UP;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(fd, "socket");
	must(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
}

static int child(void *arg)
{
	char **argv = arg;
	cgroup_join();
	mount_root();
	mask();
	must(sethostname("floor", 5), "sethostname");
	loopback_up();
	must(setsid(), "setsid");
	drop_rights();
	execve(argv[0], argv, (char *[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL});
	die(argv[0]);
	return 125;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: floor COMMAND [ARGUMENT...]\n", stderr);
		return 125;
	}
	v2 = access(CGROUPS "cgroup.controllers", F_OK) == 0;
	snprintf(cgroup_name, sizeof cgroup_name, "floor-%d", (int)getpid());
	if (mkdir(BASE, 0755) != 0 && errno != EEXIST)
		die(BASE);
	cgroup_make();
	build_filter();

	static char stack[64 << 10] __attribute__((aligned(16)));
	char path[256];
	cgroup_path(path, "", "");
	int cgroup_fd = v2 ? open(path, O_PATH | O_CLOEXEC) : -1;
	struct clone_args args = {
		.flags = NAMESPACES,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;
	if (v2) {
		/* Without CLONE_VM, as glibc has no clone3(2) that takes a stack. */
		args.flags |= CLONE_INTO_CGROUP | CLONE_VFORK;
		args.cgroup = (uint64_t)cgroup_fd;
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
		if (pid == 0)
			_exit(child(argv + 1));
	} else {
		pid = clone(child, stack + sizeof stack,
			(int)args.flags | CLONE_VM | CLONE_VFORK | SIGCHLD, argv + 1);
	}
	must(pid, "clone");
	int status;
	must(waitpid(pid, &status, 0), "waitpid");
	cgroup_remove();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
