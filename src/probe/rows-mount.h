/* Rows of the table in facts.c: mounts, and the calls that make them. */
// clang-format off
#define MOUNT_HELP                                                                                 \
	"Needs CAP_SYS_ADMIN here, or an own user namespace (see userns)."
{
	.name = "mount.tmpfs", .group = "mounts", .try = try_mount_tmpfs,
	.question = "Can a tmpfs be mounted?",
	.how = "In an own mount namespace a tmpfs of 64k is mounted; a file is written and read.",
	.remedy = MOUNT_HELP,
},
{
	.name = "mount.bind", .group = "mounts", .try = try_mount_bind,
	.question = "Can directories, files and the whole tree be bind-mounted?",
	.how = "In an own mount namespace a directory, a file and / (recursively) are bound; content must read the same.",
	.remedy = MOUNT_HELP,
},
{
	.name = "mount.readonly", .group = "mounts", .try = try_mount_readonly,
	.question = "Can a bind mount be made read-only?",
	.how = "A bind mount is remounted read-only; a write beneath it must give EROFS.",
	.remedy = MOUNT_HELP,
},
{
	.name = "mount.proc", .group = "mounts", .try = try_mount_proc,
	.question = "Can a fresh proc be mounted?",
	.how = "In own mount and pid namespaces proc is mounted; its self must be 1.",
	.remedy = "Where this place's /proc has parts masked, a user namespace may not mount a fresh one: unmask it (podman: --security-opt unmask=ALL; docker: systempaths=unconfined). nidus binds this place's /proc instead.",
},
{
	.name = "mount.sysfs", .group = "mounts", .try = try_mount_sysfs,
	.question = "Can a fresh sysfs be mounted?",
	.how = "In own mount and network namespaces sysfs is mounted; class/net/lo must be in it.",
	.remedy = "Where this place's /sys has parts masked or read-only, a user namespace may not mount a fresh one: unmask it (podman: --security-opt unmask=ALL). nidus binds this place's /sys instead.",
},
{
	.name = "mount.cgroup", .group = "mounts", .try = try_mount_cgroup,
	.question = "Can a version 1 cgroup hierarchy be mounted?",
	.how = "In own mount and cgroup namespaces the first v1 hierarchy of /proc/self/cgroup is mounted; tasks must be in it.",
	.remedy = MOUNT_HELP,
},
{
	.name = "mount.cgroup2", .group = "mounts", .try = try_mount_cgroup2,
	.question = "Can the version 2 cgroup hierarchy be mounted?",
	.how = "In own mount and cgroup namespaces cgroup2 is mounted; cgroup.procs must be in it.",
	.remedy = MOUNT_HELP,
},
{
	.name = "mount.overlay", .group = "mounts", .try = try_mount_overlay,
	.question = "Can an overlay be mounted and fully used?",
	.how = "Layers on a tmpfs; a lower file is changed, a lower directory removed, made anew and removed; the lower layer must stay.",
	.remedy = "As root: load the overlay module (modprobe overlay). In a user namespace mount with userxattr (mount.overlay.userxattr), else use fuse-overlayfs (mount.fuse).",
},
{
	.name = "mount.overlay.userxattr", .group = "mounts", .try = try_mount_overlay_userxattr,
	.question = "Can an overlay with userxattr be mounted and fully used in a user namespace?",
	.how = "As mount.overlay with the option userxattr, in an own user namespace first.",
	.remedy = "Needs Linux 5.11, and 6.6 for an upper layer on tmpfs; else use fuse-overlayfs (mount.fuse).",
},
{
	.name = "mount.overlay.on_overlay", .group = "mounts", .try = try_mount_overlay_on_overlay,
	.question = "Can an overlay have its upper layer on another overlay?",
	.how = "All layers lie on a mounted overlay; files are changed and removed.",
	.remedy = "Put the upper layer on a tmpfs or on a disk that is no overlay (a volume).",
},
{
	.name = "mount.overlay.stack", .group = "mounts", .try = try_mount_overlay_stack,
	.question = "How many overlays can stand on each other as lower layers?",
	.how = "Overlays are mounted with the one before as lower layer until one is refused.",
	.remedy = MOUNT_HELP,
},
{
	.name = "mount.fuse", .group = "mounts", .try = try_mount_fuse,
	.question = "Can a FUSE file system be mounted and served?",
	.how = "A child answers FUSE_INIT and FUSE_GETATTR on /dev/fuse; stat of the mount must show its answer.",
	.remedy = "Give this place /dev/fuse (podman, docker: --device /dev/fuse) and load the fuse module.",
},
{
	.name = "mount.loop", .group = "mounts", .try = try_mount_loop,
	.question = "Can an image be mounted through a loop device?",
	.how = "An image made in memory is attached to a free loop device, read through it and mounted.",
	.remedy = "Needs CAP_SYS_ADMIN in the machine's own user namespace and /dev/loop-control; without them erofs from a file (mount.erofs.file) or plain directories serve.",
},
{
	.name = "mount.erofs.file", .group = "mounts", .try = try_mount_erofs_file,
	.question = "Can an erofs image be mounted from a file, without a loop device?",
	.how = "A valid erofs image of 12 KiB in a file without a name is mounted and its file read.",
	.remedy = "Needs Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE and CAP_SYS_ADMIN; else a loop device (mount.loop) or plain directories serve.",
},
{
	.name = "mount.idmapped", .group = "mounts", .try = try_mount_idmapped,
	.question = "Can a mount have its owners mapped?",
	.how = "Detached copies of / and of a tmpfs get the map of a user namespace where 0 is another id; the owner of their files must change.",
	.remedy = "Needs Linux 5.12 (tmpfs: 6.3) and CAP_SYS_ADMIN in the user namespace that owns the file system; else files are given to the mapped ids (chown).",
},
{
	.name = "open_tree", .group = "mount calls", .try = try_open_tree,
	.question = "Does open_tree make a detached copy of a mount?",
	.how = "OPEN_TREE_CLONE of a directory; its file must be seen through the descriptor.",
	.remedy = "Needs Linux 5.2; nidus uses mount(2) instead.",
},
{
	.name = "fsopen", .group = "mount calls", .try = try_fsopen,
	.question = "Do fsopen, fsconfig and fsmount make a mount?",
	.how = "A detached tmpfs is made with them and a file in it.",
	.remedy = "Needs Linux 5.2; nidus uses mount(2) instead.",
},
{
	.name = "move_mount", .group = "mount calls", .try = try_move_mount,
	.question = "Does move_mount attach a detached mount?",
	.how = "A detached copy of a directory is attached to another; its file must be seen there.",
	.remedy = "Needs Linux 5.2; nidus uses mount(2) instead.",
},
{
	.name = "mount_setattr", .group = "mount calls", .try = try_mount_setattr,
	.question = "Does mount_setattr change a whole tree of mounts?",
	.how = "A detached copy is made read-only recursively; opening for writing must give EROFS.",
	.remedy = "Needs Linux 5.12; nidus remounts one by one instead.",
},
{
	.name = "pivot_root", .group = "mount calls", .try = try_pivot_root,
	.question = "Can the root be changed with pivot_root?",
	.how = "In an own mount namespace, onto a bind mount; the old root is detached and must be gone.",
	.remedy = "It is refused where / is the initial ramfs or the caller is in a chroot: switch to a real root first. nidus moves the mount and uses chroot instead.",
},
#undef MOUNT_HELP
