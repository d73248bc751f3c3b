/* The life of a run from its options: names, signals, readiness, restart, log, health. */
#include <string.h>

#include "base/fd.h"
#include "cli/run_job.h"
#include "kernel/names.h"
#include "supervise/data.h"

static nd_err *prepare(struct run_request *r, void *arg)
{
	struct run_job *j = arg;
	if (j->wants_data)
		TRY(data_make(j->id, &r->spec.rootfs.state_dir));
	return run_network_prepare(j);
}

static nd_err *cleanup(const struct run_request *r, void *arg)
{
	struct run_job *j = arg;
	nd_err *e = NULL;
	if (j->net.state_fd >= 0)
		e = net_teardown(j->net.state_fd, j->id, &j->net_state);
	if (r->rm && r->spec.rootfs.state_dir) {
		nd_err *e2 = data_remove(r->spec.id);
		if (e)
			err_free(e2);
		else
			e = e2;
	}
	return e;
}

static nd_err *health(struct run_job *j)
{
	const struct run_opts *o = j->o;
	struct health_spec *h = &j->r.health;
	const struct image_health *image = &j->image.config.health;
	if (o->no_health || (o->health_cmd && str_eq(o->health_cmd, "none")))
		return NULL;
	if (o->health_cmd)
		TRY(health_cmd_parse(o->health_cmd, h));
	else if (image->test.n > 1 && str_eq(image->test.v[0], "CMD"))
		for (size_t i = 1; i < image->test.n; i++)
			strv_add(&h->argv, image->test.v[i]);
	else if (image->test.n > 1 && str_eq(image->test.v[0], "CMD-SHELL")) {
		strv_add(&h->argv, "/bin/sh");
		strv_add(&h->argv, "-c");
		strv_add(&h->argv, image->test.v[1]);
	}
	h->interval_ms = o->health_interval_ms ? o->health_interval_ms : image->interval_ms;
	h->timeout_ms = o->health_timeout_ms ? o->health_timeout_ms : image->timeout_ms;
	h->start_period_ms =
		o->health_start_period_ms ? o->health_start_period_ms : image->start_period_ms;
	h->retries = o->health_retries ? o->health_retries : image->retries;
	if (h->retries < 0)
		return err_invalid("--health-retries: must not be negative");
	return o->health_on_failure ? health_action_parse(o->health_on_failure, h) : NULL;
}

static nd_err *life(struct run_job *j)
{
	const struct run_opts *o = j->o;
	struct run_request *r = &j->r;
	const char *sig = o->stop_signal ? o->stop_signal : j->image.config.stop_signal;
	if (sig && !signal_number(sig, &r->stop_signal))
		return err_invalid("--stop-signal: '%s' is not a signal (as TERM or 15)", sig);
	if (o->has_stop_timeout) {
		if (o->stop_timeout_s < -1 || o->stop_timeout_s > INT32_MAX)
			return err_invalid("--stop-timeout: %lld is not a number of seconds",
				(long long)o->stop_timeout_s);
		r->stop_timeout_ms = o->stop_timeout_s < 0 ? INT32_MAX : o->stop_timeout_s * 1000;
	}
	if (o->restart)
		TRY(restart_parse(o->restart, &r->restart));
	if (r->restart.policy != RESTART_NO && o->rm)
		return err_invalid("--rm: cannot go with --restart");
	if (o->ready)
		TRY(ready_parse(o->ready, &r->ready));
	if (o->ready_timeout_ms && !o->ready)
		return err_invalid("--ready-timeout: wants --ready, which says what to wait for");
	r->ready_timeout_ms = o->ready_timeout_ms;
	r->deadline_ms = o->deadline_ms;
	if (o->log_driver)
		TRY(log_driver_parse(o->log_driver, &r->log));
	for (size_t i = 0; i < o->log_opts.n; i++)
		TRY(log_opt_parse(o->log_opts.v[i], &r->log));
	return health(j);
}

static nd_err *check_pairs(const char *option, const struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!*l->v[i] || *l->v[i] == '=')
			return err_invalid("--%s: '%s' is not KEY=VALUE", option, l->v[i]);
	return NULL;
}

nd_err *run_request_fill(struct run_job *j)
{
	const struct run_opts *o = j->o;
	struct run_request *r = &j->r;
	r->spec.id = str_dup(j->id);
	r->name = str_dup(o->name);
	r->replace = o->replace;
	r->detach = o->detach;
	r->rm = o->rm;
	r->interactive = o->interactive;
	r->sig_proxy = true;
	r->detach_keys = str_dup(o->detach_keys);
	r->pidfile = str_dup(o->pidfile);
	r->cidfile = str_dup(o->cidfile);
	TRY(check_pairs("label", &o->labels));
	TRY(check_pairs("annotation", &o->annotations));
	strv_copy(&r->labels, &o->labels);
	strv_copy(&r->annotations, &o->annotations);
	strv_copy(&r->volumes, &o->volumes);
	strv_copy(&r->ports, &o->publish);
	TRY(life(j));
	TRY(run_network(j));
	r->prepare = prepare;
	r->cleanup = cleanup;
	r->arg = j;
	r->tell.warning = run_warning;
	r->tell.started = run_started;
	r->tell.arg = j;
	return NULL;
}

void run_job_done(struct run_job *j)
{
	run_request_done(&j->r);
	store_root_done(&j->image);
	security_opts_done(&j->secopt);
	port_list_done(&j->net.ports);
	strv_done(&j->aliases);
	free(j->plan_json);
	plan_done(&j->plan);
	fd_close(j->net.state_fd);
	net_state_done(&j->net_state);
}
