/* Matching of image names: see name.h. */
#include "store/name.h"

#include <string.h>

#include "base/str.h"

/* The parts of a name that people leave out. */
static const char *cut_registry(const char *s)
{
	static const char *const prefixes[] = {
		"docker.io/library/", "docker.io/", "index.docker.io/library/", "localhost/"};
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_starts(s, prefixes[i]))
			return s + strlen(prefixes[i]);
	return s;
}

/* A colon behind the last slash begins a tag; one before it a port. */
static char *with_tag(const char *s)
{
	const char *slash = strrchr(s, '/');
	bool tagged = strchr(slash ? slash : s, ':') || strchr(s, '@');
	return str_fmt("%s%s", s, tagged ? "" : ":latest");
}

bool name_matches(const char *stored, const char *asked)
{
	_cleanup_free_ char *a = with_tag(stored), *b = with_tag(asked);
	return strcmp(a, b) == 0 || strcmp(cut_registry(a), cut_registry(b)) == 0;
}
