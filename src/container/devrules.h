/* Device rules: which device numbers a container may open or make.  The rules are an
 * ordered list as in the OCI runtime-spec: everything is refused at first, and for each
 * kind of access the last rule that matches decides.  v1 keeps a set of exceptions in
 * devices.allow (cgroup-v1/devices.rst); v2 runs a BPF program
 * (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15) that is replaced in place (BPF_F_REPLACE,
 * Linux 5.6).  Programs of others on the same group are never touched.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "container/spec.h"

/* Whether the list forbids nothing. */
bool devrules_allow_all(const struct device_rule *rules, size_t n);
/* The same rules as allowances whose order does not matter.  Invalid where that cannot be: v1 has
 * no way to take one device out of a wildcard; the error names the rule.  Free *ret. */
nd_must nd_err *devrules_flatten(
	const struct device_rule *rules, size_t n, struct device_rule **ret, size_t *ret_n);
/* "c 1:3 rwm", "b *:* m", as devices.allow wants it. */
enum { DEVRULE_TEXT = 64 };
void devrule_text(const struct device_rule *r, char text[DEVRULE_TEXT]);
/* The reverse, for devices.list. */
bool devrule_parse(const char *text, struct device_rule *ret);
/* What both allow; false if nothing. */
bool devrule_meet(
	const struct device_rule *a, const struct device_rule *b, struct device_rule *ret);

/* Writes the rules to a v1 group.  What the group above does not allow cannot be
 * allowed here; the part that it does allow is. */
nd_must nd_err *devrules_write_v1(const char *group, const struct device_rule *rules, size_t n);

/* The program.  No system calls; free *ret. */
void devrules_compile(
	const struct device_rule *rules, size_t n, struct bpf_insn **ret, size_t *ret_n);
/* Loads it and attaches it to the v2 group, in the place of an earlier one of ours. */
nd_must nd_err *devrules_attach_v2(int group_fd, const struct device_rule *rules, size_t n);
