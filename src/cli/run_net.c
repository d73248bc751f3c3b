/* The network of a run: from the options to net/, its hook and its end. */
#include "cli/run_job.h"

nd_err *run_network(struct run_job *j)
{
	j->r.network = str_dup(j->network);
	if (str_eq(j->network, "joined") || str_eq(j->network, "host") ||
		str_eq(j->network, "none") || !j->o->network)
		return NULL;
	return err_new(ND_ABSENT, "network-mode", "--network %s: is not there yet", j->network);
}
