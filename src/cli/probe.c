/* `nidus probe`: what this place really allows.  Asks, and prints the answers as a table, in
 * full, or as JSON (schema in docs/probe.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "base/near.h"
#include "base/spawn.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "kernel/names.h"
#include "probe/cache.h"
#include "probe/fact.h"

enum { SCHEMA_VERSION = 1, STATES = FACT_UNKNOWN + 1 };

struct probe_opts {
	bool json, list, fresh, check;
};

struct asked {
	const struct fact **list;
	struct fact_result *results;
	size_t n;
	int64_t elapsed_ms;
};

static const struct opt opts[] = {
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct probe_opts, json),
		.group = "Output",
		.help = "print JSON (schema in docs/probe.md)"},
	{.name = "list",
		.letter = 'l',
		.kind = OPT_FLAG,
		.offset = offsetof(struct probe_opts, list),
		.help = "list the facts and their questions without asking any"},
	{.name = "check",
		.letter = 'c',
		.kind = OPT_FLAG,
		.offset = offsetof(struct probe_opts, check),
		.help = "print only what does not work, and exit 1 if there is any"},
	{.name = "fresh",
		.kind = OPT_FLAG,
		.offset = offsetof(struct probe_opts, fresh),
		.group = "Asking",
		.help = "ask costly facts again instead of taking kept answers",
		.more = "Answers that cost more than a few milliseconds (kvm) are kept per boot, "
			"user "
			"namespace and binary."},
};

static void asked_done(struct asked *a)
{
	free(a->list);
	free(a->results);
}

static const char *state_colour(enum fact_state s)
{
	switch (s) {
	case FACT_WORKS:
		return "\033[32m";
	case FACT_DENIED:
	case FACT_ABSENT:
		return "\033[33m";
	case FACT_BROKEN:
		return "\033[31m";
	case FACT_UNKNOWN:
		break;
	}
	return "\033[35m";
}

static nd_err *unknown_name(const char *name)
{
	struct near near = {.word = name};
	_cleanup_strv_ struct strv also = {0};
	for (size_t i = 0; i < n_facts; i++) {
		near_offer(&near, facts[i].name);
		if (strstr(facts[i].name, name) && also.n < 4)
			strv_add(&also, facts[i].name);
	}
	if (near.best && !strv_has(&also, near.best))
		strv_add(&also, near.best);
	_cleanup_free_ char *text = strv_join(&also, ", ");
	nd_err *e = also.n ? err_invalid("there is no fact '%s'; near it: %s", name, text)
			   : err_invalid("there is no fact '%s'", name);
	return err_remedy(e, "'nidus probe --list' lists them; 'mount' and 'mount.*' mean all "
			     "that begin so.");
}

static bool is_wanted(const struct fact *f, char **names, size_t n_names)
{
	for (size_t k = 0; k < n_names; k++)
		if (fact_matches(f, names[k]))
			return true;
	return n_names == 0;
}

/* The facts that the operands name, each once; groups in the order in which the table
 * begins them, whole. */
static nd_err *choose(char **names, size_t n_names, struct asked *a)
{
	for (size_t k = 0; k < n_names; k++) {
		bool any = false;
		for (size_t i = 0; i < n_facts && !any; i++)
			any = fact_matches(&facts[i], names[k]);
		if (!any)
			return unknown_name(names[k]);
	}
	a->list = mem_alloc(n_facts * sizeof *a->list);
	a->results = mem_alloc(n_facts * sizeof *a->results);
	_cleanup_strv_ struct strv groups = {0};
	for (size_t i = 0; i < n_facts; i++) {
		if (strv_has(&groups, facts[i].group))
			continue;
		strv_add(&groups, facts[i].group);
		for (size_t k = i; k < n_facts; k++)
			if (str_eq(facts[k].group, facts[i].group) &&
				is_wanted(&facts[k], names, n_names))
				a->list[a->n++] = &facts[k];
	}
	return NULL;
}

