/* User look-up: see user.h, passwd(5), group(5).  Nothing here uses the C library's
 * getpwnam(3): that one reads the host's files and loads its plug-ins. */
#include "container/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/sys.h"

enum {
	ID_MAX = INT32_MAX,     /* podman's bound; (uid_t)-1 must never pass for an id */
	LINE_MAX_LEN = 1 << 20, /* a longer line is passed over */
	FILE_MAX = 64 << 20,    /* what comes after is not read */
	HOME_MAX = 4096,
	GROUPS_MAX = 65536, /* NGROUPS_MAX of the kernel */
};

static bool parse_id(const char *s, uint32_t *ret)
{
	uint64_t v;
	if (!str_to_u64(s, &v) || v > ID_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Cuts at ':' into up to n fields; the number of fields met. */
static size_t cut_fields(char *line, char **fields, size_t n)
{
	size_t count = 0;
	for (char *p = line; p && count < n; count++) {
		fields[count] = p;
		p = strchr(p, ':');
		if (p)
			*p++ = '\0';
	}
	return count;
}

bool passwd_parse(char *line, struct passwd_line *ret)
{
	char *f[7];
	size_t n = cut_fields(line, f, 7);
	if (n < 4 || !*f[0] || *f[0] == '#' || !parse_id(f[2], &ret->uid) ||
		!parse_id(f[3], &ret->gid))
		return false;
	ret->name = f[0];
	ret->home = n > 5 && *f[5] && strlen(f[5]) < HOME_MAX ? f[5] : "/";
	return true;
}

bool group_parse(char *line, struct group_line *ret)
{
	static char none[1];
	char *f[4];
	size_t n = cut_fields(line, f, 4);
	if (n < 3 || !*f[0] || *f[0] == '#' || !parse_id(f[2], &ret->gid))
		return false;
	ret->name = f[0];
	ret->members = n > 3 ? f[3] : none;
	return true;
}

/* Calls fn for each line of a container's file until it says stop.  A file that is not
 * there, or is no plain file, has no lines: *ret_why says so, for an error later on. */
static void each_line(
	int root_fd, const char *path, bool (*fn)(char *line, void *arg), void *arg, int *ret_why)
{
	/* O_NONBLOCK: a fifo in its place must not hold us up. */
	_cleanup_fd_ int fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	*ret_why = 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		*ret_why = errno;
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		*ret_why = EINVAL;
		return;
	}
	_cleanup_buf_ struct buf line = {0};
	char chunk[4096];
	size_t total = 0;
	bool skipping = false, stop = false;
	for (ssize_t n; !stop && total < FILE_MAX && (n = read(fd, chunk, sizeof chunk)) > 0;) {
		total += (size_t)n;
		for (char *p = chunk, *end = chunk + n; p < end && !stop;) {
			char *eol = memchr(p, '\n', (size_t)(end - p));
			size_t len = (size_t)((eol ? eol : end) - p);
			skipping |= line.len + len > LINE_MAX_LEN || memchr(p, '\0', len);
			if (!skipping)
				buf_add(&line, p, len);
			if (!eol)
				break;
			p = eol + 1;
			if (!skipping && line.len)
				stop = fn(line.data, arg);
			line.len = 0;
			skipping = false;
		}
	}
	if (!stop && !skipping && line.len)
		fn(line.data, arg);
}

struct passwd_search {
	const char *name; /* NULL: by uid */
	uid_t uid;
	bool found;
	gid_t gid;
	char *home, *found_name;
};

static bool match_passwd(char *line, void *arg)
{
	struct passwd_search *s = arg;
	struct passwd_line p;
	if (!passwd_parse(line, &p))
		return false;
	if (s->name ? strcmp(s->name, p.name) != 0 : s->uid != p.uid)
		return false;
	s->found = true;
	s->uid = p.uid;
	s->gid = p.gid;
	s->home = str_dup(p.home);
	s->found_name = str_dup(p.name);
	return true;
}

/* One pass over /etc/group serves the explicit group, membership and --group-add. */
struct group_search {
	const char *wanted; /* name of the explicit group; NULL: none */
	const char *member; /* user whose groups are collected; NULL: none */
	const struct strv *add;
	bool *add_found;
	bool found;
	gid_t gid;
	struct user_info *u;
};

static void add_group(struct user_info *u, gid_t gid)
{
	for (size_t i = 0; i < u->n_groups; i++)
		if (u->groups[i] == gid)
			return;
	if (u->n_groups >= GROUPS_MAX)
		return;
	if ((u->n_groups & (u->n_groups - 1)) == 0)
		u->groups =
			mem_grow(u->groups, u->n_groups ? 2 * u->n_groups : 1, sizeof *u->groups);
	u->groups[u->n_groups++] = gid;
}

static bool has_member(char *members, const char *user)
{
	size_t len = strlen(user);
	for (char *p = members; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, user, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

static bool match_group(char *line, void *arg)
{
	struct group_search *s = arg;
	struct group_line g;
	if (!group_parse(line, &g))
		return false;
	if (s->wanted && !s->found && strcmp(s->wanted, g.name) == 0) {
		s->found = true;
		s->gid = g.gid;
	}
	if (s->member && has_member(g.members, s->member))
		add_group(s->u, g.gid);
	for (size_t i = 0; s->add && i < s->add->n; i++) {
		if (!s->add_found[i] && strcmp(s->add->v[i], g.name) == 0) {
			s->add_found[i] = true;
			add_group(s->u, g.gid);
		}
	}
	return false;
}

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static nd_err *out_of_range(const char *what, const char *text)
{
	return err_invalid("%s %s is out of range; allowed are 0 to %d", what, text, ID_MAX);
}

static nd_err *not_found(const char *option, const char *name, const char *path, int why)
{
	nd_err *e = err_new(ND_INVALID, "user-not-found", "%s: '%s' is not in the container's %s",
		option, name, path);
	if (why)
		err_detail(e, "%s in the container: %s", path,
			why == EINVAL ? "not a plain file" : strerror(why));
	return err_remedy(e, "Use a number, or add the entry to the root's %s.", path);
}

static nd_err *find_user(int root_fd, const char *name, struct passwd_search *s)
{
	int why;
	if (is_number(name)) {
		if (!parse_id(name, &s->uid))
			return out_of_range("--user: uid", name);
	} else if (*name) {
		s->name = name;
	}
	each_line(root_fd, "/etc/passwd", match_passwd, s, &why);
	return s->name && !s->found ? not_found("--user", name, "/etc/passwd", why) : NULL;
}

/* Numbers of --group-add; names stay for the file. */
static nd_err *add_numbers(const struct strv *add, bool *found, struct user_info *u)
{
	for (size_t i = 0; add && i < add->n; i++) {
		gid_t gid;
		if (str_eq(add->v[i], "keep-groups")) {
			if (add->n > 1)
				return err_invalid("--group-add: keep-groups excludes any other");
			u->keep_groups = found[i] = true;
		} else if (is_number(add->v[i])) {
			if (!parse_id(add->v[i], &gid))
				return out_of_range("--group-add: gid", add->v[i]);
			add_group(u, gid);
			found[i] = true;
		}
	}
	return NULL;
}

static nd_err *find_groups(int root_fd, const char *group, const char *member,
	const struct strv *add, struct user_info *u)
{
	_cleanup_free_ bool *found = mem_alloc((add ? add->n : 0) + 1);
	struct group_search s = {.add = add, .add_found = found, .u = u};
	int why = 0;
	bool names = false;
	TRY(add_numbers(add, found, u));
	for (size_t i = 0; add && i < add->n; i++)
		names |= !found[i];
	if (!group)
		s.member = member;
	else if (!is_number(group))
		s.wanted = group;
	else if (!parse_id(group, &u->gid))
		return out_of_range("--user: gid", group);
	if (s.member || s.wanted || names)
		each_line(root_fd, "/etc/group", match_group, &s, &why);
	if (s.wanted && !s.found)
		return not_found("--user", group, "/etc/group", why);
	if (s.wanted)
		u->gid = s.gid;
	for (size_t i = 0; add && i < add->n; i++)
		if (!found[i])
			return not_found("--group-add", add->v[i], "/etc/group", why);
	return NULL;
}

nd_err *user_resolve(
	int root_fd, const char *user, const struct strv *group_add, struct user_info *ret)
{
	_cleanup_free_ char *name = str_dup(user ? user : "");
	_cleanup_user_ struct user_info u = {0};
	struct passwd_search s = {0};
	char *group = strchr(name, ':');
	if (group)
		*group++ = '\0';
	if (group && strchr(group, ':'))
		return err_invalid("--user: '%s' is not USER[:GROUP]", user);
	if (group && !*group)
		group = NULL;
	nd_err *e = find_user(root_fd, name, &s);
	u.uid = s.uid;
	u.gid = s.gid;
	u.home = s.home ? s.home : str_dup("/");
	if (!e)
		e = find_groups(root_fd, group, s.found_name, group_add, &u);
	free(s.found_name);
	if (e)
		return e;
	*ret = u;
	u = (struct user_info){0};
	return NULL;
}

void user_done(struct user_info *u)
{
	free(u->groups);
	free(u->home);
	*u = (struct user_info){0};
}
