/* Tests of probe/facts.c and probe/cache.c: the table is whole, names match as the manual
 * says, and kept answers count only where they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/cache.h"
#include "probe/fact.h"

static bool is_name(const char *s)
{
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) &&
			!strchr("._-", *s))
			return false;
	return true;
}

static void the_table_is_whole(void **state)
{
	assert_true(n_facts > 0);
	for (size_t i = 0; i < n_facts; i++) {
		const struct fact *f = &facts[i];
		if (!f->name || !is_name(f->name) || strlen(f->name) >= 64 || !f->group ||
			!f->question || f->question[strlen(f->question) - 1] != '?' || !f->how ||
			!f->try)
			fail_msg("row %zu (%s) lacks something", i, f->name ? f->name : "?");
		if (fact_find(f->name) != f)
			fail_msg("%s is there twice", f->name);
	}
}

static void names_match(void **state)
{
	const struct fact *overlay = fact_find("mount.overlay"),
			  *user = fact_find("mount.overlay.userxattr");
	assert_non_null(overlay);
	assert_non_null(user);
	assert_true(fact_matches(overlay, "mount.overlay"));
	/* A whole name is that fact alone. */
	assert_false(fact_matches(user, "mount.overlay"));
	assert_true(fact_matches(user, "mount"));
	assert_true(fact_matches(user, "mount."));
	assert_true(fact_matches(user, "mount.*"));
	assert_true(fact_matches(user, "mount.overlay.*"));
	assert_false(fact_matches(overlay, "mount.overlay.*"));
	assert_true(fact_matches(user, "*xattr"));
	assert_false(fact_matches(user, "moun"));
	assert_false(fact_matches(user, ""));
	assert_null(fact_find(""));
	assert_null(fact_find("mount"));
}

static void remedies(void **state)
{
	struct fact f = {.remedy = "table"};
	struct fact_result r = {.state = FACT_DENIED};
	assert_string_equal(fact_remedy(&f, &r), "table");
	snprintf(r.remedy, sizeof r.remedy, "trial");
	assert_string_equal(fact_remedy(&f, &r), "trial");
	r.state = FACT_WORKS;
	assert_string_equal(fact_remedy(&f, &r), "");
	f.remedy = NULL;
	r = (struct fact_result){.state = FACT_ABSENT};
	assert_string_equal(fact_remedy(&f, &r), "");
}

static int *asked; /* how often the trials ran, across processes */

static void count(struct fact_result *r)
{
	++*asked;
	fact_works(r, "time %d", *asked);
}

static void fail_for_now(struct fact_result *r)
{
	++*asked;
	fact_set(r, FACT_UNKNOWN, "not now", "%s", "");
}

static const struct fact costly = {.name = "costly", .try = count, .costly = true};
static const struct fact cheap = {.name = "cheap", .try = count};
static const struct fact unsure = {.name = "unsure", .try = fail_for_now, .costly = true};

static int asks(const struct fact *f, bool fresh)
{
	struct fact_result r;
	int before = *asked;
	nd_err *e = fact_ask_cached(&f, 1, &r, fresh);
	assert_null(e);
	assert_int_equal(r.cached, *asked == before);
	return *asked - before;
}

static void costly_answers_are_kept(void **state)
{
	assert_int_equal(asks(&costly, false), 1);
	assert_int_equal(asks(&costly, false), 0);
	assert_int_equal(asks(&costly, true), 1);
	assert_int_equal(asks(&costly, false), 0);
	assert_int_equal(asks(&cheap, false), 1);
	assert_int_equal(asks(&cheap, false), 1);
	assert_int_equal(asks(&unsure, false), 1);
	assert_int_equal(asks(&unsure, false), 1);
	/* Mixed: each answer at its own place. */
	const struct fact *list[] = {&cheap, &costly, &unsure};
	struct fact_result r[3];
	assert_null(fact_ask_cached(list, 3, r, false));
	assert_false(r[0].cached);
	assert_true(r[1].cached);
	assert_int_equal(r[2].state, FACT_UNKNOWN);
}

/* Damage in any place of the file means asking again, never trouble. */
static void damaged_caches_are_not_believed(void **state)
{
	char path[256];
	snprintf(path, sizeof path, "%s/probe-cache", (char *)*state);
	asks(&costly, true);
	for (off_t cut = 0; cut < 400; cut += 37) {
		assert_int_equal(truncate(path, cut), 0);
		assert_int_equal(asks(&costly, false), 1);
	}
	/* The boot id stands in the key's first bytes. */
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(pwrite(fd, "other boot", 10, 16) == 10);
	assert_int_equal(asks(&costly, false), 1);
	assert_int_equal(asks(&costly, false), 0);
	/* Strings without an end. */
	_cleanup_fd_ int again = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	assert_int_equal(fstat(again, &st), 0);
	char x[2048];
	memset(x, 'x', sizeof x);
	off_t body = st.st_size - 64 - (off_t)sizeof(struct fact_result);
	assert_true(pwrite(again, x, sizeof(struct fact_result), body + 64) > 0);
	struct fact_result r;
	const struct fact *list = &costly;
	assert_null(fact_ask_cached(&list, 1, &r, false));
	assert_true(strlen(r.evidence) < sizeof r.evidence);
	assert_true(r.state <= FACT_UNKNOWN);
}

static void foreign_directories_are_not_used(void **state)
{
	const char *dir = *state;
	asks(&costly, true);
	assert_int_equal(asks(&costly, false), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(asks(&costly, false), 1);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(asks(&costly, false), 0);
	setenv("NIDUS_STATE_DIR", "/proc/none", 1);
	assert_int_equal(asks(&costly, false), 1);
	setenv("NIDUS_STATE_DIR", dir, 1);
}

static char folder[] = "/tmp/nidus-test-facts-XXXXXX";

static int set_up(void **state)
{
	asked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*state = mkdtemp(folder);
	return setenv("NIDUS_STATE_DIR", folder, 1);
}

static int tear_down(void **state)
{
	err_free(tree_remove(AT_FDCWD, folder));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(names_match),
		cmocka_unit_test(remedies),
		cmocka_unit_test(costly_answers_are_kept),
		cmocka_unit_test(damaged_caches_are_not_believed),
		cmocka_unit_test(foreign_directories_are_not_used),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
