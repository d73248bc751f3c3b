/* Forwarding: see forward.h.  The kernel looks at the setting of the link a packet comes
 * in by (ip_input.c, IN_DEV_FORWARD).  Setting that per link can be undone without
 * harm; ip_forward cannot: another engine, finding it on, would rely on it, and writing
 * it overwrites the setting of every link.  It also works where /proc/sys is read-only. */
#include "net/forward.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "net/lease.h"

#define RECORD "forward"
static const char global[] = "/proc/sys/net/ipv4/ip_forward";

static bool is_on(const char *path)
{
	char text[8];
	return file_read_line(AT_FDCWD, path, text, sizeof text) > 0 && strcmp(text, "1") == 0;
}

static bool link_is_on(const char *name)
{
	char path[96];
	snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/forwarding", name);
	return is_on(path);
}

static nd_err *set_links(struct nl_sock *rt, const struct strv *names, int forward)
{
	_cleanup_batch_ struct nl_batch q = {0};
	for (size_t i = 0; i < names->n; i++)
		rtnl_link_set(&q, &(struct link_spec){.name = names->v[i], .forward = forward});
	return nl_run(rt, &q);
}

nd_err *forward_enable(int state_fd, struct nl_sock *rt, const struct used_link *links, size_t n)
{
	if (is_on(global))
		return NULL;
	_cleanup_strv_ struct strv names = {0};
	for (size_t i = 0; i < n; i++)
		if (!link_is_on(links[i].name))
			strv_add(&names, links[i].name);
	if (!names.n)
		return NULL;
	_cleanup_free_ char *text = strv_join(&names, "/"); /* '/' is in no link's name */
	nd_err *e = record_put(state_fd, RECORD, text);
	if (!e)
		e = set_links(rt, &names, 1);
	if (!e)
		return NULL;
	record_drop(state_fd, RECORD);
	if (file_poke(AT_FDCWD, global, "1")) {
		err_free(e);
		return NULL;
	}
	return err_remedy(
		err_code(e, "no-forwarding"), "Let root set net.ipv4.ip_forward=1 in this place.");
}

void forward_restore(int state_fd, struct nl_sock *rt)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ struct strv names = {0};
	err_free(record_get(state_fd, RECORD, &text));
	if (!text)
		return;
	strv_split(&names, text, '/');
	if (!is_on(global)) /* links that are gone meanwhile are no error */
		err_free(set_links(rt, &names, -1));
	record_drop(state_fd, RECORD);
}
