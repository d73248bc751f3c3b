/* File systems from an image file: through a loop device, and erofs straight from a file
 * (CONFIG_EROFS_FS_BACKED_BY_FILE, Linux 6.12).  The image is built here: an erofs of three
 * blocks with one file, laid out after Documentation/filesystems/erofs.rst.  It lives in
 * a file without a name; the loop device clears itself (LO_FLAGS_AUTOCLEAR). */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum {
	BLOCK = 4096,
	SLOT = 32, /* of an inode: its number counts slots from byte 0 */
	SUPER_AT = 1024,
	ROOT_NID = 36, /* the first slot after the superblock's 128 bytes */
	FILE_NID = 37,
	EROFS_MAGIC = 0xE0F5E1E2,
	DIR_TYPE = 2,
	REG_TYPE = 1,
};
static const char content[] = "nidus erofs\n";

struct erofs_super {
	uint32_t magic, checksum, feature_compat;
	uint8_t blkszbits, sb_extslots;
	uint16_t root_nid;
	uint64_t inos, build_time;
	uint32_t build_time_nsec, blocks, meta_blkaddr, xattr_blkaddr;
	uint8_t uuid[16], volume_name[16];
	uint32_t feature_incompat;
	uint8_t rest[44];
};
_Static_assert(sizeof(struct erofs_super) == 128, "as on disk");

struct erofs_inode {
	uint16_t format, xattr_icount, mode, nlink;
	uint32_t size, reserved, block, ino;
	uint16_t uid, gid;
	uint32_t reserved2;
};
_Static_assert(sizeof(struct erofs_inode) == SLOT, "as on disk");

struct __attribute__((packed)) erofs_dirent {
	uint64_t nid;
	uint16_t nameoff;
	uint8_t type, reserved;
};

static void image_make(uint8_t *image)
{
	static const char names[] = "...file"; /* ".", "..", "file", in the order of strcmp */
	enum { ENTRIES = 3, NAMES_AT = ENTRIES * sizeof(struct erofs_dirent) };
	memset(image, 0, 3 * BLOCK);
	*(struct erofs_super *)(void *)(image + SUPER_AT) = (struct erofs_super){
		.magic = EROFS_MAGIC,
		.blkszbits = 12,
		.root_nid = ROOT_NID,
		.inos = 2,
		.blocks = 3,
	};
	struct erofs_inode *inodes = (void *)(image + ROOT_NID * SLOT);
	inodes[0] = (struct erofs_inode){.mode = S_IFDIR | 0755,
		.nlink = 2,
		.size = NAMES_AT + sizeof names - 1,
		.block = 1,
		.ino = 1};
	inodes[1] = (struct erofs_inode){.mode = S_IFREG | 0644,
		.nlink = 1,
		.size = sizeof content - 1,
		.block = 2,
		.ino = 2};
	struct erofs_dirent *d = (void *)(image + BLOCK);
	d[0] = (struct erofs_dirent){ROOT_NID, NAMES_AT, DIR_TYPE, 0};
	d[1] = (struct erofs_dirent){ROOT_NID, NAMES_AT + 1, DIR_TYPE, 0};
	d[2] = (struct erofs_dirent){FILE_NID, NAMES_AT + 3, REG_TYPE, 0};
	memcpy(image + BLOCK + NAMES_AT, names, sizeof names - 1);
	memcpy(image + 2 * BLOCK, content, sizeof content - 1);
}

/* Writes the image to a file without a name in a directory on disk; -1 and errno.  Not a
 * memfd: erofs wants a file system that reads by folio, which tmpfs does not. */
static int image_on_disk(const uint8_t *image, const char **where)
{
	static const char *const dirs[] = {"/var/tmp", "/var/lib", "/tmp", "/root", "/", "."};
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd < 0)
			continue;
		*where = dirs[i];
		if (fd_write_all(fd, image, 3 * BLOCK))
			return fd;
		fd_close(fd);
	}
	return -1;
}

static bool file_reads(struct fact_result *r, const char *path)
{
	char text[32] = "";
	if (trial_read(path, text, sizeof text) < 0) {
		fact_refused(r, errno, "read", "the file in the mounted image");
		r->state = FACT_BROKEN;
		return false;
	}
	if (strcmp(text, content) != 0) {
		fact_set(r, FACT_BROKEN, "the file in the image has other content", "%s", text);
		return false;
	}
	return true;
}

