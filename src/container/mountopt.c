/* Mount options as words: see mountopt.h.  The table follows mount(8) and the OCI
 * runtime-spec 1.2, section Mounts. */
#include "container/mountopt.h"

#include <string.h>
#include <sys/mount.h>

static const struct {
	const char *name;
	unsigned long set, clear;
} plain[] = {
	{"bind", MS_BIND, 0},
	{"rbind", MS_BIND | MS_REC, 0},
	{"ro", MS_RDONLY, 0},
	{"rw", 0, MS_RDONLY},
	{"nosuid", MS_NOSUID, 0},
	{"suid", 0, MS_NOSUID},
	{"nodev", MS_NODEV, 0},
	{"dev", 0, MS_NODEV},
	{"noexec", MS_NOEXEC, 0},
	{"exec", 0, MS_NOEXEC},
	{"sync", MS_SYNCHRONOUS, 0},
	{"async", 0, MS_SYNCHRONOUS},
	{"dirsync", MS_DIRSYNC, 0},
	{"mand", MS_MANDLOCK, 0},
	{"nomand", 0, MS_MANDLOCK},
	{"noatime", MS_NOATIME, 0},
	{"atime", 0, MS_NOATIME},
	{"nodiratime", MS_NODIRATIME, 0},
	{"diratime", 0, MS_NODIRATIME},
	{"relatime", MS_RELATIME, 0},
	{"norelatime", 0, MS_RELATIME},
	{"strictatime", MS_STRICTATIME, 0},
	{"nostrictatime", 0, MS_STRICTATIME},
	{"nosymfollow", 256, 0}, /* MS_NOSYMFOLLOW, Linux 5.10 */
	{"symfollow", 0, 256},
	{"iversion", MS_I_VERSION, 0},
	{"noiversion", 0, MS_I_VERSION},
	{"silent", MS_SILENT, 0},
	{"loud", 0, MS_SILENT},
	{"defaults", 0, 0},
	/* podman's words that ask for nothing here: labels and ownership are done elsewhere */
	{"z", 0, 0},
	{"Z", 0, 0},
	{"nocopy", 0, 0},
	{"copy", 0, 0},
};

static const struct {
	const char *name;
	unsigned long flags;
} propagation[] = {
	{"private", MS_PRIVATE},
	{"rprivate", MS_PRIVATE | MS_REC},
	{"slave", MS_SLAVE},
	{"rslave", MS_SLAVE | MS_REC},
	{"shared", MS_SHARED},
	{"rshared", MS_SHARED | MS_REC},
	{"unbindable", MS_UNBINDABLE},
	{"runbindable", MS_UNBINDABLE | MS_REC},
};

static const struct {
	const char *name;
	uint64_t set, clear;
} recursive[] = {
	{"rro", MOUNT_ATTR_RDONLY, 0},
	{"rrw", 0, MOUNT_ATTR_RDONLY},
	{"rnosuid", MOUNT_ATTR_NOSUID, 0},
	{"rsuid", 0, MOUNT_ATTR_NOSUID},
	{"rnodev", MOUNT_ATTR_NODEV, 0},
	{"rdev", 0, MOUNT_ATTR_NODEV},
	{"rnoexec", MOUNT_ATTR_NOEXEC, 0},
	{"rexec", 0, MOUNT_ATTR_NOEXEC},
	{"rnodiratime", MOUNT_ATTR_NODIRATIME, 0},
	{"rdiratime", 0, MOUNT_ATTR_NODIRATIME},
	{"rrelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
	{"rnorelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
	{"rnoatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
	{"ratime", 0, MOUNT_ATTR_NOATIME},
	{"rstrictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
	{"rnosymfollow", 0x00200000, 0}, /* MOUNT_ATTR_NOSYMFOLLOW, Linux 5.14 */
	{"rsymfollow", 0, 0x00200000},
};

static bool parse_word(const char *w, struct mount_opts *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (str_eq(w, plain[i].name)) {
			o->flags = (o->flags & ~plain[i].clear) | plain[i].set;
			o->clear = (o->clear & ~plain[i].set) | plain[i].clear;
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(propagation); i++)
		if (str_eq(w, propagation[i].name)) {
			o->propagation = propagation[i].flags;
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(recursive); i++)
		if (str_eq(w, recursive[i].name)) {
			o->rec_set |= recursive[i].set;
			o->rec_clear |= recursive[i].clear;
			return true;
		}
	if (str_eq(w, "tmpcopyup"))
		return o->copy_up = true;
	if (str_eq(w, "idmap") || str_eq(w, "ridmap"))
		return o->idmap = true;
	return false;
}

void mount_opts_parse(const struct strv *options, struct mount_opts *ret)
{
	*ret = (struct mount_opts){0};
	for (size_t i = 0; i < options->n; i++) {
		const char *w = options->v[i];
		if (*w && !parse_word(w, ret))
			buf_fmt(&ret->data, "%s%s", ret->data.len ? "," : "", w);
	}
}

void mount_opts_done(struct mount_opts *o)
{
	buf_done(&o->data);
}

uint64_t mount_attrs_of(unsigned long f)
{
	uint64_t a = 0;
	if (f & MS_RDONLY)
		a |= MOUNT_ATTR_RDONLY;
	if (f & MS_NOSUID)
		a |= MOUNT_ATTR_NOSUID;
	if (f & MS_NODEV)
		a |= MOUNT_ATTR_NODEV;
	if (f & MS_NOEXEC)
		a |= MOUNT_ATTR_NOEXEC;
	if (f & MS_NODIRATIME)
		a |= MOUNT_ATTR_NODIRATIME;
	if (f & MS_NOATIME)
		a |= MOUNT_ATTR_NOATIME;
	if (f & MS_STRICTATIME)
		a |= MOUNT_ATTR_STRICTATIME;
	if (f & 256)
		a |= 0x00200000;
	return a;
}
