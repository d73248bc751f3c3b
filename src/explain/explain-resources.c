/* What ran out, or is read-only, wherever it was met: the rows for any operation. */
#include <errno.h>

#include "base/cleanup.h"
#include "explain/explain.h"

static const struct explain_row rows[] = {
	{"*", NULL, {EMFILE}, {WHEN_ALWAYS}, "descriptor-limit", true,
		"nidus may hold {max_files} descriptors (RLIMIT_NOFILE)",
		"Raise it: ulimit -n 1024."},
	{"*", NULL, {ENFILE}, {WHEN_ALWAYS}, "descriptor-limit", true,
		"the machine's open files reach fs.file-max", "Close some, or raise fs.file-max."},
	{"fork", NULL, {EAGAIN}, {WHEN_ALWAYS}, "process-limit", false,
		"the number of processes is limited: RLIMIT_NPROC is {max_processes}, or pids.max "
		"of "
		"a cgroup around is reached",
		"End other processes, or have the limit raised by whoever started this place."},
	{"*", NULL, {ENOMEM}, {WHEN_ALWAYS}, "out-of-memory", false,
		"the kernel found no memory: the machine's or a cgroup's around is used up",
		"Free some, or have the limit of the cgroup around raised."},
	{"@(write|mkdir|open|symlink|link|rename|mknod|utimens|setxattr)", NULL, {ENOSPC},
		{WHEN_ALWAYS}, "disk-full", true, "the file system has no room, or no inodes, left",
		"Free some (nidus gc, nidus image rm), or use another one (NIDUS_STATE_DIR, "
		"NIDUS_STORE_DIR)."},
	{"*", NULL, {EDQUOT}, {WHEN_ALWAYS}, "disk-quota", true,
		"the user's or project's quota on the file system is used up",
		"Free some, have the quota raised, or use another file system (NIDUS_STATE_DIR, "
		"NIDUS_STORE_DIR)."},
	{"@(mkdir|open|symlink|rename|unlink)", NULL, {EROFS}, {WHEN_ALWAYS}, "read-only", true,
		"the file system is read-only",
		"Use another place for it (NIDUS_STATE_DIR, NIDUS_STORE_DIR, or a volume)."},
	{"*", NULL, {EIO}, {WHEN_ALWAYS}, "io-error", false,
		"a device or a file system failed, or the userspace program behind it is gone",
		"Look at the kernel's log (dmesg)."},
};

const struct explain_table explain_resources = {rows, ARRAY_SIZE(rows)};
