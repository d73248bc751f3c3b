/* The process part as JSON: see procjson.h.  The filter stands there in base64, eight
 * bytes an instruction, as the kernel takes it. */
#include "supervise/procjson.h"

#include <limits.h>
#include <string.h>

#include "container/seccomp.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *base64(const unsigned char *data, size_t len)
{
	char *text = mem_alloc((len + 2) / 3 * 4 + 1), *p = text;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned v = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
			     (left > 2 ? data[i + 2] : 0);
		*p++ = digits[v >> 18];
		*p++ = digits[v >> 12 & 63];
		*p++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*p++ = left > 2 ? digits[v & 63] : '=';
	}
	return text;
}

/* Strict: whole groups of four, padding at the end only. */
static bool base64_read(const char *text, struct buf *ret)
{
	size_t n = strlen(text);
	if (n % 4)
		return false;
	for (size_t i = 0; i < n; i += 4) {
		unsigned v = 0;
		int pad = 0;
		for (size_t k = 0; k < 4; k++) {
			char c = text[i + k];
			const char *at = c ? strchr(digits, c) : NULL;
			if (c == '=' && i + 4 == n && k >= 2)
				pad++;
			else if (!at || pad)
				return false;
			v = v << 6 | (at ? (unsigned)(at - digits) : 0);
		}
		const unsigned char bytes[] = {
			(unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
		buf_add(ret, bytes, (size_t)(3 - pad));
	}
	return true;
}

static void seccomp_json(struct json_out *o, const struct seccomp_filter *f)
{
	if (!f)
		return;
	_cleanup_free_ char *text =
		base64((const unsigned char *)f->insns, f->n * sizeof *f->insns);
	jo_str(o, "seccomp", text);
	jo_uint(o, "seccomp_flags", f->flags);
}

void process_json(struct json_out *o, const char *key, const struct container_spec *s)
{
	const struct cap_sets *c = &s->caps;
	jo_open(o, key, '{');
	jo_strv(o, "env", &s->env);
	jo_str(o, "cwd", s->cwd);
	jo_str(o, "user", s->user);
	jo_uint(o, "uid", s->uid);
	jo_uint(o, "gid", s->gid);
	jo_open(o, "groups", '[');
	for (size_t i = 0; i < s->n_groups; i++)
		jo_uint(o, NULL, s->groups[i]);
	jo_close(o, ']');
	jo_strv(o, "group_add", &s->group_add);
	jo_int(o, "umask", s->umask);
	jo_bool(o, "no_new_privs", s->no_new_privs);
	jo_str(o, "apparmor", s->apparmor);
	jo_str(o, "selinux", s->selinux);
	const uint64_t sets[] = {
		c->bounding, c->effective, c->permitted, c->inheritable, c->ambient};
	jo_open(o, "caps", '[');
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		jo_uint(o, NULL, sets[i]);
	jo_close(o, ']');
	jo_open(o, "rlimits", '[');
	for (size_t i = 0; i < s->n_rlimits; i++) {
		jo_open(o, NULL, '[');
		jo_int(o, NULL, s->rlimits[i].resource);
		jo_uint(o, NULL, s->rlimits[i].limit.rlim_cur);
		jo_uint(o, NULL, s->rlimits[i].limit.rlim_max);
		jo_close(o, ']');
	}
	jo_close(o, ']');
	seccomp_json(o, s->seccomp);
	jo_close(o, '}');
}

static nd_err *numbers(const struct json_at *a, uint64_t *v, size_t n)
{
	if (json_arr_len(a) != n)
		return json_err(a, "must have %zu numbers", n);
	for (size_t i = 0; i < n; i++) {
		struct json_at at = json_arr_at(a, i);
		TRY(json_u64(&at, &v[i]));
	}
	return NULL;
}

static nd_err *seccomp_read(const struct json_at *at, struct container_spec *s)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf bytes = {0};
	TRY(json_get_str(at, "seccomp", &text));
	if (!text)
		return NULL;
	if (!base64_read(text, &bytes) || !bytes.len || bytes.len % sizeof(struct sock_filter))
		return json_err(at, "its seccomp filter is damaged");
	struct seccomp_filter *f = mem_alloc(sizeof *f);
	uint32_t flags = 0;
	f->n = bytes.len / sizeof *f->insns;
	f->insns = mem_alloc(bytes.len);
	memcpy(f->insns, bytes.data, bytes.len);
	s->seccomp = f;
	TRY(json_get_u32(at, "seccomp_flags", &flags));
	f->flags = flags;
	return NULL;
}

nd_err *process_read(const struct json_at *at, struct container_spec *s)
{
	struct json_at list;
	uint64_t caps[5] = {0};
	int64_t mask = -1;
	TRY(json_get_strv(at, "env", &s->env));
	TRY(json_get_str(at, "cwd", &s->cwd));
	TRY(json_get_str(at, "user", &s->user));
	TRY(json_get_u32(at, "uid", &s->uid));
	TRY(json_get_u32(at, "gid", &s->gid));
	TRY(json_get_strv(at, "group_add", &s->group_add));
	TRY(json_get_i64(at, "umask", &mask));
	s->umask = (int)mask;
	TRY(json_get_bool(at, "no_new_privs", &s->no_new_privs));
	TRY(json_get_str(at, "apparmor", &s->apparmor));
	TRY(json_get_str(at, "selinux", &s->selinux));
	TRY(json_get_arr(at, "groups", &list));
	s->n_groups = json_arr_len(&list);
	s->groups = mem_alloc(s->n_groups * sizeof *s->groups);
	for (size_t i = 0; i < s->n_groups; i++) {
		struct json_at one = json_arr_at(&list, i);
		uint64_t gid;
		TRY(json_u64(&one, &gid));
		s->groups[i] = (gid_t)gid;
	}
	TRY(json_get_arr(at, "caps", &list));
	TRY(numbers(&list, caps, 5));
	s->caps = (struct cap_sets){caps[0], caps[1], caps[2], caps[3], caps[4]};
	TRY(json_get_arr(at, "rlimits", &list));
	for (size_t i = 0; i < json_arr_len(&list); i++) {
		struct json_at one = json_arr_at(&list, i);
		uint64_t v[3];
		TRY(numbers(&one, v, 3));
		spec_add_rlimit(s, (int)v[0], v[1], v[2]);
	}
	return seccomp_read(at, s);
}
