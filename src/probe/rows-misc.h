/* Rows of the table in facts.c: kernel log, keys, randomness, disks, security modules. */
// clang-format off
{
	.name = "lsm", .group = "security", .try = try_lsm,
	.question = "Which security modules are there, and does one confine this process?",
	.how = "/sys/kernel/security/lsm or lsm_list_modules(2) lists them; /proc/self/attr/current gives this process's label.",
},
{
	.name = "no_new_privs", .group = "security", .try = try_no_new_privs,
	.question = "Can a process give up set-uid programs, and has this one done so?",
	.how = "A child reads the flag with prctl(2), sets it and reads it again.",
	.remedy = "The kernel is older than 3.5, or a seccomp filter refuses prctl.",
},
{
	.name = "keyring", .group = "security", .try = try_keyring,
	.question = "Can keys be added to the kernel's key rings?",
	.how = "A key is added to the process's own ring, read back and revoked; /proc/key-users gives the quota.",
	.remedy = "root can raise sysctl kernel.keys.maxkeys and kernel.keys.maxbytes (for uid 0: root_maxkeys, root_maxbytes); in a container, a seccomp profile may refuse add_key: nothing of nidus needs it.",
},
{
	.name = "io_uring", .group = "processes", .try = try_io_uring,
	.question = "Does io_uring complete requests?",
	.how = "A ring of two entries is made and has to complete a NOP.",
	.remedy = "root can set sysctl kernel.io_uring_disabled=0; in a container, whoever starts it can give it a seccomp profile that lets io_uring_setup through.",
},
{
	.name = "kmsg.read", .group = "machine", .try = try_kmsg_read,
	.question = "Can the kernel's log be read from /dev/kmsg?",
	.how = "It is opened and read once, without waiting.",
	.remedy = "Give the process CAP_SYSLOG (or have root set sysctl kernel.dmesg_restrict=0), and a container the device (--device /dev/kmsg).",
},
{
	.name = "kmsg.write", .group = "machine", .try = try_kmsg_write,
	.question = "May the kernel's log be written through /dev/kmsg?",
	.how = "It is opened for writing; nothing is written.",
	.remedy = "The node is root's: run as root, and give a container the device (--device /dev/kmsg).",
},
{
	.name = "entropy", .group = "machine", .try = try_entropy,
	.question = "Does the kernel give random numbers without waiting, and what feeds it?",
	.how = "getrandom(2) is asked for 32 bytes with GRND_NONBLOCK; /sys/class/misc/hw_random and CPUID name the sources.",
	.remedy = "Whoever runs the VM can give it virtio-rng or a processor model with RDRAND.",
},
{
	.name = "reflink", .group = "disks", .try = try_reflink,
	.question = "Does the store's file system share blocks between files?",
	.how = "A file without a name is cloned with FICLONE, the clone is changed, and the first must stay as it was; also tried in TMPDIR.",
	.remedy = "Put the store (NIDUS_STORE_DIR) on btrfs, XFS (mkfs.xfs -m reflink=1) or bcachefs; without it files are copied.",
},
{
	.name = "quota.project", .group = "disks", .try = try_project_quota,
	.question = "Can a directory of the store be held to a size by project quota?",
	.how = "A file without a name gets a project number and that project a limit of 64 KiB; writing past it must fail. The limit is lifted again.",
	.remedy = "root can put the store on XFS or ext4 (tune2fs -O project,quota) mounted with prjquota; without it nidus limits disks by fixed-size images or tmpfs.",
},
