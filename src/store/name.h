/* Names of images, as people write them and as tools store them. */
#pragma once

#include <stdbool.h>

/* "debian" is "debian:latest"; "docker.io/library/debian:12", "docker.io/debian:12" and
 * "localhost/debian:12" are all met by "debian:12". */
bool name_matches(const char *stored, const char *asked);
