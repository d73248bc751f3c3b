/* Terminal modes, sizes and detach keys: see tty.h. */
#include "supervise/tty.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"

void tty_raw_begin(int fd, struct tty_raw *ret)
{
	ret->fd = -1;
	if (!isatty(fd) || tcgetattr(fd, &ret->before) < 0)
		return;
	struct termios raw = ret->before;
	cfmakeraw(&raw);
	/* Output goes on to be ours: the workload's terminal has made CR LF of it already. */
	if (tcsetattr(fd, TCSANOW, &raw) == 0)
		ret->fd = fd;
}

void tty_raw_end(struct tty_raw *t)
{
	if (t->fd >= 0)
		tcsetattr(t->fd, TCSANOW, &t->before);
	t->fd = -1;
}

bool tty_size_text(int fd, char *text, size_t size)
{
	struct winsize w;
	if (ioctl(fd, TIOCGWINSZ, &w) < 0)
		return false;
	snprintf(text, size, "%hu %hu", w.ws_row, w.ws_col);
	return true;
}

static bool key_parse(const char *text, char *ret)
{
	const char *rest = str_after(text, "ctrl-");
	if (!rest) {
		*ret = text[0];
		return strlen(text) == 1;
	}
	if (strlen(rest) != 1)
		return false;
	if (*rest >= 'a' && *rest <= 'z')
		*ret = (char)(*rest - 'a' + 1);
	else if (*rest == '@')
		*ret = 0;
	else if (strchr("[\\]^_", *rest))
		*ret = (char)(*rest - '@');
	else
		return false;
	return true;
}

nd_err *detach_keys_parse(const char *text, struct detach_keys *ret)
{
	struct detach_keys k = {0};
	_cleanup_strv_ struct strv parts = {0};
	if (*text)
		strv_split(&parts, text, ',');
	for (size_t i = 0; i < parts.n; i++) {
		if (k.n == sizeof k.keys || !key_parse(parts.v[i], &k.keys[k.n++]))
			return err_invalid(
				"--detach-keys: '%s' is not a list of up to 16 of: a single "
				"character, ctrl-a to ctrl-z, ctrl-@ ctrl-[ ctrl-\\ ctrl-] "
				"ctrl-^ ctrl-_",
				text);
	}
	*ret = k;
	return NULL;
}

bool detach_keys_feed(struct detach_keys *k, const char *in, size_t len, char *out, size_t *ret_len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		if (k->n && in[i] == k->keys[k->matched]) {
			if (++k->matched == k->n) {
				k->matched = 0;
				*ret_len = n;
				return true;
			}
			continue;
		}
		/* Not the sequence after all: what was held back goes first. */
		memcpy(out + n, k->keys, k->matched);
		n += k->matched;
		k->matched = 0;
		if (k->n && in[i] == k->keys[0]) {
			k->matched = 1;
			if (k->n == 1) {
				k->matched = 0;
				*ret_len = n;
				return true;
			}
			continue;
		}
		out[n++] = in[i];
	}
	*ret_len = n;
	return false;
}
