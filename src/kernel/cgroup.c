/* Which cgroup hierarchies this process is in: see cgroup.h. */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "kernel/mountinfo.h"

enum { CGROUP_TEXT_MAX = 1 << 20 };

/* PROC_CGROUP_INIT_INO of include/linux/proc_ns.h: the first cgroup namespace has a fixed inode. */
#define FIRST_CGROUP_NS 0xeffffffbul

static const struct {
	const char *v1, *v2;
} ctl_names[] = {{"cpu", "cpu"}, {"cpuacct", "cpuacct"}, {"cpuset", "cpuset"}, {"memory", "memory"},
	{"pids", "pids"}, {"devices", "devices"}, {"blkio", "io"}, {"freezer", "freezer"},
	{"hugetlb", "hugetlb"}, {"perf_event", "perf_event"}, {"net_cls", "net_cls"},
	{"net_prio", "net_prio"}, {"rdma", "rdma"}, {"misc", "misc"}, {"dmem", "dmem"}};

static bool name_is(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

uint32_t cgroup_ctl_bit(const char *name, size_t len)
{
	if (len >= 5 && memcmp(name, "name=", 5) == 0)
		return CTL_NAMED;
	for (size_t i = 0; i < ARRAY_SIZE(ctl_names); i++)
		if (name_is(ctl_names[i].v1, name, len) || name_is(ctl_names[i].v2, name, len))
			return 1u << i;
	return 0;
}

const char *cgroup_ctl_name(uint32_t bit, bool v2)
{
	for (size_t i = 0; i < ARRAY_SIZE(ctl_names); i++)
		if (bit == 1u << i)
			return v2 ? ctl_names[i].v2 : ctl_names[i].v1;
	return bit == CTL_NAMED ? "name" : "?";
}

uint32_t cgroup_ctl_list(const char *text, char sep)
{
	uint32_t bits = 0;
	const char seps[] = {sep, '\n', '\0'};
	for (const char *p = text; p && *p;) {
		size_t len = strcspn(p, seps);
		bits |= cgroup_ctl_bit(p, len);
		p += len + (p[len] != '\0');
	}
	return bits;
}

/* "5:cpu,cpuacct:/own" and "0::/own"; the path may hold colons. */
static bool parse_line(char *line, struct cgroup_hier *h)
{
	size_t digits = strspn(line, "0123456789");
	if (!digits || line[digits] != ':')
		return false;
	char *name = line + digits + 1;
	/* A v1 name given at mount time may hold anything but the path begins at ":/". */
	char *own = strstr(name, ":/");
	if (!own)
		return false;
	*own++ = '\0';
	bool v2 = *name == '\0';
	if (v2 && (digits != 1 || line[0] != '0'))
		return false;
	*h = (struct cgroup_hier){.name = name, .own = own, .v2 = v2};
	if (!v2)
		h->ctls = cgroup_ctl_list(name, ',');
	/* proc_cgroup_show marks a removed group so. */
	char *deleted = strstr(own, " (deleted)");
	if (deleted && deleted[10] == '\0')
		*deleted = '\0';
	return true;
}

void cgroup_place_parse(struct cgroup_place *p, struct buf *text)
{
	*p = (struct cgroup_place){.text = *text};
	*text = (struct buf){0};
	char *rest = p->text.data;
	while (rest && *rest && p->n < CGROUP_HIERS_MAX) {
		char *line = rest;
		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		if (parse_line(line, &p->hiers[p->n]))
			p->n++;
	}
}

nd_err *cgroup_place_read(struct cgroup_place *ret)
{
	_cleanup_fd_ int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		*ret = (struct cgroup_place){0};
		return NULL;
	}
	if (fd < 0)
		return err_sys(errno, "open", "/proc/self/cgroup");
	/* The kernel makes the text whole in one go: a short read is the end. */
	_cleanup_buf_ struct buf text = {0};
	char chunk[4096];
	ssize_t n;
	do {
		n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "read", "/proc/self/cgroup");
		buf_add(&text, chunk, (size_t)n);
	} while (n == sizeof chunk && text.len < CGROUP_TEXT_MAX);
	cgroup_place_parse(ret, &text);
	return NULL;
}

void cgroup_place_done(struct cgroup_place *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->hiers[i].mount);
	buf_done(&p->text);
	*p = (struct cgroup_place){0};
}

static void set_mount(struct cgroup_hier *h, char *mount, const char *below)
{
	free(h->mount);
	h->mount = mount;
	h->below = below;
}

