/* base/opt.c: any word list is parsed or refused with a text, operands stand last in order. */
#include <stdint.h>
#include <stdlib.h>

#include "base/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
	bool flag;
	char *str, *choice, *maybe;
	struct strv list;
	uint64_t bytes;
	int64_t ms, number;
	char *called;
};

static nd_err *parse_called(void *target, const struct opt *o, const char *value)
{
	struct target *t = target;
	if (str_eq(value, "bad"))
		return err_invalid("--%s: bad", o->name);
	free(t->called);
	t->called = str_dup(value);
	return NULL;
}

static const struct opt opts[] = {
	{"flag", 'f', OPT_FLAG, offsetof(struct target, flag), .help = "flag"},
	{"str", 's', OPT_STR, offsetof(struct target, str), "TEXT", .help = "text"},
	{"choice", 0, OPT_STR, offsetof(struct target, choice), "WHICH", .choices = "one|two",
		.help = "one of"},
	{"maybe", 'm', OPT_STR, offsetof(struct target, maybe), "TEXT", .optional = true,
		.help = "text or nothing"},
	{"list", 'l', OPT_STRV, offsetof(struct target, list), "TEXT", .help = "many"},
	{"bytes", 'b', OPT_BYTES, offsetof(struct target, bytes), "SIZE", .help = "size"},
	{"ms", 0, OPT_MS, offsetof(struct target, ms), "TIME", .help = "time"},
	{"number", 'n', OPT_INT, offsetof(struct target, number), "N", .help = "number"},
	{"called", 'c', OPT_CALL, 0, "TEXT", .help = "own parser", .parse = parse_called},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	/* The first byte chooses the verb's shape; newlines part the words. */
	struct cmd c = {.name = "verb",
		.synopsis = "",
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
		.target_size = sizeof(struct target),
		.stop_at_first = data[0] & 1,
		.min_args = data[0] & 2 ? 1 : 0,
		.max_args = data[0] & 4 ? 2 : -1};
	_cleanup_free_ char *text = str_ndup((const char *)data + 1, size - 1);
	_cleanup_strv_ struct strv words = {0};
	strv_add(&words, "verb");
	strv_split(&words, text, '\n');
	_cleanup_free_ char **argv = mem_alloc((words.n + 1) * sizeof *argv);
	for (size_t i = 0; i < words.n; i++)
		argv[i] = words.v[i];

	struct target t = {0};
	int first = -1;
	bool help = false;
	nd_err *e = opt_parse(&c, (int)words.n, argv, &t, &first, &help);
	_cleanup_free_ char *line = e ? err_line(e) : NULL;
	if (e ? !*line : (first < 1 || first > (int)words.n))
		abort();
	if (!e && !help)
		for (int i = first; i < (int)words.n; i++)
			if (!argv[i])
				abort();
	err_free(e);
	free(t.called);
	opt_done(&c, &t);
	return 0;
}
