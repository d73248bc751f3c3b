/* Words for people: see print.h. */
#include "cli/print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cmds.h"

bool print_coloured(FILE *stream)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(fileno(stream)) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

int print_error_status(const nd_err *e)
{
	const char *code = err_find_code(e);
	if (str_eq(code, "exec-not-found"))
		return EXIT_NOCMD;
	if (str_eq(code, "exec-denied"))
		return EXIT_NOEXEC;
	if (str_eq(code, "deadline") || str_eq(code, "ready-timeout"))
		return EXIT_DEADLINE;
	return EXIT_NIDUS;
}

static void print_indented(const char *label, const char *text)
{
	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n");
		fprintf(stderr, "  %-7s %.*s\n", label, (int)n, line);
		label = "";
		line += n + (line[n] == '\n');
	}
}

int print_error(nd_err *e)
{
	_cleanup_free_ char *line = err_line(e);
	bool colour = print_coloured(stderr);
	fprintf(stderr, "%snidus:%s %s\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "",
		line);
	print_indented("detail:", err_find_detail(e));
	print_indented("remedy:", err_find_remedy(e));
	int status = print_error_status(e);
	err_free(e);
	return status;
}

void print_warning(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	_cleanup_free_ char *text = str_vfmt(fmt, ap);
	va_end(ap);
	fprintf(stderr, "nidus: warning: %s\n", text);
}