void cgroup_mounts_usual(struct cgroup_place *p)
{
	bool any_v1 = false;
	for (size_t i = 0; i < p->n; i++)
		any_v1 |= !p->hiers[i].v2;
	for (size_t i = 0; i < p->n; i++) {
		struct cgroup_hier *h = &p->hiers[i];
		const char *name = str_starts(h->name, "name=") ? h->name + 5 : h->name;
		if (h->v2)
			set_mount(h, str_dup(any_v1 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup"),
				h->own);
		else
			set_mount(h, str_fmt("/sys/fs/cgroup/%s", name), h->own);
	}
}

/* Whether a v1 mount's super options name this hierarchy: all its controllers, or its name. */
static bool super_matches(const struct cgroup_hier *h, const char *super)
{
	char name[64];
	for (const char *s = h->name; *s;) {
		size_t len = strcspn(s, ",");
		if (len >= sizeof name)
			return false;
		memcpy(name, s, len);
		name[len] = '\0';
		if (!mount_has_option(super, name))
			return false;
		s += len + (s[len] == ',');
	}
	return true;
}

/* Outside of what our cgroup namespace shows. */
static bool is_above(const char *path)
{
	return str_starts(path, "/..") && (path[3] == '/' || path[3] == '\0');
}

/* The part of `own` below the mount's root, or NULL when the mount does not show it.
 * Both are as our cgroup namespace sees them: "/..", "/../.." lie above its root. */
static const char *below_root(const char *own, const char *root)
{
	if (strcmp(root, "/") == 0)
		return own;
	const char *rest = str_after(own, root);
	return rest && (*rest == '/' || *rest == '\0') && !is_above(rest) ? rest : NULL;
}

/* A mount may show more than our own part: made outside of our namespace, its root
 * reads "/../..".  How our group is called from there the kernel does not say; the way
 * down is not known, so such a mount is of no use. */
static void consider(struct cgroup_hier *h, const struct mountinfo *m)
{
	if (h->v2 ? strcmp(m->type, "cgroup2") != 0
		  : strcmp(m->type, "cgroup") != 0 || !super_matches(h, m->super))
		return;
	if (is_above(m->root) && !is_above(h->own))
		return;
	const char *below = below_root(h->own, m->root);
	if (!below)
		return;
	bool readonly = mount_has_option(m->options, "ro") || mount_has_option(m->super, "ro");
	/* A writable mount is better than a read-only one; then a later one covers an earlier. */
	if (h->mount && readonly && !h->readonly)
		return;
	set_mount(h, str_dup(m->target), below);
	h->readonly = readonly;
}

void cgroup_mounts_parse(struct cgroup_place *p, char *text, size_t len)
{
	struct mountinfo_iter it;
	struct mountinfo m;
	for (size_t i = 0; i < p->n; i++)
		set_mount(&p->hiers[i], NULL, NULL);
	mountinfo_start(&it, text, len);
	while (mountinfo_next(&it, &m)) {
		if (!str_starts(m.type, "cgroup"))
			continue;
		for (size_t i = 0; i < p->n; i++)
			consider(&p->hiers[i], &m);
	}
	p->mounts_read = true;
}

nd_err *cgroup_mounts_read(struct cgroup_place *p)
{
	_cleanup_buf_ struct buf text = {0};
	TRY(mountinfo_read(NULL, &text));
	cgroup_mounts_parse(p, text.data, text.len);
	return NULL;
}

bool cgroup_ns_is_first(void)
{
	struct stat st;
	return stat("/proc/self/ns/cgroup", &st) == 0 && st.st_ino == FIRST_CGROUP_NS;
}

struct cgroup_hier *cgroup_hier_v2(struct cgroup_place *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->hiers[i].v2)
			return &p->hiers[i];
	return NULL;
}

struct cgroup_hier *cgroup_hier_find(struct cgroup_place *p, uint32_t ctl)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->hiers[i].v2 && p->hiers[i].ctls & ctl)
			return &p->hiers[i];
	struct cgroup_hier *v2 = cgroup_hier_v2(p);
	return v2 && v2->ctls & ctl ? v2 : NULL;
}

char *cgroup_hier_path(const struct cgroup_hier *h, const char *sub)
{
	struct buf b = {0};
	buf_str(&b, h->mount);
	if (strcmp(h->below, "/") != 0)
		buf_str(&b, h->below);
	if (*sub)
		buf_fmt(&b, "/%s", sub);
	return buf_steal(&b);
}
