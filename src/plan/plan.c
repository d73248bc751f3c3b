/* The plan: see plan.h. */
#include "plan/plan.h"

#include <stdarg.h>
#include <string.h>

struct plan_entry *plan_need(struct plan *p, const char *need)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->entries[i].need, need) == 0)
			return &p->entries[i];
	p->entries = mem_grow(p->entries, p->n + 1, sizeof *p->entries);
	p->entries[p->n] = (struct plan_entry){.need = str_dup(need)};
	return &p->entries[p->n++];
}

void plan_took(struct plan *p, const char *need, const char *rung, const char *promise, bool weaker)
{
	struct plan_entry *e = plan_need(p, need);
	free(e->rung);
	free(e->promise);
	e->rung = str_dup(rung);
	e->promise = str_dup(promise);
	e->weaker = weaker;
}

void plan_leave(
	struct plan *p, const char *need, const char *rung, const char *reason, const char *fact)
{
	struct plan_entry *e = plan_need(p, need);
	e->left = mem_grow(e->left, e->n_left + 1, sizeof *e->left);
	e->left[e->n_left++] = (struct plan_left){str_dup(rung), str_dup(reason), str_dup(fact)};
}

void plan_warn(struct plan *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	strv_take(&p->warnings, str_vfmt(fmt, ap));
	va_end(ap);
}

void plan_merge(struct plan *to, const struct plan *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct plan_entry *e = &from->entries[i];
		for (size_t k = 0; k < e->n_left; k++)
			plan_leave(
				to, e->need, e->left[k].rung, e->left[k].reason, e->left[k].fact);
		if (e->rung)
			plan_took(to, e->need, e->rung, e->promise, e->weaker);
	}
	strv_copy(&to->warnings, &from->warnings);
}

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct plan_entry *e = &p->entries[i];
		for (size_t k = 0; k < e->n_left; k++) {
			free(e->left[k].rung);
			free(e->left[k].reason);
			free(e->left[k].fact);
		}
		free(e->left);
		free(e->need);
		free(e->rung);
		free(e->promise);
	}
	free(p->entries);
	strv_done(&p->warnings);
	*p = (struct plan){0};
}

void plan_json(const struct plan *p, struct json_out *o, const char *key)
{
	jo_open(o, key, '{');
	jo_open(o, "needs", '[');
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_entry *e = &p->entries[i];
		jo_open(o, NULL, '{');
		jo_str(o, "need", e->need);
		jo_str(o, "rung", e->rung);
		jo_str(o, "promise", e->promise);
		jo_bool(o, "weaker", e->weaker);
		jo_open(o, "left", '[');
		for (size_t k = 0; k < e->n_left; k++) {
			jo_open(o, NULL, '{');
			jo_str(o, "rung", e->left[k].rung);
			jo_str(o, "reason", e->left[k].reason);
			jo_str(o, "fact", e->left[k].fact);
			jo_close(o, '}');
		}
		jo_close(o, ']');
		jo_close(o, '}');
	}
	jo_close(o, ']');
	jo_strv(o, "warnings", &p->warnings);
	jo_close(o, '}');
}
