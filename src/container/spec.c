/* Building and freeing a container's description: see spec.h. */
#include "container/spec.h"

#include <string.h>

#include "base/fd.h"
#include "container/seccomp.h"

void spec_init(struct container_spec *s)
{
	*s = (struct container_spec){.umask = -1, .stdio = {0, 1, 2}};
	for (int i = 0; i < NS_COUNT; i++)
		s->ns[i].fd = -1;
}

void spec_done(struct container_spec *s)
{
	char **texts[] = {&s->id, &s->cwd, &s->user, &s->hostname, &s->domainname,
		&s->cgroup_parent, &s->tun, &s->apparmor, &s->selinux, &s->rootfs.dir,
		&s->rootfs.root_like, &s->rootfs.state_dir, &s->rootfs.propagation,
		&s->limits.cpuset_cpus, &s->limits.cpuset_mems};
	struct strv *lists[] = {&s->args, &s->env, &s->rootfs.layers, &s->masked,
		&s->readonly_paths, &s->sysctl, &s->files, &s->group_add, &s->limits.unified};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strv_done(lists[i]);
	for (size_t i = 0; i < s->n_mounts; i++) {
		free(s->mounts[i].type);
		free(s->mounts[i].source);
		free(s->mounts[i].target);
		strv_done(&s->mounts[i].options);
	}
	for (size_t i = 0; i < s->n_devices; i++) {
		free(s->devices[i].path);
		free(s->devices[i].source);
	}
	for (int i = 0; i < NS_COUNT; i++)
		fd_close(s->ns[i].fd);
	seccomp_filter_free(s->seccomp);
	free(s->groups);
	free(s->rlimits);
	free(s->uid_maps.v);
	free(s->gid_maps.v);
	free(s->mounts);
	free(s->devices);
	free(s->device_rules);
	free(s->keep_fds);
	spec_init(s);
}

struct mount_spec *spec_add_mount(struct container_spec *s, const char *type, const char *source,
	const char *target, const char *options)
{
	s->mounts = mem_grow(s->mounts, s->n_mounts + 1, sizeof *s->mounts);
	struct mount_spec *m = &s->mounts[s->n_mounts++];
	*m = (struct mount_spec){
		.type = str_dup(type), .source = str_dup(source), .target = str_dup(target)};
	if (options && *options)
		strv_split(&m->options, options, ',');
	return m;
}

struct device_spec *spec_add_device(struct container_spec *s)
{
	s->devices = mem_grow(s->devices, s->n_devices + 1, sizeof *s->devices);
	struct device_spec *d = &s->devices[s->n_devices++];
	*d = (struct device_spec){.type = 'c', .mode = 0666};
	return d;
}

struct device_rule *spec_add_device_rule(struct container_spec *s)
{
	s->device_rules = mem_grow(s->device_rules, s->n_device_rules + 1, sizeof *s->device_rules);
	struct device_rule *r = &s->device_rules[s->n_device_rules++];
	*r = (struct device_rule){.type = 'a', .major = -1, .minor = -1, .access = "rwm"};
	return r;
}

void spec_add_rlimit(struct container_spec *s, int resource, rlim_t soft, rlim_t hard)
{
	for (size_t i = 0; i < s->n_rlimits; i++)
		if (s->rlimits[i].resource == resource) {
			s->rlimits[i].limit = (struct rlimit){soft, hard};
			return;
		}
	s->rlimits = mem_grow(s->rlimits, s->n_rlimits + 1, sizeof *s->rlimits);
	s->rlimits[s->n_rlimits++] = (struct rlimit_spec){resource, {soft, hard}};
}

void id_maps_add(struct id_maps *m, uint32_t inside, uint32_t outside, uint32_t count)
{
	m->v = mem_grow(m->v, m->n + 1, sizeof *m->v);
	m->v[m->n++] = (struct id_map){inside, outside, count};
}
