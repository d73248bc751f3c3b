/* Tests of probe/ask.c and probe/answer.c: whatever a trial does, there is an answer and
 * nothing of it is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/fact.h"
#include "probe/trial.h"

/* What trials tell past their answer. */
static pid_t *shared;

static void answer(struct fact_result *r)
{
	fact_works(r, "pid %d", getpid());
	snprintf(r->value, sizeof r->value, "v");
}

static void nothing(struct fact_result *r)
{
	_exit(3);
}

static void crash(struct fact_result *r)
{
	raise(SIGSEGV);
}

static void killed_by_filter(struct fact_result *r)
{
	raise(SIGSYS);
}

static void hang(struct fact_result *r)
{
	pid_t pid = trial_fork();
	if (pid == 0)
		for (;;)
			pause();
	shared[0] = pid;
	/* An orphan: its parent is gone, the group is not. */
	pid_t middle = fork();
	if (middle == 0) {
		pid_t orphan = fork();
		if (orphan == 0) {
			signal(SIGTERM, SIG_IGN);
			for (;;)
				pause();
		}
		shared[1] = orphan;
		_exit(0);
	}
	waitpid(middle, NULL, 0);
	for (;;)
		pause();
}

static void answer_and_leave_a_child(struct fact_result *r)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	shared[0] = pid;
	answer(r);
}

static void die_while_a_child_holds_the_pipe(struct fact_result *r)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	shared[0] = pid;
	_exit(0);
}

static void write_to_standard_output(struct fact_result *r)
{
	bool quiet = write(1, "noise", 5) == 5 && write(2, "noise", 5) == 5;
	fact_set(r, quiet ? FACT_WORKS : FACT_BROKEN, "", "%s", "");
}

static void child_dies(struct fact_result *r, void *arg)
{
	raise(SIGKILL);
}

static void child_answers(struct fact_result *r, void *arg)
{
	fact_refused(r, EPERM, arg, "in the child");
}

static void in_child(struct fact_result *r)
{
	struct fact_result dead = {0};
	trial_in_child(&dead, child_dies, NULL);
	trial_in_child(r, child_answers, "frobnicate");
	snprintf(r->value, sizeof r->value, "%s", fact_state_name(dead.state));
}

static bool gone(pid_t pid)
{
	return pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

static struct fact_result ask(void (*trial)(struct fact_result *), unsigned timeout_ms)
{
	struct fact f = {.name = "test", .try = trial, .timeout_ms = timeout_ms};
	struct fact_result r = {.state = FACT_UNKNOWN};
	nd_err *e = fact_ask(&f, &r);
	assert_null(e);
	/* No child of a trial is ours any more, dead or alive. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return r;
}

static void an_answer_arrives(void **state)
{
	struct fact_result r = ask(answer, 0);
	assert_int_equal(r.state, FACT_WORKS);
	assert_string_equal(r.value, "v");
	assert_true(r.elapsed_us > 0);
}

static void death_is_an_answer(void **state)
{
	assert_int_equal(ask(nothing, 0).state, FACT_UNKNOWN);
	struct fact_result r = ask(crash, 0);
	assert_int_equal(r.state, FACT_BROKEN);
	assert_non_null(strstr(r.evidence, "SIGSEGV"));
	assert_int_equal(ask(killed_by_filter, 0).state, FACT_DENIED);
}

static void a_hung_trial_is_killed_with_all_it_spawned(void **state)
{
	struct fact_result r = ask(hang, 100);
	assert_int_equal(r.state, FACT_BROKEN);
	assert_string_equal(r.reason, "it hangs");
	assert_true(gone(shared[0]));
	assert_true(gone(shared[1]));
}

static void what_an_answering_trial_leaves_is_killed(void **state)
{
	assert_int_equal(ask(answer_and_leave_a_child, 0).state, FACT_WORKS);
	assert_true(gone(shared[0]));
	assert_int_equal(ask(die_while_a_child_holds_the_pipe, 0).state, FACT_UNKNOWN);
	assert_true(gone(shared[0]));
}

static void trials_are_quiet(void **state)
{
	assert_int_equal(ask(write_to_standard_output, 0).state, FACT_WORKS);
}

static void a_childs_answer_is_the_trials(void **state)
{
	struct fact_result r = ask(in_child, 0);
	assert_int_equal(r.state, FACT_DENIED);
	assert_int_equal(r.errnum, EPERM);
	assert_string_equal(r.op, "frobnicate");
	assert_string_equal(r.reason, "frobnicate: Operation not permitted");
	assert_string_equal(r.value, "broken");
}

/* More than run side by side, and each answer at its own place. */
static void many_are_answered_in_order(void **state)
{
	static const struct fact kinds[] = {
		{.name = "a", .try = answer},
		{.name = "b", .try = nothing},
		{.name = "c", .try = crash},
		{.name = "d", .try = hang, .timeout_ms = 50},
	};
	const struct fact *list[40];
	struct fact_result results[ARRAY_SIZE(list)];
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = &kinds[i % ARRAY_SIZE(kinds)];
	nd_err *e = fact_ask_many(list, ARRAY_SIZE(list), results);
	assert_null(e);
	static const enum fact_state states[] = {
		FACT_WORKS, FACT_UNKNOWN, FACT_BROKEN, FACT_BROKEN};
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		assert_int_equal(results[i].state, states[i % ARRAY_SIZE(states)]);
	assert_null(fact_ask_many(list, 0, results));
}

static void a_child_of_the_callers_is_left_alone(void **state)
{
	pid_t own = fork();
	if (own == 0)
		for (;;)
			pause();
	struct fact f = {.name = "test", .try = answer};
	struct fact_result r;
	nd_err *e = fact_ask(&f, &r);
	assert_null(e);
	assert_int_equal(waitpid(own, NULL, WNOHANG), 0);
	kill(own, SIGKILL);
	waitpid(own, NULL, 0);
}

static void states_follow_errno(void **state)
{
	assert_int_equal(fact_state_of_errno(EPERM), FACT_DENIED);
	assert_int_equal(fact_state_of_errno(EROFS), FACT_DENIED);
	assert_int_equal(fact_state_of_errno(ENOSYS), FACT_ABSENT);
	assert_int_equal(fact_state_of_errno(ENODEV), FACT_ABSENT);
	assert_int_equal(fact_state_of_errno(EIO), FACT_BROKEN);
	assert_int_equal(fact_state_of_errno(ENOMEM), FACT_UNKNOWN);
	assert_int_equal(fact_state_of_errno(0), FACT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_arrives),
		cmocka_unit_test(death_is_an_answer),
		cmocka_unit_test(a_hung_trial_is_killed_with_all_it_spawned),
		cmocka_unit_test(what_an_answering_trial_leaves_is_killed),
		cmocka_unit_test(trials_are_quiet),
		cmocka_unit_test(a_childs_answer_is_the_trials),
		cmocka_unit_test(many_are_answered_in_order),
		cmocka_unit_test(a_child_of_the_callers_is_left_alone),
		cmocka_unit_test(states_follow_errno),
	};
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
