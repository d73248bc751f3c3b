/* Device rules as a set, and v1's files: see devrules.h. */
#include "container/devrules.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

enum { LIST_MAX = 1 << 20 };

static unsigned access_bits(const char *access)
{
	unsigned bits = 0;
	for (size_t i = 0; i < 3 && access[i]; i++) {
		const char *at = strchr("mrw", access[i]);
		bits |= at ? 1u << (at - "mrw") : 0;
	}
	return bits;
}

static void set_access(struct device_rule *r, unsigned bits)
{
	size_t n = 0;
	memset(r->access, 0, sizeof r->access);
	for (size_t i = 0; i < 3; i++)
		if (bits & (i == 0 ? 2u : i == 1 ? 4u : 1u))
			r->access[n++] = "rwm"[i];
}

void devrule_text(const struct device_rule *r, char text[DEVRULE_TEXT])
{
	char major[24] = "*", minor[24] = "*";
	if (r->major >= 0)
		snprintf(major, sizeof major, "%" PRId64, r->major);
	if (r->minor >= 0)
		snprintf(minor, sizeof minor, "%" PRId64, r->minor);
	snprintf(text, DEVRULE_TEXT, "%c %s:%s %.3s", r->type, major, minor, r->access);
}

static bool parse_number(const char **p, int64_t *ret)
{
	if (**p == '*') {
		(*p)++;
		*ret = -1;
		return true;
	}
	int64_t v = 0;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		v = v * 10 + (**p - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*ret = v;
	return true;
}

bool devrule_parse(const char *text, struct device_rule *ret)
{
	struct device_rule r = {.allow = true, .type = text[0]};
	const char *p = text + 2;
	if (!text[0] || !strchr("abc", text[0]) || text[1] != ' ' || !parse_number(&p, &r.major) ||
		*p++ != ':' || !parse_number(&p, &r.minor) || *p++ != ' ')
		return false;
	size_t n = strspn(p, "rwm");
	if (!n || n > 3 || p[n])
		return false;
	set_access(&r, access_bits(p));
	*ret = r;
	return true;
}

static bool covers(const struct device_rule *a, const struct device_rule *b)
{
	return (a->type == 'a' || a->type == b->type) && (a->major < 0 || a->major == b->major) &&
	       (a->minor < 0 || a->minor == b->minor);
}

static bool narrow(int64_t a, int64_t b, int64_t *ret)
{
	if (a >= 0 && b >= 0 && a != b)
		return false;
	*ret = a >= 0 ? a : b;
	return true;
}

bool devrule_meet(const struct device_rule *a, const struct device_rule *b, struct device_rule *ret)
{
	struct device_rule r = {.allow = true, .type = a->type == 'a' ? b->type : a->type};
	if (a->type != 'a' && b->type != 'a' && a->type != b->type)
		return false;
	unsigned bits = access_bits(a->access) & access_bits(b->access);
	if (!bits || !narrow(a->major, b->major, &r.major) || !narrow(a->minor, b->minor, &r.minor))
		return false;
	set_access(&r, bits);
	*ret = r;
	return true;
}

struct rule_set {
	struct device_rule *v;
	size_t n;
};

/* The kernel wants one entry to allow the whole of an access (match_exception), so entries
 * that lie within another take over what that one allows. */
static void set_add(struct rule_set *s, struct device_rule r, unsigned bits)
{
	unsigned wider = 0;
	struct device_rule *same = NULL;
	for (size_t i = 0; i < s->n; i++) {
		struct device_rule *o = &s->v[i];
		bool within = covers(&r, o);
		if (within)
			set_access(o, access_bits(o->access) | bits);
		if (!covers(o, &r))
			continue;
		wider |= access_bits(o->access);
		if (within)
			same = o;
	}
	if (same || !(bits & ~wider))
		return;
	r.allow = true;
	set_access(&r, bits | wider);
	s->v = mem_grow(s->v, s->n + 1, sizeof *s->v);
	s->v[s->n++] = r;
}

/* Takes `deny` out; false where only a part of an allowance would have to go. */
static bool set_remove(struct rule_set *s, const struct device_rule *deny)
{
	unsigned gone = access_bits(deny->access);
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct device_rule r = s->v[i], both;
		unsigned bits = access_bits(r.access);
		if (bits & gone && covers(deny, &r))
			bits &= ~gone;
		else if (devrule_meet(deny, &r, &both))
			return false;
		if (!bits)
			continue;
		set_access(&r, bits);
		s->v[kept++] = r;
	}
	s->n = kept;
	return true;
}

