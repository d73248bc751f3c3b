/* turns: runs commands by turns and prints a line for each: which, nanoseconds from the start
 * to the exit, peak resident set in KiB (its own or that of any process it waited for), exit
 * status.  Small and static itself, because until a process executes another program its peak
 * is its parent's (getrusage(2)).
 *
 *     turns ROUNDS GAP_MS -- COMMAND... [-- COMMAND...]...
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS_MAX = 16 };

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void turn(int which, char **argv, const posix_spawn_file_actions_t *actions)
{
	extern char **environ;
	pid_t pid;
	int status;
	struct rusage used;
	int64_t began = now_ns();
	int error = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);
	if (error) {
		fprintf(stderr, "%s: %s\n", argv[0], strerror(error));
		exit(1);
	}
	if (wait4(pid, &status, 0, &used) != pid)
		exit(1);
	int64_t took = now_ns() - began;
	printf("%d %lld %ld %d\n", which, (long long)took, used.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(int argc, char **argv)
{
	char **commands[COMMANDS_MAX];
	int n = 0;
	for (int i = 3; i < argc; i++)
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			if (n < COMMANDS_MAX)
				commands[n++] = argv + i + 1;
		}
	if (!n) {
		fputs("usage: turns ROUNDS GAP_MS -- COMMAND... [-- COMMAND...]...\n", stderr);
		return 1;
	}
	long rounds = strtol(argv[1], NULL, 10), gap_ms = strtol(argv[2], NULL, 10);
	const struct timespec gap = {gap_ms / 1000, gap_ms % 1000 * 1000000};
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	for (long round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++) {
			turn(i, commands[i], &actions);
			if (gap_ms)
				nanosleep(&gap, NULL);
		}
	return 0;
}
