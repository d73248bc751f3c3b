/* Records: see record.h. */
#include "store/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/sha256.h"

enum { RECORD_MAX = 8 << 20 };

const char *id_hex(const char *id)
{
	const char *hex = str_after(id, "sha256:");
	return hex ? hex : id;
}

nd_err *layer_write(int dir_fd, const char *diff_id, const struct extract_result *r)
{
	struct json_out o = {.indent = -1};
	jo_open(&o, NULL, '{');
	jo_int(&o, "version", 1);
	jo_str(&o, "diff_id", diff_id);
	jo_uint(&o, "entries", r->entries);
	jo_uint(&o, "bytes", r->bytes);
	jo_uint(&o, "skipped_devices", r->skipped_devices);
	jo_uint(&o, "skipped_xattrs", r->skipped_xattrs);
	jo_uint(&o, "implicit", r->implicit);
	jo_bool(&o, "has_root", r->has_root);
	jo_bool(&o, "opaque_root", r->opaque_root);
	jo_close(&o, '}');
	nd_err *e = file_store(dir_fd, "layer.json", o.b.data, o.b.len);
	buf_done(&o.b);
	return e;
}

nd_err *layer_read(const struct store *s, const char *name, struct extract_result *ret)
{
	_cleanup_free_ char *path = str_fmt("%s/layer.json", name);
	_cleanup_json_ struct json_doc doc = {0};
	struct extract_result r = {0};
	TRY(json_load(s->layers_fd, path, &doc));
	TRY(json_get_u64(&doc.at, "entries", &r.entries));
	TRY(json_get_u64(&doc.at, "bytes", &r.bytes));
	TRY(json_get_u64(&doc.at, "skipped_devices", &r.skipped_devices));
	TRY(json_get_u64(&doc.at, "skipped_xattrs", &r.skipped_xattrs));
	TRY(json_get_u64(&doc.at, "implicit", &r.implicit));
	TRY(json_get_bool(&doc.at, "has_root", &r.has_root));
	TRY(json_get_bool(&doc.at, "opaque_root", &r.opaque_root));
	*ret = r;
	return NULL;
}

nd_err *record_write(struct store *s, const char *id, const struct buf *config)
{
	_cleanup_free_ char *name = str_fmt("%s.json", id_hex(id));
	return file_store(s->images_fd, name, config->data, config->len);
}

/* True when the locked file is still the one that has the name. */
static bool still_there(int dir_fd, const char *name, int fd)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

nd_err *record_open(struct store *s, const char *id, int *ret_fd, struct image_config *ret_config)
{
	_cleanup_free_ char *name = str_fmt("%s.json", id_hex(id));
	*ret_fd = -1;
	for (;;) {
		_cleanup_fd_ int fd = openat(s->images_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			return NULL;
		if (fd < 0)
			return err_sys(errno, "open", "images/%s", name);
		TRY(lock_wait(fd, LOCK_SH, LOCK_DEADLINE_MS, "the image's record"));
		if (!still_there(s->images_fd, name, fd))
			continue;
		_cleanup_buf_ struct buf text = {0};
		char hex[SHA256_HEX];
		TRY(fd_read_text(fd, name, RECORD_MAX, &text));
		sha256_hex(text.data, text.len, hex);
		if (strcmp(hex, id_hex(id)) != 0)
			return NULL;
		TRY(image_config_parse(name, text.data, text.len, ret_config));
		*ret_fd = steal_fd(&fd);
		return NULL;
	}
}

static void name_file(const char *name, char *hex)
{
	sha256_hex(name, strlen(name), hex);
}

static nd_err *name_read(struct store *s, const char *file, char **ret_name, char **ret_id)
{
	_cleanup_json_ struct json_doc doc = {0};
	_cleanup_free_ char *name = NULL, *id = NULL;
	const char *hex;
	TRY(json_load(s->names_fd, file, &doc));
	TRY(json_need_str(&doc.at, "name", &name));
	TRY(json_need_str(&doc.at, "image", &id));
	TRY(digest_check(file, id, &hex));
	*ret_name = steal_ptr(&name);
	*ret_id = steal_ptr(&id);
	return NULL;
}

nd_err *name_get(struct store *s, const char *name, char **ret_id)
{
	char file[SHA256_HEX];
	char *found = NULL, *id = NULL;
	name_file(name, file);
	nd_err *e = name_read(s, file, &found, &id);
	if (e && err_root(e)->errnum == ENOENT) {
		err_free(e);
		*ret_id = NULL;
		return NULL;
	}
	TRY(e);
	free(found);
	*ret_id = id;
	return NULL;
}

nd_err *name_set(struct store *s, const char *name, const char *id)
{
	char file[SHA256_HEX];
	struct json_out o = {.indent = -1};
	jo_open(&o, NULL, '{');
	jo_str(&o, "name", name);
	jo_str(&o, "image", id);
	jo_close(&o, '}');
	name_file(name, file);
	nd_err *e = file_store(s->names_fd, file, o.b.data, o.b.len);
	buf_done(&o.b);
	return e;
}

nd_err *name_list(struct store *s, struct strv *ret)
{
	int fd = openat(s->names_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(errno, "open", "%s/names", s->path);
	struct dirent *entry;
	while ((entry = readdir(d))) {
		char *name, *id;
		if (strlen(entry->d_name) != 64)
			continue;
		nd_err *e = name_read(s, entry->d_name, &name, &id);
		if (e) { /* removed meanwhile, or damaged: no name */
			err_free(e);
			continue;
		}
		strv_take(ret, name);
		strv_take(ret, id);
	}
	return NULL;
}

nd_err *name_remove(struct store *s, const char *name)
{
	char file[SHA256_HEX];
	name_file(name, file);
	if (unlinkat(s->names_fd, file, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "unlink", "the name %s", name);
	return NULL;
}
