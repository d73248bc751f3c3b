/* Subordinate ids: see subid.h. */
#include "kernel/subid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

bool passwd_name(uid_t uid, char *name, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	while (f && getline(&line, &cap, f) > 0) {
		char *colon = strchr(line, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
		if (!second || strtoul(second + 1, NULL, 10) != uid || second[1] == ':')
			continue;
		*colon = '\0';
		return snprintf(name, size, "%s", line) < (int)size;
	}
	return false;
}

static bool find_in(const char *path, uid_t uid, const char *name, struct subid_range *ret)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	while (f && getline(&line, &cap, f) > 0) {
		_cleanup_strv_ struct strv parts = {0};
		uint32_t id, start, count;
		strv_split(&parts, str_rtrim(line), ':');
		if (parts.n != 3 || !str_to_u32(parts.v[1], &start) ||
			!str_to_u32(parts.v[2], &count))
			continue;
		if (!str_eq(parts.v[0], name) && !(str_to_u32(parts.v[0], &id) && id == uid))
			continue;
		if (!count || start + count < start)
			continue;
		*ret = (struct subid_range){start, count};
		return true;
	}
	return false;
}

bool subid_find(uid_t uid, struct subid_range *ret_uids, struct subid_range *ret_gids)
{
	char name[256];
	const char *known = passwd_name(uid, name, sizeof name) ? name : NULL;
	return find_in("/etc/subuid", uid, known, ret_uids) &&
	       find_in("/etc/subgid", uid, known, ret_gids);
}
