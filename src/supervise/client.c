/* The client's loop: see client.h and channel.h. */
#include "supervise/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "kernel/names.h"
#include "supervise/channel.h"
#include "supervise/tty.h"

struct client {
	const struct client_options *o;
	struct loop loop;
	struct detach_keys keys;
	int signal_fd;
	bool ready, exited, detached, lost, input_open;
	int status;
	nd_err *error;
	char *packet;      /* CH_PACKET_MAX + 1 bytes */
	struct buf unsent; /* one packet of input that the monitor had no room for */
};

static void input_ready(void *arg, short revents);
static void monitor_ready(void *arg, short revents);

static void watch(struct client *c)
{
	short out = c->unsent.len ? POLLOUT : 0;
	loop_events(&c->loop, c->o->fd, (short)(POLLIN | out));
	if (c->input_open)
		loop_events(&c->loop, 0, out ? 0 : POLLIN);
}

/* Input goes without waiting: the workload may be waiting for us to take its output. */
static void input_send(struct client *c, char type, const char *data, size_t len)
{
	struct buf b = {0};
	buf_add(&b, &type, 1);
	buf_add(&b, data, len);
	if (send(c->o->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		(errno == EAGAIN || errno == ENOBUFS)) {
		c->unsent = b;
		watch(c);
		return;
	}
	buf_done(&b);
}

static void input_resend(struct client *c)
{
	if (send(c->o->fd, c->unsent.data, c->unsent.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		(errno == EAGAIN || errno == ENOBUFS))
		return;
	buf_done(&c->unsent);
	watch(c);
}

/* Small and rare: sizes and signals. */
static void tell(struct client *c, char type, const void *data, size_t len)
{
	char packet[64];
	packet[0] = type;
	memcpy(packet + 1, data, len);
	while (send(c->o->fd, packet, len + 1, MSG_NOSIGNAL) < 0) {
		struct pollfd p = {c->o->fd, POLLOUT, 0};
		if (errno != EAGAIN && errno != EINTR)
			return;
		if (errno == EAGAIN && poll(&p, 1, 1000) <= 0)
			return;
	}
}

static void size_tell(struct client *c)
{
	char text[24];
	if (c->o->tty &&
		(tty_size_text(0, text, sizeof text) || tty_size_text(1, text, sizeof text)))
		tell(c, CH_SIZE, text, strlen(text) + 1);
}

static void input_ready(void *arg, short revents)
{
	struct client *c = arg;
	char in[CH_DATA_MAX / 2], out[CH_DATA_MAX / 2 + 16];
	ssize_t n = read(0, in, sizeof in);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		loop_remove(&c->loop, 0);
		c->input_open = false;
		input_send(c, CH_INPUT_END, "", 0);
		return;
	}
	if (!c->o->tty) {
		input_send(c, CH_INPUT, in, (size_t)n);
		return;
	}
	size_t len;
	bool detach = detach_keys_feed(&c->keys, in, (size_t)n, out, &len);
	if (len)
		input_send(c, CH_INPUT, out, len);
	if (detach) {
		c->detached = true;
		c->loop.stop = true;
	}
}

static void signal_ready(void *arg, short revents)
{
	struct client *c = arg;
	struct signalfd_siginfo info;
	char text[16];
	while (read(c->signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGWINCH) {
			size_tell(c);
			continue;
		}
		int n = snprintf(text, sizeof text, "%u", info.ssi_signo);
		if (c->o->until_ready) {
			/* We go, and the monitor ends what nobody waits for any more. */
			c->error = err_new(ND_TIMEOUT, "interrupted",
				"%s came before the workload was ready",
				signal_name((int)info.ssi_signo, text));
			c->status = 128 + (int)info.ssi_signo;
			c->loop.stop = true;
		} else if (c->o->sig_proxy) {
			tell(c, CH_SIGNAL, text, (size_t)n + 1);
		} else {
			c->detached = true;
			c->status = 128 + (int)info.ssi_signo;
			c->loop.stop = true;
		}
	}
}

/* Our stdout blocks as long as it likes: then the monitor's queue fills, and the workload
 * waits. */
static void output(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {fd, POLLOUT, 0};
			poll(&p, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

static void message(struct client *c, char *text, size_t len)
{
	const struct client_options *o = c->o;
	switch (text[0]) {
	case CH_STDOUT:
		output(1, text + 1, len - 1);
		break;
	case CH_STDERR:
		output(2, text + 1, len - 1);
		break;
	case CH_WARNING:
		if (o->warning)
			o->warning(o->arg, text + 1);
		break;
	case CH_STARTED:
		if (o->started)
			o->started(o->arg, o->id, text + 1);
		break;
	case CH_READY:
		c->ready = true;
		if (o->until_ready)
			c->loop.stop = true;
		break;
	case CH_ERROR:
		err_free(c->error);
		c->error = err_unpack(text + 1, len - 1);
		break;
	case CH_EXIT:
		c->exited = sscanf(text + 1, "%d", &c->status) == 1;
		c->loop.stop = true;
		break;
	default:
		break;
	}
}

static void monitor_ready(void *arg, short revents)
{
	struct client *c = arg;
	char *packet = c->packet;
	if (revents & POLLOUT)
		input_resend(c);
	/* What waits is read at once, so that the end is not seen before what was said. */
	for (;;) {
		ssize_t n = recv(c->o->fd, packet, CH_PACKET_MAX, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			c->lost = true;
			c->loop.stop = true;
			return;
		}
		packet[n] = '\0';
		message(c, packet, (size_t)n);
		if (c->loop.stop)
			return;
	}
}

static void signals_open(struct client *c, sigset_t *ret_before)
{
	static const int proxied[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(proxied); i++)
		sigaddset(&set, proxied[i]);
	sigprocmask(SIG_BLOCK, &set, ret_before);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (c->signal_fd >= 0)
		loop_add(&c->loop, c->signal_fd, POLLIN, signal_ready, c);
}

nd_err *client_run(const struct client_options *o, struct client_result *ret)
{
	_cleanup_free_ char *packet = mem_alloc(CH_PACKET_MAX + 1);
	struct client c = {.o = o, .signal_fd = -1, .input_open = o->input, .packet = packet};
	_cleanup_tty_ struct tty_raw raw = {.fd = -1};
	sigset_t before;
	TRY(detach_keys_parse(o->detach_keys ? o->detach_keys : "ctrl-p,ctrl-q", &c.keys));
	signals_open(&c, &before);
	if (o->tty && o->input)
		tty_raw_begin(0, &raw);
	size_tell(&c);
	loop_add(&c.loop, o->fd, POLLIN, monitor_ready, &c);
	if (o->input)
		loop_add(&c.loop, 0, POLLIN, input_ready, &c);
	nd_err *e = loop_run(&c.loop);
	loop_done(&c.loop);
	buf_done(&c.unsent);
	fd_done(&c.signal_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	ret->detached = c.detached || (o->until_ready && c.ready);
	ret->status = c.status;
	if (e) {
		err_free(c.error);
		return e;
	}
	if (c.error) {
		if (!ret->status)
			ret->status = 125;
		return c.error;
	}
	if (c.lost && !ret->detached) {
		ret->status = 125;
		return err_remedy(
			err_new(ND_ABSENT, "monitor-lost",
				"the monitor of run %.12s ended without a word; it was killed",
				o->id),
			"'nidus gc' takes back what the run left.");
	}
	return NULL;
}
