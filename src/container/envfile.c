/* --env and --env-file: see envfile.h.  A value is everything behind the first '=', blanks
 * and quotes too; only blanks before the name, and a carriage return at the end of a line
 * of a file, go. */
#include "container/envfile.h"

#include <string.h>

#include "base/fd.h"

enum { FILE_MAX = 16 << 20 };

nd_err *env_add(struct strv *env, const char *text, char *const *host, const char *where)
{
	const char *name = text + strspn(text, " \t\v\f\r");
	size_t len = strcspn(name, "=");
	if (len == 0)
		return err_remedy(err_invalid("%s: '%s' has no name", where, text),
			"Write NAME=VALUE, NAME, or PREFIX*.");
	if (name[len] == '=') {
		env_set(env, name);
		return NULL;
	}
	bool prefix = name[len - 1] == '*';
	len -= prefix;
	for (; host && *host; host++)
		if (strncmp(*host, name, len) == 0 && strchr(*host, '=') &&
			(prefix || (*host)[len] == '='))
			env_set(env, *host);
	return NULL;
}

nd_err *env_file_parse(
	struct strv *env, const char *name, const char *text, size_t len, char *const *host)
{
	const char *end = text + len;
	size_t number = 1;
	for (const char *p = text; p < end; number++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((eol ? eol : end) - p);
		if (memchr(p, '\0', n))
			return err_invalid("%s:%zu: contains a NUL character", name, number);
		_cleanup_free_ char *line = str_ndup(p, n && p[n - 1] == '\r' ? n - 1 : n);
		_cleanup_free_ char *where = str_fmt("%s:%zu", name, number);
		const char *first = line + strspn(line, " \t\v\f\r");
		if (*first && *first != '#')
			TRY(env_add(env, first, host, where));
		p = eol ? eol + 1 : end;
	}
	return NULL;
}

nd_err *env_file_load(struct strv *env, int dir_fd, const char *path, char *const *host)
{
	_cleanup_buf_ struct buf text = {0};
	TRY_WRAP(file_read(dir_fd, path, FILE_MAX, &text), "--env-file");
	return env_file_parse(env, path, text.data ? text.data : "", text.len, host);
}