static void print_list(const struct asked *a)
{
	const char *group = "";
	for (size_t i = 0; i < a->n; i++) {
		const struct fact *f = a->list[i];
		if (strcmp(group, f->group) != 0)
			printf("%s%s\n", i ? "\n" : "", f->group);
		group = f->group;
		printf("  %-26s  %s\n", f->name, f->question);
	}
}

/* What stands beside the state: the value, and the reason where it does not work. */
static void print_answer(const struct fact_result *r)
{
	bool why = r->state != FACT_WORKS && *r->reason;
	printf("%s%s%s\n", r->value, *r->value && why ? "; " : "", why ? r->reason : "");
}

static void print_table(const struct asked *a, bool only_failing)
{
	bool colour = print_coloured(stdout);
	const char *group = "";
	size_t width = 0, count[STATES] = {0};
	for (size_t i = 0; i < a->n; i++)
		if (strlen(a->list[i]->name) > width)
			width = strlen(a->list[i]->name);
	for (size_t i = 0; i < a->n; i++) {
		const struct fact *f = a->list[i];
		const struct fact_result *r = &a->results[i];
		count[r->state]++;
		if (only_failing && r->state == FACT_WORKS)
			continue;
		if (strcmp(group, f->group) != 0)
			printf("%s%s%s%s\n", *group ? "\n" : "", colour ? "\033[1m" : "", f->group,
				colour ? "\033[0m" : "");
		group = f->group;
		bool bare = !*r->value && (r->state == FACT_WORKS || !*r->reason);
		printf("  %-*s  %s%-*s%s%s", (int)width, f->name,
			colour ? state_colour(r->state) : "", bare ? 0 : 7,
			fact_state_name(r->state), colour ? "\033[0m" : "", bare ? "" : "  ");
		print_answer(r);
	}
	if (only_failing)
		return;
	printf("\n%zu fact%s:", a->n, a->n == 1 ? "" : "s");
	const char *sep = "";
	for (int s = 0; s < STATES; s++)
		if (count[s]) {
			printf("%s %zu %s", sep, count[s], fact_state_name((enum fact_state)s));
			sep = ",";
		}
	printf("; asked in %lld ms.  'nidus probe NAME' says how, and what would help.\n",
		(long long)a->elapsed_ms);
}

static void print_field(const char *label, const char *text)
{
	if (text && *text)
		printf("  %-9s %s\n", label, text);
}

static void print_full(const struct asked *a)
{
	bool colour = print_coloured(stdout);
	for (size_t i = 0; i < a->n; i++) {
		const struct fact *f = a->list[i];
		const struct fact_result *r = &a->results[i];
		const char *err = errno_name(r->errnum);
		char call[80] = "", took[64];
		if (r->errnum)
			snprintf(call, sizeof call, "%s: %s (%d)", r->op, err ? err : "?",
				r->errnum);
		snprintf(took, sizeof took, "%u.%03u ms%s", r->elapsed_us / 1000,
			r->elapsed_us % 1000,
			r->cached ? ", kept from earlier (--fresh asks again)" : "");
		printf("%s%s%s: %s%s%s\n", i ? "\n" : "", colour ? "\033[1m" : "", f->name,
			colour ? state_colour(r->state) : "", fact_state_name(r->state),
			colour ? "\033[0m" : "");
		print_field("question", f->question);
		print_field("value", r->value);
		print_field("reason", r->state == FACT_WORKS ? "" : r->reason);
		print_field("tried", f->how);
		print_field("seen", r->evidence);
		print_field("call", call);
		print_field("remedy", fact_remedy(f, r));
		print_field("took", took);
	}
}

static void json_text(struct json_out *o, const char *key, const char *text)
{
	jo_str(o, key, text && *text ? text : NULL);
}

