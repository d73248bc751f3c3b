/* docker-archive, what `docker save` and skopeo write: a tar with manifest.json, a
 * config and layers, each layer a tar, often inside as it is, sometimes gzipped.  The
 * archive is read once for a table of contents; layers are then read in place.  Older
 * docker stored a layer that occurs twice as a symbolic link to the other. */
#include "store/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/source.h"
#include "store/spool.h"
#include "store/tar.h"
#include "store/tree.h"

enum { FILES_MAX = 100000, LINKS_MAX = 8 };

struct member {
	char *name; /* clean */
	char *link; /* clean name of what it stands for; NULL: a file */
	uint64_t offset, size;
};

struct contents {
	struct member *v;
	size_t n;
};

static void contents_done(struct contents *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		free(c->v[i].link);
	}
	free(c->v);
	*c = (struct contents){0};
}

/* "a/b" and "../c/d" make "c/d"; leading out of the archive finds nothing later. */
static char *join_link(const char *name, const char *link)
{
	_cleanup_strv_ struct strv parts = {0}, out = {0};
	const char *slash = strrchr(name, '/');
	_cleanup_free_ char *whole =
		str_fmt("%.*s/%s", slash ? (int)(slash - name) : 0, name, link);
	strv_split(&parts, whole, '/');
	for (size_t i = 0; i < parts.n; i++) {
		if (!*parts.v[i] || strcmp(parts.v[i], ".") == 0)
			continue;
		if (strcmp(parts.v[i], "..") != 0)
			strv_add(&out, parts.v[i]);
		else if (out.n)
			free(out.v[--out.n]);
	}
	return strv_join(&out, "/");
}

static nd_err *add_member(struct tar *t, const struct tar_entry *e, struct contents *c)
{
	char clean[PATH_MAX];
	TRY(tree_clean_name(e->name, clean));
	bool link = e->type == TAR_SYMLINK || e->type == TAR_HARDLINK;
	if ((e->type != TAR_FILE && !link) || e->sparse)
		return NULL;
	if (c->n == FILES_MAX)
		return tar_err(t, "the archive has more than %d files", FILES_MAX);
	if ((c->n & (c->n - 1)) == 0)
		c->v = mem_grow(c->v, c->n ? c->n * 2 : 1, sizeof *c->v);
	struct member *m = &c->v[c->n++];
	*m = (struct member){.name = str_dup(clean), .offset = t->in->out_offset, .size = e->size};
	if (e->type == TAR_SYMLINK)
		m->link = join_link(clean, e->link);
	else if (link)
		m->link = join_link("", e->link);
	return NULL;
}

static nd_err *read_contents(int fd, uint64_t size, struct contents *c)
{
	struct stream in;
	struct tar t;
	const struct tar_entry *e = NULL;
	stream_init(&in, fd, 0, size);
	in.unsummed = true;
	tar_init(&t, &in);
	nd_err *err;
	do {
		err = tar_next(&t, &e);
		if (!err && e)
			err = add_member(&t, e, c);
	} while (!err && e);
	tar_done(&t);
	stream_done(&in);
	return err;
}

/* The last of equal names counts, as with tar. */
static nd_err *find(const struct contents *c, const char *name, const struct member **ret)
{
	char clean[PATH_MAX];
	TRY(tree_clean_name(name, clean));
	const char *want = clean;
	for (int hops = 0; hops <= LINKS_MAX; hops++) {
		const struct member *m = NULL;
		for (size_t i = c->n; i-- > 0 && !m;)
			if (strcmp(c->v[i].name, want) == 0)
				m = &c->v[i];
		if (!m)
			return err_new(
				ND_INVALID, "bad-archive", "the archive has no file '%s'", want);
		if (!m->link) {
			*ret = m;
			return NULL;
		}
		want = m->link;
	}
	return err_new(ND_INVALID, "bad-archive", "'%s' is a link in a circle", name);
}

static nd_err *read_member(int fd, const struct contents *c, const char *name, struct buf *ret)
{
	const struct member *m;
	TRY(find(c, name, &m));
	if (m->size > SOURCE_JSON_MAX)
		return err_new(ND_LIMIT, "file-too-large", "'%s' is larger than %d bytes", name,
			SOURCE_JSON_MAX);
	_cleanup_free_ char *text = mem_alloc((size_t)m->size + 1);
	size_t got = 0;
	while (got < m->size) {
		ssize_t n = pread(fd, text + got, (size_t)m->size - got, (off_t)(m->offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(n ? errno : EIO, "read", "%s", name);
		got += (size_t)n;
	}
	buf_add(ret, text, got);
	return NULL;
}

static nd_err *add_layers(
	struct source *s, const struct contents *c, const struct archive_image *image)
{
	if (image->layers.n != s->config.diff_ids.n)
		return err_invalid("manifest.json has %zu layers and the config %zu diff_ids",
			image->layers.n, s->config.diff_ids.n);
	for (size_t i = 0; i < image->layers.n; i++) {
		const struct member *m;
		TRY(find(c, image->layers.v[i], &m));
		struct source_layer *l = source_add_layer(s, s->config.diff_ids.v[i], NULL);
		l->offset = m->offset;
		l->size = m->size;
	}
	return NULL;
}

static nd_err *read_image(const struct root_ref *ref, struct source *s, const struct contents *c)
{
	_cleanup_buf_ struct buf text = {0}, config = {0};
	struct archive_manifest m = {0};
	const struct archive_image *image;
	nd_err *e = read_member(s->fd, c, "manifest.json", &text);
	if (e)
		return err_remedy(e, "'docker save', 'podman save' and 'skopeo copy SOURCE "
				     "docker-archive:FILE' write archives that have one.");
	TRY(archive_manifest_parse("manifest.json", text.data ? text.data : "", text.len, &m));
	e = archive_choose(&m, ref->text, ref->tag, &image);
	if (!e)
		e = read_member(s->fd, c, image->config, &config);
	if (!e)
		e = source_set_config(s, image->config, &config);
	if (!e)
		e = add_layers(s, c, image);
	if (!e)
		strv_copy(&s->names, &image->tags);
	archive_manifest_done(&m);
	return e;
}

nd_err *archive_open(const struct root_ref *ref, struct source *s)
{
	struct stat st;
	struct contents c = {0};
	s->fd = open(ref->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (s->fd < 0)
		return err_sys(errno, "open", "%s", ref->path);
	if (fstat(s->fd, &st) < 0)
		return err_sys(errno, "fstat", "%s", ref->path);
	if (!S_ISREG(st.st_mode))
		return err_invalid("%s is not a regular file", ref->path);
	uint64_t size = (uint64_t)st.st_size;
	nd_err *e = spool_if_compressed(&s->fd, &size);
	if (!e)
		e = read_contents(s->fd, size, &c);
	if (!e)
		e = read_image(ref, s, &c);
	contents_done(&c);
	return err_wrap(e, "%s", ref->text);
}
