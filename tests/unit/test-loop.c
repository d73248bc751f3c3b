/* Tests of base/loop.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/loop.h"

struct test {
	struct loop l;
	struct loop_timer a, b;
	int pipe[2], reads, order;
};

static void note_a(void *arg)
{
	struct test *t = arg;
	t->order = t->order * 10 + 1;
}

static void note_b_and_write(void *arg)
{
	struct test *t = arg;
	t->order = t->order * 10 + 2;
	assert_int_equal(write(t->pipe[1], "x", 1), 1);
}

static void reader(void *arg, short revents)
{
	struct test *t = arg;
	char c;
	assert_int_equal(read(t->pipe[0], &c, 1), 1);
	/* Removing oneself inside of the callback, with nothing left: the loop ends. */
	if (++t->reads == 1)
		loop_remove(&t->l, t->pipe[0]);
}

static void timers_and_descriptors(void **state)
{
	struct test t = {0};
	assert_int_equal(pipe(t.pipe), 0);
	t.a = (struct loop_timer){.fire = note_a, .arg = &t};
	t.b = (struct loop_timer){.fire = note_b_and_write, .arg = &t};
	loop_after(&t.l, &t.b, 20);
	loop_after(&t.l, &t.a, 500);
	loop_after(&t.l, &t.a, 1); /* moved, not doubled */
	loop_add(&t.l, t.pipe[0], POLLIN, reader, &t);
	assert_null(loop_run(&t.l));
	assert_int_equal(t.order, 12);
	assert_int_equal(t.reads, 1);
	loop_done(&t.l);
	close(t.pipe[0]);
	close(t.pipe[1]);
}

static void stop(void *arg)
{
	struct test *t = arg;
	t->l.stop = true;
}

/* A hang-up on a paused source must not turn the loop. */
static void paused(void **state)
{
	struct test t = {0};
	assert_int_equal(pipe(t.pipe), 0);
	close(t.pipe[1]);
	t.a = (struct loop_timer){.fire = stop, .arg = &t};
	loop_add(&t.l, t.pipe[0], POLLIN, reader, &t);
	loop_events(&t.l, t.pipe[0], 0);
	loop_after(&t.l, &t.a, 30);
	assert_null(loop_run(&t.l));
	assert_int_equal(t.reads, 0);
	loop_clear(&t.l, &t.b); /* never set: nothing happens */
	loop_done(&t.l);
	close(t.pipe[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_and_descriptors), cmocka_unit_test(paused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