nd_err *devrules_flatten(
	const struct device_rule *rules, size_t n, struct device_rule **ret, size_t *ret_n)
{
	struct rule_set s = {0};
	char text[DEVRULE_TEXT];
	for (size_t i = 0; i < n; i++) {
		/* "a" means every device and every access, whatever else the rule says. */
		struct device_rule r = rules[i];
		unsigned bits = access_bits(r.access);
		if (r.type == 'a' && r.major < 0 && r.minor < 0 && !bits)
			bits = 7;
		if (r.allow) {
			set_add(&s, r, bits);
			continue;
		}
		set_access(&r, bits);
		if (set_remove(&s, &r))
			continue;
		free(s.v);
		devrule_text(&rules[i], text);
		return err_remedy(
			err_invalid("device rule %zu (deny %s) takes a part out of a wider "
				    "allowance, which cgroup v1 cannot express",
				i + 1, text),
			"allow the devices one by one instead of by '*'");
	}
	*ret = s.v;
	*ret_n = s.n;
	return NULL;
}

static bool is_everything(const struct device_rule *r)
{
	return r->type == 'a' && r->major < 0 && r->minor < 0 &&
	       (access_bits(r->access) == 7 || !access_bits(r->access));
}

bool devrules_allow_all(const struct device_rule *rules, size_t n)
{
	bool all = false;
	for (size_t i = 0; i < n; i++)
		all = rules[i].allow ? all || is_everything(&rules[i]) : false;
	return all;
}

/* One allowance that was refused (EPERM): the group above allows less.  What both allow is
 * written line by line from its list. */
static nd_err *write_meet(const char *group, int allow_fd, const struct device_rule *r)
{
	_cleanup_buf_ struct buf list = {0};
	_cleanup_free_ char *above = str_dup(group);
	*strrchr(above, '/') = '\0';
	_cleanup_free_ char *path = str_fmt("%s/devices.list", above);
	TRY(file_read(AT_FDCWD, path, LIST_MAX, &list));
	for (char *line = list.data, *next; line && *line; line = next) {
		struct device_rule theirs, both;
		char text[DEVRULE_TEXT];
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!devrule_parse(line, &theirs) || !devrule_meet(r, &theirs, &both))
			continue;
		devrule_text(&both, text);
		if (write(allow_fd, text, strlen(text)) < 0 && errno != EPERM)
			return err_sys(errno, "write", "'%s' to %s/devices.allow", text, group);
	}
	return NULL;
}

nd_err *devrules_write_v1(const char *group, const struct device_rule *rules, size_t n)
{
	_cleanup_free_ struct device_rule *set = NULL;
	_cleanup_free_ char *deny = str_fmt("%s/devices.deny", group);
	_cleanup_free_ char *allow = str_fmt("%s/devices.allow", group);
	size_t count = 0;
	TRY(devrules_flatten(rules, n, &set, &count));
	if (!file_poke(AT_FDCWD, deny, "a"))
		return err_sys(errno, "write", "'a' to %s", deny);
	_cleanup_fd_ int fd = open(allow, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "open", "%s", allow);
	for (size_t i = 0; i < count; i++) {
		char text[DEVRULE_TEXT];
		devrule_text(&set[i], text);
		if (write(fd, text, strlen(text)) >= 0)
			continue;
		if (errno != EPERM)
			return err_sys(errno, "write", "'%s' to %s", text, allow);
		TRY(write_meet(group, fd, &set[i]));
	}
	return NULL;
}
