/* Reader of /proc/PID/mountinfo: see mountinfo.h.  The kernel escapes space, tab,
 * newline, backslash (and '#' in sources) as three octal digits (seq_escape), hence
 * fields split at single spaces. */
#include "kernel/mountinfo.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

enum { MOUNTINFO_MAX = 64 << 20 };

void mountinfo_start(struct mountinfo_iter *it, char *text, size_t len)
{
	*it = (struct mountinfo_iter){.p = text, .end = text ? text + len : NULL};
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* "\040" to " "; anything else after a backslash stays as it is. */
static void unescape(char *s)
{
	char *to = strchr(s, '\\');
	if (!to)
		return;
	for (const char *from = to; *from;) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && is_octal(from[2]) &&
			is_octal(from[3])) {
			char c = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
					(from[3] - '0'));
			/* An escaped NUL would hide the rest of the name. */
			if (c) {
				*to++ = c;
				from += 4;
				continue;
			}
		}
		*to++ = *from++;
	}
	*to = '\0';
}

/* Cuts the next field off; NULL when the line is used up. */
static char *field(char **rest)
{
	char *s = *rest;
	if (!s)
		return NULL;
	char *space = strchr(s, ' ');
	if (space)
		*space = '\0';
	*rest = space ? space + 1 : NULL;
	return s;
}

static bool number(const char **s, unsigned max, unsigned *ret)
{
	unsigned long v = 0;
	const char *p = *s;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (unsigned long)(*p - '0');
		if (v > max)
			return false;
	}
	if (p == *s)
		return false;
	*s = p;
	*ret = (unsigned)v;
	return true;
}

static bool whole_id(const char *s, int *ret)
{
	unsigned v;
	if (!s || !number(&s, 0x7fffffff, &v) || *s)
		return false;
	*ret = (int)v;
	return true;
}

static bool device(const char *s, struct mountinfo *m)
{
	if (!s || !number(&s, 0xffffffff, &m->major) || *s++ != ':')
		return false;
	return number(&s, 0xffffffff, &m->minor) && *s == '\0';
}

/* Optional fields run up to a lone "-"; returns them joined, *rest behind the dash. */
static char *tags(char **rest)
{
	char *s = *rest;
	if (!s)
		return NULL;
	if (strncmp(s, "- ", 2) == 0) {
		*rest = s + 2;
		s[0] = '\0';
		return s;
	}
	char *dash = strstr(s, " - ");
	if (!dash)
		return NULL;
	*dash = '\0';
	*rest = dash + 3;
	return s;
}

static bool parse_line(char *line, struct mountinfo *m)
{
	char *rest = line;
	if (!whole_id(field(&rest), &m->id) || !whole_id(field(&rest), &m->parent) ||
		!device(field(&rest), m))
		return false;
	m->root = field(&rest);
	m->target = field(&rest);
	m->options = field(&rest);
	m->tags = tags(&rest);
	if (!m->options || !m->tags)
		return false;
	m->type = field(&rest);
	m->source = field(&rest);
	/* Super options may hold spaces where a file system does not escape them. */
	m->super = rest;
	if (!m->type || !*m->type || !m->source || !m->super)
		return false;
	unescape(m->root);
	unescape(m->target);
	unescape(m->type);
	unescape(m->source);
	unescape(m->super);
	return m->target[0] == '/';
}

bool mountinfo_next(struct mountinfo_iter *it, struct mountinfo *ret)
{
	while (it->p < it->end) {
		char *line = it->p;
		char *end = memchr(line, '\n', (size_t)(it->end - line));
		if (!end)
			end = it->end;
		*end = '\0';
		it->p = end < it->end ? end + 1 : it->end;
		struct mountinfo m;
		/* A NUL inside would make the line look shorter than it is. */
		if (strlen(line) == (size_t)(end - line) && parse_line(line, &m)) {
			*ret = m;
			return true;
		}
		if (end > line)
			it->bad++;
	}
	return false;
}

bool mount_has_option(const char *options, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = options; p && *p;) {
		size_t len = strcspn(p, ",");
		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

nd_err *mountinfo_read(const char *path, struct buf *ret)
{
	if (!path)
		path = "/proc/self/mountinfo";
	return file_read(AT_FDCWD, path, MOUNTINFO_MAX, ret);
}