static void json_fact(struct json_out *o, const struct fact *f, const struct fact_result *r)
{
	jo_open(o, NULL, '{');
	jo_str(o, "name", f->name);
	jo_str(o, "group", f->group);
	jo_str(o, "question", f->question);
	if (r) {
		jo_str(o, "state", fact_state_name(r->state));
		json_text(o, "value", r->value);
		json_text(o, "reason", r->state == FACT_WORKS ? NULL : r->reason);
		json_text(o, "op", r->errnum ? r->op : NULL);
		jo_str(o, "errno", errno_name(r->errnum));
		jo_int(o, "errnum", r->errnum);
		json_text(o, "evidence", r->evidence);
		json_text(o, "remedy", fact_remedy(f, r));
		jo_uint(o, "elapsed_us", r->elapsed_us);
		jo_bool(o, "cached", r->cached);
	}
	jo_str(o, "how", f->how);
	jo_bool(o, "costly", f->costly);
	jo_close(o, '}');
}

static void print_json(const struct asked *a, bool answers)
{
	struct json_out o = {.indent = 2};
	struct utsname u = {0};
	size_t count[STATES] = {0};
	uname(&u);
	jo_open(&o, NULL, '{');
	jo_str(&o, "schema", "nidus.probe");
	jo_int(&o, "schema_version", SCHEMA_VERSION);
	jo_str(&o, "nidus", NIDUS_VERSION);
	jo_open(&o, "kernel", '{');
	jo_str(&o, "name", u.sysname);
	jo_str(&o, "release", u.release);
	jo_str(&o, "version", u.version);
	jo_str(&o, "machine", u.machine);
	jo_close(&o, '}');
	jo_uint(&o, "uid", geteuid());
	jo_open(&o, "facts", '[');
	for (size_t i = 0; i < a->n; i++) {
		json_fact(&o, a->list[i], answers ? &a->results[i] : NULL);
		count[a->results[i].state]++;
	}
	jo_close(&o, ']');
	if (answers) {
		jo_open(&o, "count", '{');
		for (int s = 0; s < STATES; s++)
			jo_uint(&o, fact_state_name((enum fact_state)s), count[s]);
		jo_close(&o, '}');
		jo_int(&o, "elapsed_ms", a->elapsed_ms);
	}
	jo_close(&o, '}');
	puts(o.b.data);
	buf_done(&o.b);
}

static int probe_run(void *target, char **args, size_t n_args)
{
	const struct probe_opts *o = target;
	_cleanup_(asked_done) struct asked a = {0};
	nd_err *e = choose(args, n_args, &a);
	int64_t start = now_ms();
	if (!e && !o->list)
		e = fact_ask_cached(a.list, a.n, a.results, o->fresh);
	if (e)
		return print_error(e);
	a.elapsed_ms = now_ms() - start;
	if (o->json)
		print_json(&a, !o->list);
	else if (o->list)
		print_list(&a);
	else if (n_args && !o->check)
		print_full(&a);
	else
		print_table(&a, o->check);
	bool all = true;
	for (size_t i = 0; i < a.n; i++)
		all = all && a.results[i].state == FACT_WORKS;
	return o->check && !o->list && !all ? 1 : 0;
}

const struct cmd cmd_probe = {
	.name = "probe",
	.synopsis = "[options] [NAME...]",
	.brief = "show what this place really allows, by trying",
	.manual = "Asks one question after the other about the place: each is tried in a "
		  "throw-away child, which has to show that the thing does its job, not only that "
		  "a call succeeds. Nothing of a trial is left behind.\n\n"
		  "Each answer has a state: works; denied (the place refuses); absent (not there); "
		  "broken (there, but does not do its job); unknown (could not be asked).\n\n"
		  "Without NAME a table of all facts is printed. With names, each fact named is "
		  "shown in full: what was tried, what was seen, the call that decided, and what "
		  "would help. A name is a fact's whole name, the beginning of several up to a dot "
		  "(mount), or has * and ? in it.",
	.examples =
		"what does not work here\n$ nidus probe --check\n\n"
		"all about user namespaces and their id maps\n$ nidus probe userns userns.map\n\n"
		"one answer for a script\n$ nidus probe --check mount.overlay >/dev/null || echo "
		"no overlay",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct probe_opts),
	.max_args = -1,
	.run = probe_run,
};
