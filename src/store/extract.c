/* Making files from tar entries: see extract.h.  Every name goes through tree.c; this
 * file never opens an existing file for writing, so that a link, a hard link or a
 * device that an earlier entry made cannot be written through. */
#include "store/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "store/tar.h"
#include "store/tree.h"

struct extract {
	struct tar tar;
	struct tree *tree;
	struct marks *marks; /* NULL: deletions are marked in the tree */
	const struct extract_opts *opts;
	struct extract_result *r;
	char path[PATH_MAX]; /* clean name of the entry */
};

/* Where an entry goes: its parent is open and its place is free. */
struct place {
	int dir_fd;
	const char *name;
};

static nd_err *make_room(struct extract *x, const struct tar_entry *e, struct place *p)
{
	TRY(tree_parent(x->tree, x->path, e, &p->dir_fd, &p->name));
	return tree_clear(x->tree, x->path, p->dir_fd, p->name);
}

/* Owner before mode and capability: chown(2) clears set-id bits and capabilities. */
static nd_err *finish_file(struct extract *x, const struct tar_entry *e, int fd)
{
	const struct timespec times[2] = {{e->mtime_s, e->mtime_ns}, {e->mtime_s, e->mtime_ns}};
	if (!x->opts->squash && fchown(fd, e->uid, e->gid) < 0)
		return chown_err(errno, x->path, e->uid, e->gid);
	if (fchmod(fd, e->mode) < 0)
		return err_sys(errno, "chmod", "to %04o", e->mode);
	TRY(set_xattrs(x->tree, fd, -1, x->path, e->xattrs, e->n_xattrs));
	if (futimens(fd, times) < 0)
		return err_sys(errno, "utimens", "%s", x->path);
	return NULL;
}

static nd_err *make_file(struct extract *x, const struct tar_entry *e)
{
	struct place p;
	if (e->size > EXTRACT_FILE_MAX)
		return err_new(ND_LIMIT, "file-too-large", "its size of %llu bytes is over 1 TiB",
			(unsigned long long)e->size);
	TRY(make_room(x, e, &p));
	_cleanup_fd_ int fd = openat(
		p.dir_fd, p.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "open", "%s", x->path);
	TRY(extract_data(&x->tar, e, fd, &x->r->bytes));
	return finish_file(x, e, fd);
}

