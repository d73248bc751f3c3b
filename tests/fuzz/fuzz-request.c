/* --ready, --restart, --log-opt, --detach-keys: the first byte chooses the parser. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "supervise/request.h"
#include "supervise/tty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ready(const char *text)
{
	struct ready_spec r = {0};
	nd_err *e = ready_parse(text, &r);
	if (!e && r.kind == READY_CMD && !r.argv.n)
		abort();
	if (!e && (r.kind == READY_TCP || r.kind == READY_HTTP) && !r.port)
		abort();
	err_free(e);
	ready_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct restart_spec restart;
	struct log_spec log = {0};
	struct health_spec health = {0};
	struct detach_keys keys;
	if (!size)
		return 0;
	_cleanup_free_ char *text = str_ndup((const char *)data + 1, size - 1);
	switch (data[0] % 5) {
	case 0:
		ready(text);
		break;
	case 1:
		err_free(restart_parse(text, &restart));
		break;
	case 2:
		err_free(log_opt_parse(text, &log));
		break;
	case 3:
		err_free(health_cmd_parse(text, &health));
		health_done(&health);
		break;
	default:
		err_free(detach_keys_parse(text, &keys));
		break;
	}
	return 0;
}