static void erofs_file(struct fact_result *r)
{
	uint8_t image[3 * BLOCK];
	char source[32] = "none";
	const char *op, *where = "";
	image_make(image);
	_cleanup_fd_ int fd = image_on_disk(image, &where);
	int err = errno;
	if (!trial_scratch(&op) || mkdir("m", 0755) < 0) {
		fact_refused(r, errno, op, "for a place to mount in");
		return;
	}
	if (fd >= 0)
		snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
	if (mount(source, "m", "erofs", MS_RDONLY, NULL) < 0) {
		fact_refused(r, errno, "mount(erofs)", "an image of 12 KiB in a file in %s", where);
		if (errno == ENOTBLK)
			fact_set(r, FACT_ABSENT, "this kernel mounts erofs from block devices only",
				"mount(erofs) of a file in %s: %s", where, strerror(errno));
		else if (fd < 0 && r->state == FACT_ABSENT && errno != ENODEV)
			fact_set(r, FACT_UNKNOWN, "no directory here takes a file without a name",
				"open(O_TMPFILE) in /var/tmp, /var/lib, /tmp, /root, / and .: %s",
				strerror(err));
		return;
	}
	if (file_reads(r, "m/file"))
		fact_works(r, "an image of 12 KiB in a file in %s mounted; its file reads right",
			where);
}

void try_mount_erofs_file(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, erofs_file);
}

/* Attaches to the next free device.  *ret_made: the kernel had to make that device. */
static int loop_attach(
	int image_fd, int *ret_number, bool *ret_made, int *ret_control, const char **op)
{
	char path[32];
	*op = "open(/dev/loop-control)";
	*ret_control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (*ret_control < 0)
		return -1;
	/* Another process may take the free one first: EBUSY, then ask again. */
	for (int tries = 0; tries < 8; tries++) {
		int n = ioctl(*ret_control, LOOP_CTL_GET_FREE);
		*op = "LOOP_CTL_GET_FREE";
		if (n < 0)
			return -1;
		snprintf(path, sizeof path, "/dev/loop%d", n);
		*op = "open(/dev/loopN)";
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -1;
		struct loop_config c = {.fd = (unsigned)image_fd,
			.info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_READ_ONLY}};
		*op = "LOOP_CONFIGURE";
		if (ioctl(fd, LOOP_CONFIGURE, &c) == 0) {
			*ret_number = n;
			*ret_made = n >= 8 && tries == 0;
			return fd;
		}
		fd_close(fd);
		if (errno != EBUSY)
			return -1;
	}
	return -1;
}

static void loop(struct fact_result *r)
{
	uint8_t image[3 * BLOCK], seen[2 * BLOCK];
	char path[32];
	const char *op;
	int number = -1;
	bool made = false;
	image_make(image);
	_cleanup_fd_ int control = -1, dev = -1, fd = memfd_create("nidus-probe", MFD_CLOEXEC);
	if (fd < 0 || !fd_write_all(fd, image, sizeof image)) {
		fact_refused(r, errno, "memfd_create", "for an image of 12 KiB");
		return;
	}
	dev = loop_attach(fd, &number, &made, &control, &op);
	if (dev < 0) {
		fact_refused(r, errno, op, "an image of 12 KiB");
		return;
	}
	snprintf(path, sizeof path, "/dev/loop%d", number);
	bool same = pread(dev, seen, sizeof seen, BLOCK) == (ssize_t)sizeof seen &&
		    memcmp(seen, image + BLOCK, sizeof seen) == 0;
	bool mounted = same && trial_scratch(&op) && mkdir("m", 0755) == 0 &&
		       (op = "mount(erofs)", mount(path, "m", "erofs", MS_RDONLY, NULL) == 0);
	int err = errno;
	if (!same)
		fact_set(r, FACT_BROKEN, "the device does not show the image",
			"bytes read from %s differ from the file attached to it", path);
	else if (!mounted && err != ENODEV)
		fact_refused(r, err, op, "%s, attached to an erofs image", path);
	else if (!mounted)
		fact_works(r,
			"image attached to %s and read through it; this kernel has no erofs "
			"to mount it",
			path);
	else if (file_reads(r, "m/file"))
		fact_works(
			r, "image attached to %s, its erofs mounted; its file reads right", path);
	if (mounted)
		umount2("m", 0);
	fd_done(&dev);
	if (made)
		ioctl(control, LOOP_CTL_REMOVE, number);
}

void try_mount_loop(struct fact_result *r)
{
	trial_best_way(r, CLONE_NEWNS, loop);
}
