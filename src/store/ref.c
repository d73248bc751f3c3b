/* Parsing of the ROOT operand: see ref.h.  `oci:` and `docker-archive:` take a colon
 * both in the path and before the tag; the longest leading part that exists is the
 * path, so a directory named "a:b" can be meant. */
#include "store/ref.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

const char ref_allowed[] = "ROOT is /, a directory, oci:DIR[:TAG], docker-archive:FILE[:REF] or "
			   "an image in the store (nidus image ls)";

static bool exists(const char *path, mode_t type)
{
	struct stat st;
	return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

/* Cuts "PATH[:TAG]" at the longest PATH of that type; at the first colon if none exists. */
static void split(const char *s, mode_t type, struct root_ref *r)
{
	const char *cut = exists(s, type) ? s + strlen(s) : NULL;
	for (const char *p = s + strlen(s); !cut && p > s; p--) {
		_cleanup_free_ char *lead = *p == ':' ? str_ndup(s, (size_t)(p - s)) : NULL;
		if (lead && exists(lead, type))
			cut = p;
	}
	if (!cut)
		cut = s + strcspn(s, ":");
	r->path = str_ndup(s, (size_t)(cut - s));
	r->tag = *cut ? str_dup(cut + 1) : NULL;
}

/* What an image's name may be made of: repository[:tag][@digest], or an id. */
static bool is_name(const char *s)
{
	if (!isalnum((unsigned char)*s) || strlen(s) > 512)
		return false;
	return s[strspn(s,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@+")] ==
	       '\0';
}

static nd_err *refuse(const char *text, const char *why)
{
	return err_remedy(err_invalid("ROOT '%s': %s", text, why), "%s.", ref_allowed);
}

static nd_err *parse_source(const char *text, const char *rest, mode_t type, struct root_ref *r)
{
	split(rest, type, r);
	if (!*r->path)
		return refuse(text, type == S_IFDIR
					    ? "the directory is missing after 'oci:'"
					    : "the file is missing after 'docker-archive:'");
	if (r->tag && !*r->tag)
		return refuse(text, "there is nothing after the last colon");
	return NULL;
}

static nd_err *parse(const char *text, struct root_ref *r)
{
	const char *rest;
	if (!*text)
		return err_remedy(err_invalid("ROOT is empty"), "%s.", ref_allowed);
	if (text[strspn(text, "/")] == '\0') {
		r->kind = REF_PLACE;
		return NULL;
	}
	if ((rest = str_after(text, "oci:"))) {
		r->kind = REF_OCI;
		return parse_source(text, rest, S_IFDIR, r);
	}
	if ((rest = str_after(text, "docker-archive:"))) {
		r->kind = REF_DOCKER_ARCHIVE;
		return parse_source(text, rest, S_IFREG, r);
	}
	struct stat st;
	bool there = stat(text, &st) == 0;
	bool is_path = *text == '/' || *text == '.';
	if (there && S_ISDIR(st.st_mode)) {
		r->kind = REF_DIR;
		r->path = str_dup(text);
		return NULL;
	}
	if (there && (is_path || strchr(text, '/')))
		return refuse(text, "is a file, not a directory");
	if (is_path)
		return refuse(text, "there is no such directory");
	if (!is_name(text))
		return refuse(text, "is neither a directory nor the name of an image");
	r->kind = REF_IMAGE;
	r->tag = str_dup(text);
	return NULL;
}

nd_err *ref_parse(const char *text, struct root_ref *ret)
{
	struct root_ref r = {.text = str_dup(text)};
	nd_err *e = parse(text, &r);
	if (e)
		ref_done(&r);
	else
		*ret = r;
	return e;
}

void ref_done(struct root_ref *r)
{
	free(r->text);
	free(r->path);
	free(r->tag);
	*r = (struct root_ref){0};
}
