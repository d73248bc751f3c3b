/* From what the user calls an image to its id: a name, "sha256:HEX", or the first
 * digits of the id. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "store/name.h"
#include "store/record.h"

enum { PREFIX_MIN = 4 };

nd_err *store_ids(struct store *s, struct strv *ret)
{
	int fd = openat(s->images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(errno, "open", "%s/images", s->path);
	struct dirent *entry;
	while ((entry = readdir(d)))
		if (strlen(entry->d_name) == 69 && str_ends(entry->d_name, ".json"))
			strv_fmt(ret, "sha256:%.64s", entry->d_name);
	return NULL;
}

static nd_err *find_id(struct store *s, const char *asked, char **ret)
{
	const char *hex = id_hex(asked);
	_cleanup_strv_ struct strv ids = {0};
	size_t len = strlen(hex), found = 0;
	if (len < PREFIX_MIN || len > 64 || strspn(hex, "0123456789abcdef") != len)
		return NULL;
	TRY(store_ids(s, &ids));
	for (size_t i = 0; i < ids.n; i++)
		if (str_starts(id_hex(ids.v[i]), hex) && found++ == 0)
			*ret = str_dup(ids.v[i]);
	if (found < 2)
		return NULL;
	free(*ret);
	*ret = NULL;
	return err_invalid("'%s' begins the ids of %zu images; give more digits", asked, found);
}

nd_err *store_find(struct store *s, const char *asked, char **ret_id, char **ret_name)
{
	_cleanup_strv_ struct strv names = {0};
	*ret_id = *ret_name = NULL;
	TRY(name_get(s, asked, ret_id));
	if (*ret_id) {
		*ret_name = str_dup(asked);
		return NULL;
	}
	TRY(name_list(s, &names));
	const char *best = NULL, *name = NULL;
	for (size_t i = 0; i < names.n; i += 2) {
		if (!name_matches(names.v[i], asked))
			continue;
		if (best && strcmp(best, names.v[i + 1]) != 0)
			return err_invalid("'%s' could be several images; write its full name "
					   "(nidus image ls)",
				asked);
		best = names.v[i + 1];
		name = names.v[i];
	}
	if (best) {
		*ret_id = str_dup(best);
		*ret_name = str_dup(name);
		return NULL;
	}
	return find_id(s, asked, ret_id);
}
