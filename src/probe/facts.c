/* The table of facts.  A row is a question; its trial stands in the file of its subject.
 * The rows of a group stand in rows-GROUP.h, to be read as one table here. */
#include <fnmatch.h>
#include <string.h>

#include "base/str.h"
#include "probe/fact.h"
#include "probe/trials.h"

const struct fact facts[] = {
#include "probe/rows-virt.h"
#include "probe/rows-net.h"
#include "probe/rows-misc.h"
#include "probe/rows-namespace.h"
#include "probe/rows-mount.h"
#include "probe/rows-cgroup.h"
#include "probe/rows-process.h"
};

const size_t n_facts = sizeof facts / sizeof *facts;

const struct fact *fact_find(const char *name)
{
	for (size_t i = 0; i < n_facts; i++)
		if (strcmp(facts[i].name, name) == 0)
			return &facts[i];
	return NULL;
}

bool fact_matches(const struct fact *f, const char *pattern)
{
	if (strpbrk(pattern, "*?["))
		return fnmatch(pattern, f->name, 0) == 0;
	if (fact_find(pattern))
		return strcmp(f->name, pattern) == 0;
	const char *rest = str_after(f->name, pattern);
	return rest && (*rest == '.' || (rest > f->name && rest[-1] == '.'));
}

const char *fact_remedy(const struct fact *f, const struct fact_result *r)
{
	if (r->state == FACT_WORKS)
		return "";
	return *r->remedy ? r->remedy : f->remedy ? f->remedy : "";
}
