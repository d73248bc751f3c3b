/* Tests of supervise/logfile.c and logread.c: what is written is read back, however it came in,
 * through rotation and with both formats. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "supervise/logfile.h"

static char base[64];
static int dir_fd;

static int begin(void **state)
{
	snprintf(base, sizeof base, "/tmp/nidus-test-log.XXXXXX");
	if (!mkdtemp(base))
		return -1;
	dir_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0;
}

static int end(void **state)
{
	close(dir_fd);
	nd_err *e = tree_remove(AT_FDCWD, base);
	int failed = e != NULL;
	err_free(e);
	return failed;
}

struct got {
	struct buf out, err;
	size_t entries, most;
};

static bool entry(void *arg, const struct log_entry *e)
{
	struct got *g = arg;
	buf_add(e->stream == LOG_STDERR ? &g->err : &g->out, e->text, e->len);
	return ++g->entries != g->most;
}

static struct got read_back(int64_t tail)
{
	struct got g = {0};
	struct log_query q = {.tail = tail, .entry = entry, .arg = &g};
	assert_null(log_read(dir_fd, &q));
	return g;
}

static void got_done(struct got *g)
{
	buf_done(&g->out);
	buf_done(&g->err);
}

static void round_trip(enum log_driver driver)
{
	struct log_writer w;
	struct log_spec spec = {.driver = driver};
	static const char nasty[] = "tab\t quote\" back\\ caf\xc3\xa9\n\n  spaced \nno end";
	assert_null(log_open(&w, dir_fd, &spec));
	log_write(&w, LOG_STDOUT, nasty, strlen(nasty));
	log_write(&w, LOG_STDERR, "oh\n", 3);
	log_write(&w, LOG_STDOUT, ", now\n", 6);
	log_close(&w);
	struct got g = read_back(-1);
	assert_string_equal(
		g.out.data, "tab\t quote\" back\\ caf\xc3\xa9\n\n  spaced \nno end, now\n");
	assert_string_equal(g.err.data, "oh\n");
	got_done(&g);
	g = read_back(2);
	assert_string_equal(g.err.data, "oh\n");
	assert_string_equal(g.out.data, "no end, now\n");
	got_done(&g);
	g = read_back(0);
	assert_null(g.out.data);
	got_done(&g);
	assert_int_equal(unlinkat(dir_fd, "log", 0), 0);
}

static void formats(void **state)
{
	round_trip(LOG_K8S);
	round_trip(LOG_JSON);
}

static void rotation(void **state)
{
	struct log_writer w;
	struct log_spec spec = {.max_size = 4096, .max_files = 3};
	assert_null(log_open(&w, dir_fd, &spec));
	for (int i = 0; i < 1000; i++) {
		char line[32];
		int n = snprintf(line, sizeof line, "line %d\n", i);
		log_write(&w, LOG_STDOUT, line, (size_t)n);
	}
	/* One line longer than a whole file. */
	static char longest[10000];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\n';
	log_write(&w, LOG_STDOUT, longest, sizeof longest);
	log_write(&w, LOG_STDOUT, "the end\n", 8);
	log_close(&w);
	for (int i = 0; i < 3; i++) {
		char name[16];
		struct stat st;
		snprintf(name, sizeof name, i ? "log.%d" : "log", i);
		assert_int_equal(fstatat(dir_fd, name, &st, 0), 0);
		assert_true(st.st_size <= 4096);
		unlinkat(dir_fd, name, i == 0 ? 0 : 0);
	}
	assert_int_equal(faccessat(dir_fd, "log.3", F_OK, 0), -1);
}

static void rotated_is_read_in_order(void **state)
{
	struct log_writer w;
	struct log_spec spec = {.max_size = 4096, .max_files = 4};
	assert_null(log_open(&w, dir_fd, &spec));
	for (int i = 0; i < 200; i++) {
		char line[32];
		int n = snprintf(line, sizeof line, "%d\n", i);
		log_write(&w, LOG_STDOUT, line, (size_t)n);
	}
	log_close(&w);
	struct got g = read_back(-1);
	int expected = -1;
	for (char *save = NULL, *line = strtok_r(g.out.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		if (expected >= 0)
			assert_int_equal(atoi(line), expected);
		expected = atoi(line) + 1;
	}
	assert_int_equal(expected, 200);
	got_done(&g);
	for (int i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof name, i ? "log.%d" : "log", i);
		unlinkat(dir_fd, name, 0);
	}
}

static void damaged_lines_are_passed_over(void **state)
{
	static const char text[] = "garbage\n"
				   "2026-01-01T00:00:00.000000000Z stdout F good\n"
				   "2026-01-01T00:00:00Z stdout X bad\n"
				   "2026-01-01T00:00:00Z nowhere F bad\n"
				   "{\"log\":1}\n{\n"
				   "2026-01-01T00:00:00Z stderr P half\n"
				   "2026-01-01T00:00:00Z stdout F torn";
	int fd = openat(dir_fd, "log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	struct got g = read_back(-1);
	assert_string_equal(g.out.data, "good\n");
	assert_string_equal(g.err.data, "half");
	got_done(&g);
	g = (struct got){.most = 1};
	struct log_query q = {.tail = -1, .entry = entry, .arg = &g};
	assert_null(log_read(dir_fd, &q));
	assert_int_equal(g.entries, 1);
	got_done(&g);
	struct got none = {0};
	q = (struct log_query){.tail = -1, .since_ms = 1767225600001, .entry = entry, .arg = &none};
	assert_null(log_read(dir_fd, &q));
	assert_int_equal(none.entries, 0);
	q.since_ms = 1767225600000;
	assert_null(log_read(dir_fd, &q));
	assert_int_equal(none.entries, 2);
	got_done(&none);
	unlinkat(dir_fd, "log", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(rotation),
		cmocka_unit_test(rotated_is_read_in_order),
		cmocka_unit_test(damaged_lines_are_passed_over),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
