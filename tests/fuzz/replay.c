/* Stands in for libFuzzer where there is none: gives every file of the folders and files named
 * on the command line to LLVMFuzzerTestOneInput once.  An empty or missing corpus is a failure,
 * so that a misspelt folder is noticed. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay_file(int dir_fd, const char *name)
{
	_cleanup_buf_ struct buf text = {0};
	nd_err *e = file_read(dir_fd, name, 16 << 20, &text);
	if (e) {
		_cleanup_free_ char *line = err_line(e);
		fprintf(stderr, "%s\n", line);
		err_free(e);
		return false;
	}
	/* An exact copy, so that a sanitizer sees a read past the end. */
	_cleanup_free_ uint8_t *copy = mem_alloc(text.len ? text.len : 1);
	if (text.len)
		memcpy(copy, text.data, text.len);
	LLVMFuzzerTestOneInput(copy, text.len);
	return true;
}

static int replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(AT_FDCWD, path) ? 1 : -1;
	_cleanup_closedir_ DIR *dir = opendir(path);
	int n = 0;
	for (struct dirent *d; dir && (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		if (!replay_file(dirfd(dir), d->d_name))
			return -1;
		n++;
	}
	return n;
}

int main(int argc, char **argv)
{
	int total = 0;
	for (int i = 1; i < argc; i++) {
		int n = replay(argv[i]);
		if (n < 0)
			return 1;
		total += n;
	}
	printf("%d inputs\n", total);
	return total ? 0 : 1;
}
