/* Reading /proc/key-users. */
#pragma once

#include <stdbool.h>

struct keyring_usage {
	unsigned keys, max_keys, bytes, max_bytes;
};
bool keyring_usage(const char *key_users, unsigned uid, struct keyring_usage *ret);
