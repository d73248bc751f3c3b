/* `nidus run --dry-run`: the plan from facts.  Only the facts that the plan's ladders name
 * are asked; nothing is started, and nothing stays behind. */
#include <stdio.h>
#include <string.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/run_job.h"
#include "container/ladders.h"
#include "net/ladder.h"
#include "probe/fact.h"

struct asked {
	const struct fact *fact;
	struct fact_result result;
	char *reason;
};

struct answers {
	struct asked *v;
	size_t n;
};

static bool lookup(void *arg, const char *name, const char **ret_reason)
{
	struct answers *a = arg;
	struct asked *found = NULL;
	for (size_t i = 0; i < a->n && !found; i++)
		if (str_eq(a->v[i].fact->name, name))
			found = &a->v[i];
	if (!found) {
		const struct fact *f = fact_find(name);
		if (!f) {
			*ret_reason = "no such fact";
			return false;
		}
		a->v = mem_grow(a->v, a->n + 1, sizeof *a->v);
		found = &a->v[a->n++];
		*found = (struct asked){.fact = f};
		nd_err *e = fact_ask(f, &found->result);
		if (e) {
			found->result.state = FACT_UNKNOWN;
			err_free(e);
		}
		found->reason = str_fmt("%s%s%s", fact_state_name(found->result.state),
			*found->result.reason ? ", " : "", found->result.reason);
	}
	*ret_reason = found->reason;
	return found->result.state == FACT_WORKS;
}

static void print_plan(const struct plan *p, bool possible)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_entry *e = &p->entries[i];
		printf("%-12s %s%s%s%s\n", e->need, e->rung ? e->rung : "(nothing works)",
			e->promise ? " (" : "", e->promise ? e->promise : "",
			e->promise ? ")" : "");
		for (size_t k = 0; k < e->n_left; k++)
			printf("%-12s   not %s: %s\n", "", e->left[k].rung, e->left[k].reason);
	}
	for (size_t i = 0; i < p->warnings.n; i++)
		printf("warning: %s\n", p->warnings.v[i]);
	puts(possible ? "nidus would start it" : "nidus would refuse to start it");
}

nd_err *run_dry(struct run_job *j, int *ret_status)
{
	const struct ladder *ladders[LADDERS_MAX + 1];
	struct answers answers = {0};
	struct plan plan = {0};
	bool possible = true;
	size_t n = container_ladders(&j->r.spec, ladders);
	const struct ladder *net = net_ladder(j->net.mode);
	if (net)
		ladders[n++] = net;
	for (size_t i = 0; i < n; i++) {
		bool ok = ladder_predict(ladders[i], lookup, &answers, &plan);
		if (!ok && ladders[i]->refusal) {
			possible = false;
			plan_warn(&plan, "%s: %s", ladders[i]->need, ladders[i]->refusal);
		}
	}
	if (j->o->json) {
		struct json_out o = {.indent = 2};
		jo_open(&o, NULL, '{');
		jo_bool(&o, "possible", possible);
		plan_json(&plan, &o, "plan");
		jo_close(&o, '}');
		puts(o.b.data);
		buf_done(&o.b);
	} else {
		print_plan(&plan, possible);
	}
	for (size_t i = 0; i < answers.n; i++)
		free(answers.v[i].reason);
	free(answers.v);
	plan_done(&plan);
	*ret_status = possible ? 0 : EXIT_NIDUS;
	return NULL;
}