/* Symbolic links, devices and FIFOs: made whole, then owner, attributes, times by name. */
static nd_err *finish_node(struct extract *x, const struct tar_entry *e, const struct place *p)
{
	const struct timespec times[2] = {{e->mtime_s, e->mtime_ns}, {e->mtime_s, e->mtime_ns}};
	if (!x->opts->squash &&
		fchownat(p->dir_fd, p->name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return chown_err(errno, x->path, e->uid, e->gid);
	/* chown may have cleared set-id bits; on what is no link by now fchmodat is safe. */
	if (e->type != TAR_SYMLINK && fchmodat(p->dir_fd, p->name, e->mode, 0) < 0)
		return err_sys(errno, "chmod", "to %04o", e->mode);
	TRY(set_xattrs(x->tree, -1, p->dir_fd, p->name, e->xattrs, e->n_xattrs));
	if (utimensat(p->dir_fd, p->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(errno, "utimens", "%s", x->path);
	return NULL;
}

static nd_err *make_symlink(struct extract *x, const struct tar_entry *e)
{
	struct place p;
	if (!*e->link)
		return err_invalid("the symbolic link has no target");
	TRY(make_room(x, e, &p));
	if (symlinkat(e->link, p.dir_fd, p.name) < 0)
		return err_sys(errno, "symlink", "to %.200s", e->link);
	return finish_node(x, e, &p);
}

static nd_err *make_device(struct extract *x, const struct tar_entry *e)
{
	struct place p;
	dev_t dev = makedev(e->major, e->minor);
	mode_t type = e->type == TAR_CHARDEV ? S_IFCHR : e->type == TAR_FIFO ? S_IFIFO : S_IFBLK;
	if (type == S_IFCHR && dev == 0)
		return err_invalid("a character device 0:0 is the mark of a deleted file");
	if (type != S_IFIFO && !x->opts->devices) {
		x->r->skipped_devices++;
		return NULL;
	}
	TRY(make_room(x, e, &p));
	if (mknodat(p.dir_fd, p.name, type | 0600, type == S_IFIFO ? 0 : dev) < 0) {
		if (type == S_IFIFO || errno != EPERM)
			return err_sys(errno, "mknod", "%u:%u", e->major, e->minor);
		x->r->skipped_devices++; /* a device cgroup or a filter refuses */
		return NULL;
	}
	return finish_node(x, e, &p);
}

static nd_err *make_hardlink(struct extract *x, const struct tar_entry *e)
{
	char target[PATH_MAX];
	struct stat st;
	struct place to;
	int dir_fd;
	const char *name;
	TRY_WRAP(tree_clean_name(e->link, target), "its target");
	if (!*target)
		return err_invalid("its target is the root directory");
	if (strcmp(target, x->path) == 0)
		return NULL;
	TRY_WRAP(
		tree_parent(x->tree, target, NULL, &dir_fd, &name), "its target '%.200s'", e->link);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || is_whiteout(dir_fd, name))
		return err_invalid("its target '%.200s' is not in this layer", e->link);
	if (S_ISDIR(st.st_mode))
		return err_invalid("its target '%.200s' is a directory", e->link);
	/* The target's parent must stay open while the link's is looked for. */
	_cleanup_fd_ int from_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (from_fd < 0)
		return err_sys(errno, "dup", "%s", target);
	_cleanup_free_ char *from = str_dup(name);
	TRY(make_room(x, e, &to));
	if (linkat(from_fd, from, to.dir_fd, to.name, 0) < 0)
		return err_sys(errno, "link", "to %.200s", e->link);
	return NULL;
}

static nd_err *make_dir_entry(struct extract *x, const struct tar_entry *e)
{
	x->r->has_root |= !*x->path;
	return tree_mkdir(x->tree, x->path, e);
}

static nd_err *no_marks(nd_err *e)
{
	return e ? err_code(err_wrap(e, "mark what the layer deletes"), "no-marks") : NULL;
}

/* ".wh.NAME" deletes NAME of the layers below, never one of this layer: a directory that
 * this layer has made already only loses what lies below it. */
static nd_err *make_whiteout(struct extract *x, const struct tar_entry *e, const char *deleted)
{
	struct place p;
	struct stat st;
	if (!*deleted || strcmp(deleted, ".") == 0 || strcmp(deleted, "..") == 0)
		return err_invalid("it deletes nothing that could have a name");
	TRY(tree_parent(x->tree, x->path, e, &p.dir_fd, &p.name));
	if (x->marks) {
		strv_fmt(&x->marks->deleted, "%.*s%s", (int)(p.name - x->path), x->path, deleted);
		return NULL;
	}
	if (fstatat(p.dir_fd, deleted, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? no_marks(set_opaque(p.dir_fd, deleted)) : NULL;
	const struct timespec times[2] = {{e->mtime_s, e->mtime_ns}, {e->mtime_s, e->mtime_ns}};
	if (mknodat(p.dir_fd, deleted, S_IFCHR, makedev(0, 0)) < 0)
		return errno == ENOSPC ? err_sys(errno, "mknod", "%s", deleted)
				       : no_marks(err_sys(errno, "mknod", "%s", deleted));
	if (utimensat(p.dir_fd, deleted, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(errno, "utimens", "%s", deleted);
	return NULL;
}

/* ".wh..wh..opq": the directory it stands in hides all that lies below. */
static nd_err *make_opaque(struct extract *x, const struct tar_entry *e)
{
	struct place p;
	TRY(tree_parent(x->tree, x->path, e, &p.dir_fd, &p.name));
	if (p.name == x->path && !x->marks) {
		x->r->opaque_root = true;
		return NULL;
	}
	if (!x->marks)
		return no_marks(set_opaque(p.dir_fd, "."));
	size_t len = (size_t)(p.name - x->path);
	strv_take(&x->marks->opaque, str_ndup(x->path, len ? len - 1 : 0));
	return NULL;
}

static nd_err *make_one(struct extract *x, const struct tar_entry *e)
{
	TRY(tree_clean_name(e->name, x->path));
	const char *slash = strrchr(x->path, '/'), *base = slash ? slash + 1 : x->path;
	for (const char *p = x->path; p < base; p = strchr(p, '/') + 1)
		if (str_starts(p, ".wh."))
			return err_invalid("it lies in a deleted directory");
	if (strcmp(base, ".wh..wh..opq") == 0)
		return make_opaque(x, e);
	if (str_starts(base, ".wh..wh."))
		return NULL; /* what aufs kept for itself */
	if (str_starts(base, ".wh."))
		return make_whiteout(x, e, base + 4);
	if (!*x->path && e->type != TAR_DIR)
		return err_invalid("the root can only be a directory");
	switch (e->type) {
	case TAR_FILE:
		return make_file(x, e);
	case TAR_DIR:
		return make_dir_entry(x, e);
	case TAR_SYMLINK:
		return make_symlink(x, e);
	case TAR_HARDLINK:
		return make_hardlink(x, e);
	default:
		return make_device(x, e);
	}
}

static nd_err *extract_all(struct extract *x)
{
	const struct tar_entry *e;
	for (;;) {
		TRY(tar_next(&x->tar, &e));
		if (!e)
			break;
		x->r->entries++;
		TRY_WRAP(make_one(x, e), "byte %llu: entry '%.200s'", (unsigned long long)e->offset,
			e->name);
	}
	return NULL;
}

nd_err *extract_layer_aside(struct stream *in, int root_fd, const struct extract_opts *opts,
	struct marks *marks, struct tree *ret_tree, struct extract_result *ret)
{
	struct extract x = {.tree = ret_tree, .marks = marks, .opts = opts, .r = ret};
	*ret = (struct extract_result){0};
	umask(0);
	tar_init(&x.tar, in);
	tree_init(ret_tree, root_fd, opts->squash);
	nd_err *e = extract_all(&x);
	tar_done(&x.tar);
	return e;
}

static nd_err *extract_finished(struct extract *x)
{
	/* Until the layer says otherwise; not the time of day, so that two imports are alike. */
	const struct tar_entry plain = {.mode = 0755};
	TRY(tree_mkdir(x->tree, "", &plain));
	TRY(extract_all(x));
	TRY(tree_finish(x->tree));
	x->r->skipped_xattrs = x->tree->skipped_xattrs;
	x->r->implicit = x->tree->n_implicit;
	if (!fd_write_all(x->opts->implicit_fd, x->tree->implicit.data, x->tree->implicit.len))
		return err_sys(errno, "write", "the list of implicit directories");
	return NULL;
}

nd_err *extract_layer(
	struct stream *in, int root_fd, const struct extract_opts *opts, struct extract_result *ret)
{
	struct tree tree;
	struct extract x = {.tree = &tree, .opts = opts, .r = ret};
	*ret = (struct extract_result){0};
	umask(0);
	tar_init(&x.tar, in);
	tree_init(&tree, root_fd, opts->squash);
	nd_err *e = extract_finished(&x);
	tree_done(&tree);
	tar_done(&x.tar);
	return e;
}

void marks_done(struct marks *m)
{
	strv_done(&m->deleted);
	strv_done(&m->opaque);
}
