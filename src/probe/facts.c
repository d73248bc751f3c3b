/* The table of facts.  A row is a question; its trial stands in the file of its subject.
 * The rows of a group stand in rows-GROUP.h, to be read as one table here. */
#include <string.h>

#include "probe/fact.h"
#include "probe/trials.h"

const struct fact facts[] = {
#include "probe/rows-virt.h"
#include "probe/rows-net.h"
#include "probe/rows-misc.h"
#include "probe/rows-namespace.h"
#include "probe/rows-mount.h"
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
