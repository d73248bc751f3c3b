/* Rows of the table in facts.c: seccomp and tracing, processes and limits, kernel
 * tunables, capabilities. */
// clang-format off
#define SECCOMP_HELP                                                                               \
	"Needs a kernel with CONFIG_SECCOMP_FILTER and a place whose own seccomp profile allows "  \
	"seccomp(2)."
#define TRACE_HELP                                                                                 \
	"A seccomp profile or Yama (kernel.yama.ptrace_scope above 1) refuses it: the "            \
	"administrator of this place can allow it (podman, docker: --cap-add SYS_PTRACE)."
{
	.name = "seccomp.filter", .group = "seccomp and tracing", .try = try_seccomp_filter,
	.question = "Can a process filter its system calls?",
	.how = "A child installs a filter that fails getppid with errno 77 and calls it.",
	.remedy = SECCOMP_HELP,
},
{
	.name = "seccomp.trace", .group = "seccomp and tracing", .try = try_seccomp_trace,
	.question = "Can chosen calls be handed to a tracer (SECCOMP_RET_TRACE)?",
	.how = "A traced child's getppid is stopped by its filter, skipped and answered by the tracer.",
	.remedy = TRACE_HELP,
},
{
	.name = "seccomp.notify", .group = "seccomp and tracing", .try = try_seccomp_notify,
	.question = "Can chosen calls be answered by another process (seccomp user notification)?",
	.how = "A child hands its listener over; its getppid is answered through it.",
	.remedy = "Needs Linux 5.0. nidus uses SECCOMP_RET_TRACE instead (seccomp.trace).",
},
{
	.name = "seccomp.addfd", .group = "seccomp and tracing", .try = try_seccomp_addfd,
	.question = "Can the answer to a call be a descriptor put into the caller (ADDFD)?",
	.how = "As seccomp.notify; the answer is a descriptor that the child then reads.",
	.remedy = "Needs Linux 5.9. nidus uses SECCOMP_RET_TRACE instead (seccomp.trace).",
},
{
	.name = "ptrace", .group = "seccomp and tracing", .try = try_ptrace,
	.question = "Can a child be traced?",
	.how = "A child is seized and stopped, a word of its memory read and changed, which it must then see.",
	.remedy = TRACE_HELP,
},
{
	.name = "ptrace.syscall_info", .group = "seccomp and tracing", .try = try_ptrace_syscall_info,
	.question = "Does PTRACE_GET_SYSCALL_INFO tell about a stopped call?",
	.how = "A traced child is stopped at a call; the entry must be told as such.",
	.remedy = "Needs Linux 5.3. nidus reads registers instead.",
},
{
	.name = "process_vm_readv", .group = "seccomp and tracing", .try = try_process_vm_readv,
	.question = "Can the memory of a child be read in one call?",
	.how = "A word of a child's memory is read.",
	.remedy = TRACE_HELP,
},
{
	.name = "process_vm_writev", .group = "seccomp and tracing", .try = try_process_vm_writev,
	.question = "Can the memory of a child be written in one call?",
	.how = "A word of a child's memory is changed, which the child must see.",
	.remedy = TRACE_HELP,
},
{
	.name = "pidfd_open", .group = "processes", .try = try_pidfd_open,
	.question = "Can a process be held by a descriptor?",
	.how = "pidfd_open of a child; it must become readable when the child ends, and not before.",
	.remedy = "Needs Linux 5.3. nidus holds its own children by pid instead.",
},
{
	.name = "pidfd_send_signal", .group = "processes", .try = try_pidfd_send_signal,
	.question = "Can a signal be sent through a pidfd?",
	.how = "A child is killed through its pidfd.",
	.remedy = "Needs Linux 5.1. nidus signals its own children by pid instead.",
},
{
	.name = "pidfd_getfd", .group = "processes", .try = try_pidfd_getfd,
	.question = "Can a descriptor be taken from another process?",
	.how = "The writing end of a pipe is taken from a child; a byte must come through.",
	.remedy = "Needs Linux 5.6 and the right to trace the process; descriptors are sent over a socket instead.",
},
{
	.name = "clone3", .group = "processes", .try = try_clone3,
	.question = "Does clone3 make processes?",
	.how = "A child is made with CLONE_PIDFD and CLONE_CLEAR_SIGHAND; it must exit as told.",
	.remedy = "Needs Linux 5.3 and a seccomp profile that knows it. nidus uses clone and unshare instead.",
},
{
	.name = "openat2", .group = "processes", .try = try_openat2,
	.question = "Can a path be opened without leaving a directory (openat2)?",
	.how = "RESOLVE_IN_ROOT with .. must stay in its root; RESOLVE_BENEATH with .. must give EXDEV.",
	.remedy = "Needs Linux 5.6. nidus walks paths by components instead.",
},
{
	.name = "rlimit.raise", .group = "processes", .try = try_rlimit_raise,
	.question = "Can hard resource limits be raised?",
	.how = "Hard limits are lowered by one and raised again.",
	.remedy = "Needs CAP_SYS_RESOURCE in the machine's own user namespace: raise the limits where this place is started (ulimit -H, LimitNOFILE=, --ulimit).",
},
{
	.name = "oom_score_adj.lower", .group = "processes", .try = try_oom_score_adj,
	.question = "Can the OOM score be lowered?",
	.how = "A child writes its oom_score_adj less one.",
	.remedy = "Needs CAP_SYS_RESOURCE in the machine's own user namespace: have this place started with a lower score (OOMScoreAdjust=, --oom-score-adj).",
},
{
	.name = "mknod", .group = "processes", .try = try_mknod,
	.question = "Can device nodes be made and used?",
	.how = "The null device is made on an own tmpfs, opened, written and read.",
	.remedy = "Needs CAP_MKNOD in the machine's own user namespace. nidus binds the nodes of this place instead.",
},
{
	.name = "dev.fuse", .group = "devices", .try = try_dev_fuse,
	.question = "Can /dev/fuse be opened?",
	.how = "It is opened for reading and writing.",
	.remedy = "Give this place /dev/fuse, open to this user (podman, docker: --device /dev/fuse; chmod 666 /dev/fuse).",
},
{
	.name = "proc_sys.write", .group = "kernel tunables", .try = try_proc_sys,
	.question = "Which tunables of the machine can be written?",
	.how = "For each of a list that workloads ask for, the value read is written back.",
	.remedy = "Set them where this place is started (sysctl on the host, --sysctl). nidus can put files in their place (proc_sys.bind, proc_sys.overlay).",
},
{
	.name = "proc_sys.own", .group = "kernel tunables", .try = try_proc_sys_own,
	.question = "Which tunables of own network, IPC and UTS namespaces can be written?",
	.how = "In new namespaces, for each of a list that containers ask for, the value read is written back.",
	.remedy = "They are refused where /proc/sys is read-only (unmask it: podman --security-opt unmask=/proc/sys) and cannot be mounted afresh (mount.proc).",
},
{
	.name = "proc_sys.bind", .group = "kernel tunables", .try = try_proc_sys_bind,
	.question = "Can a file be put over one of /proc/sys?",
	.how = "In an own mount namespace a file is bound over one of kernel/ or vm/ and read there.",
	.remedy = "Needs CAP_SYS_ADMIN here, or an own user namespace (see userns).",
},
{
	.name = "proc_sys.overlay", .group = "kernel tunables", .try = try_proc_sys_overlay,
	.question = "Can files be added to a directory of /proc/sys by an overlay?",
	.how = "In an own mount namespace an overlay adds a file to kernel/, whose own files must stay readable.",
	.remedy = "Linux refuses it, gVisor allows it. Names that exist can be bound over (proc_sys.bind), others answered by seccomp (seccomp.addfd, seccomp.trace).",
},
{
	.name = "caps.effective", .group = "capabilities", .try = try_caps_effective,
	.question = "Which capabilities does this process have?",
	.how = "capget(2); they count in this user namespace.",
	.remedy = "Start this place with more (--cap-add), or use an own user namespace (see userns).",
},
{
	.name = "caps.bounding", .group = "capabilities", .try = try_caps_bounding,
	.question = "Which capabilities can programs here ever gain?",
	.how = "prctl(PR_CAPBSET_READ) for each.",
	.remedy = "Start this place with more (--cap-add).",
},
{
	.name = "caps.ambient", .group = "capabilities", .try = try_caps_ambient,
	.question = "Can a capability be handed down to an ordinary program (ambient set)?",
	.how = "CAP_CHOWN is made inheritable and ambient, in an own user namespace where one can be had.",
	.remedy = "Needs Linux 4.3; without it only root or file capabilities keep one.",
},
#undef SECCOMP_HELP
#undef TRACE_HELP
