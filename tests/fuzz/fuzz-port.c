/* net/port.c and net/listener.c: any text is ports or an error that quotes it; any table of
 * sockets can be searched. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/listener.h"
#include "net/port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = str_ndup((const char *)data, size);
	struct port_list l = {0};
	nd_err *e = port_parse(text, &l);
	if (!e) {
		if (l.n != 1 || l.v[0].container + l.v[0].count > 65536 ||
			l.v[0].host + l.v[0].count > 65536)
			abort();
		free(port_text(&l));
	} else if (!strstr(e->object, text)) {
		abort();
	}
	err_free(e);
	listener_inode(text, false, (struct in_addr){0}, 80);
	listener_inode(text, true, (struct in_addr){0}, 80);
	port_list_done(&l);
	free(text);
	return 0;
}
