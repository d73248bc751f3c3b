/* `nidus image`: what is in the store, and bringing images in and out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/spawn.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "store/store.h"

struct image_opts {
	bool json;
	bool quiet;
};

static const struct opt opts[] = {
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct image_opts, json),
		.group = "Output",
		.help = "print JSON"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.offset = offsetof(struct image_opts, quiet),
		.help = "print ids only, and no progress"},
};

static void print_json(struct json_out *o)
{
	puts(o->b.data);
	buf_done(&o->b);
}

static void json_health(struct json_out *o, const struct image_health *h)
{
	if (!h->test.n) {
		jo_null(o, "healthcheck");
		return;
	}
	jo_open(o, "healthcheck", '{');
	jo_strv(o, "test", &h->test);
	jo_int(o, "interval_ms", h->interval_ms);
	jo_int(o, "timeout_ms", h->timeout_ms);
	jo_int(o, "start_period_ms", h->start_period_ms);
	jo_int(o, "retries", h->retries);
	jo_close(o, '}');
}

static void json_labels(struct json_out *o, const struct strv *labels)
{
	jo_open(o, "labels", '{');
	for (size_t i = 0; i < labels->n; i++) {
		_cleanup_free_ char *key = str_ndup(labels->v[i], strcspn(labels->v[i], "="));
		jo_str(o, key, labels->v[i] + strlen(key) + 1);
	}
	jo_close(o, '}');
}

static void json_config(struct json_out *o, const struct image_config *c)
{
	jo_str(o, "architecture", c->architecture);
	jo_str(o, "os", c->os);
	jo_str(o, "created", c->created);
	jo_strv(o, "env", &c->env);
	jo_strv(o, "entrypoint", &c->entrypoint);
	jo_strv(o, "cmd", &c->cmd);
	jo_str(o, "user", c->user);
	jo_str(o, "workdir", c->workdir);
	jo_str(o, "stop_signal", c->stop_signal);
	jo_strv(o, "ports", &c->ports);
	jo_strv(o, "volumes", &c->volumes);
	json_labels(o, &c->labels);
	json_health(o, &c->health);
	jo_strv(o, "diff_ids", &c->diff_ids);
}

static int list(const struct image_opts *o, char **args, size_t n_args)
{
	struct store_image *v;
	size_t n;
	nd_err *e = store_list(&v, &n);
	if (e)
		return print_error(e);
	struct json_out out = {.indent = 2};
	jo_open(&out, NULL, '[');
	if (!o->json && !o->quiet)
		printf("%-40s %-12s %9s  %s\n", "NAME", "ID", "SIZE", "IMPORTED");
	for (size_t i = 0; i < n; i++) {
		char when[32];
		time_text(v[i].imported_ms, when);
		_cleanup_free_ char *names = strv_join(&v[i].names, ", ");
		if (o->json) {
			jo_open(&out, NULL, '{');
			jo_str(&out, "id", v[i].id);
			jo_strv(&out, "names", &v[i].names);
			jo_uint(&out, "bytes", v[i].bytes);
			jo_uint(&out, "layers", v[i].config.diff_ids.n);
			jo_str(&out, "imported", when);
			jo_close(&out, '}');
		} else if (o->quiet) {
			puts(v[i].id);
		} else {
			printf("%-40s %.12s %6.1f MB  %.19sZ\n", *names ? names : "-", v[i].id + 7,
				(double)v[i].bytes / 1e6, when);
		}
	}
	jo_close(&out, ']');
	if (o->json)
		print_json(&out);
	buf_done(&out.b);
	store_list_free(v, n);
	return 0;
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
	fprintf(stderr, "\r%.1f of %.1f MB", (double)done / 1e6, (double)total / 1e6);
	if (done == total)
		fputs("\r\033[K", stderr);
	fflush(stderr);
	*(bool *)arg = done != total;
}

static nd_err *import_one(const struct image_opts *o, const char *text, struct store_root *root)
{
	_cleanup_ref_ struct root_ref ref = {0};
	bool line = false;
	struct store_opts so = {.arg = &line};
	if (!o->quiet && !o->json && isatty(STDERR_FILENO))
		so.progress = progress;
	TRY(ref_parse(text, &ref));
	if (ref.kind != REF_OCI && ref.kind != REF_DOCKER_ARCHIVE)
		return err_remedy(err_invalid("'%s' is nothing that can be imported", text),
			"Sources are oci:DIR[:TAG] and docker-archive:FILE[:REF].");
	nd_err *e = store_open(&ref, &so, root);
	if (line)
		fputc('\n', stderr);
	return e;
}

static void show_import(const struct image_opts *o, const struct store_root *root)
{
	struct json_out out = {.indent = 2};
	for (size_t i = 0; i < root->notes.n; i++)
		print_warning("%s", root->notes.v[i]);
	if (!o->json) {
		puts(root->id);
		return;
	}
	jo_open(&out, NULL, '{');
	jo_str(&out, "id", root->id);
	jo_strv(&out, "names", &root->names);
	jo_strv(&out, "layers", &root->layers);
	jo_strv(&out, "notes", &root->notes);
	jo_bool(&out, "squashed", root->squashed);
	jo_close(&out, '}');
	print_json(&out);
}

static int import(const struct image_opts *o, char **args, size_t n_args)
{
	for (size_t i = 0; i < n_args; i++) {
		_cleanup_store_root_ struct store_root root = {.lock_fd = -1};
		nd_err *e = import_one(o, args[i], &root);
		if (e)
			return print_error(e);
		show_import(o, &root);
	}
	return 0;
}

static int inspect(const struct image_opts *o, char **args, size_t n_args)
{
	struct json_out out = {.indent = 2};
	jo_open(&out, NULL, '[');
	for (size_t i = 0; i < n_args; i++) {
		_cleanup_store_root_ struct store_root root = {.lock_fd = -1};
		struct root_ref ref = {.kind = REF_IMAGE, .text = args[i], .tag = args[i]};
		nd_err *e = store_open(&ref, NULL, &root);
		if (e) {
			buf_done(&out.b);
			return print_error(e);
		}
		jo_open(&out, NULL, '{');
		jo_str(&out, "id", root.id);
		jo_strv(&out, "names", &root.names);
		json_config(&out, &root.config);
		jo_strv(&out, "layers", &root.layers);
		jo_strv(&out, "notes", &root.notes);
		jo_bool(&out, "squashed", root.squashed);
		jo_close(&out, '}');
	}
	jo_close(&out, ']');
	print_json(&out);
	return 0;
}

static int collect(const struct image_opts *o, char **args, size_t n_args)
{
	struct store_gc r;
	nd_err *e = store_gc(&r);
	if (e)
		return print_error(e);
	if (o->json) {
		struct json_out out = {.indent = 2};
		jo_open(&out, NULL, '{');
		jo_uint(&out, "layers", r.layers);
		jo_uint(&out, "debris", r.debris);
		jo_bool(&out, "busy", r.busy);
		jo_close(&out, '}');
		print_json(&out);
		return 0;
	}
	printf("removed %llu layers and %llu leftovers\n", (unsigned long long)r.layers,
		(unsigned long long)r.debris);
	if (r.busy)
		print_warning("an import is under way; unused layers were left alone");
	return 0;
}

static int remove_images(const struct image_opts *o, char **args, size_t n_args)
{
	struct store_gc r;
	for (size_t i = 0; i < n_args; i++) {
		_cleanup_free_ char *id = NULL;
		bool untagged;
		nd_err *e = store_remove(args[i], &id, &untagged);
		if (e)
			return print_error(e);
		printf("%s%s\n", o->quiet || !untagged ? "" : "untagged ", id);
	}
	nd_err *e = store_gc(&r);
	return e ? print_error(e) : 0;
}

static const struct {
	const char *name, *operands;
	size_t min, max;
	int (*run)(const struct image_opts *o, char **args, size_t n_args);
} subverbs[] = {
	{"ls", "", 0, 0, list},
	{"import", " SOURCE...", 1, SIZE_MAX, import},
	{"inspect", " IMAGE...", 1, SIZE_MAX, inspect},
	{"rm", " IMAGE...", 1, SIZE_MAX, remove_images},
	{"gc", "", 0, 0, collect},
};

static int image_run(void *target, char **args, size_t n_args)
{
	struct buf names = {0};
	for (size_t i = 0; i < ARRAY_SIZE(subverbs); i++) {
		buf_fmt(&names, "%s%s", i ? ", " : "", subverbs[i].name);
		if (strcmp(subverbs[i].name, args[0]) != 0)
			continue;
		buf_done(&names);
		if (n_args - 1 >= subverbs[i].min && n_args - 1 <= subverbs[i].max)
			return subverbs[i].run(target, args + 1, n_args - 1);
		return print_error(err_invalid("image %s: usage: nidus image %s [options]%s",
			args[0], args[0], subverbs[i].operands));
	}
	nd_err *e =
		err_invalid("image: there is no subverb '%s'; there are %s", args[0], names.data);
	buf_done(&names);
	return print_error(e);
}

const struct cmd cmd_image = {
	.name = "image",
	.synopsis = "ls | import SOURCE... | inspect IMAGE... | rm IMAGE... | gc",
	.brief = "show, import and remove images of the store",
	.manual =
		"The store is in /var/lib/nidus/store for root and in $XDG_DATA_HOME/nidus/store "
		"(by default ~/.local/share/nidus/store) for others; NIDUS_STORE_DIR names another "
		"directory in place of /var/lib/nidus. A SOURCE is oci:DIR[:TAG], an OCI image "
		"layout, or "
		"docker-archive:FILE[:REF], what docker save writes. An IMAGE is a name as ls "
		"prints it, or the first digits of an id.\n\n"
		"import checks all digests while it unpacks; an interrupted import leaves nothing "
		"that a later command would trust. rm takes a name away and, with the last name "
		"or by id, the image; one that a container uses stays. gc removes layers that no "
		"image needs and what interrupted imports left.",
	.examples = "Make a layout with skopeo and import it\n"
		    "$ skopeo copy docker-archive:hello.tar oci:hello:latest\n"
		    "$ nidus image import oci:hello:latest",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct image_opts),
	.min_args = 1,
	.max_args = -1,
	.run = image_run,
};
