/* Does KVM run a stock kernel?  The node and KVM_CREATE_VM are questions of their own and
 * no answer to that: on a host without hardware help (kvm-pvm) both work, ring 0 is
 * emulated instruction by instruction, and the emulator lacks some that every kernel
 * uses.  So the guest of kvm-guest.S is run, step by step, within BUDGET_MS. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "probe/kvm-guest.h"
#include "probe/kvm-run.h"
#include "probe/trial.h"
#include "probe/trials.h"
#include "probe/virt.h"

enum {
	BUDGET_MS = 100, /* without a step that ran right, and again after each that did ... */
	TOTAL_MS = 800,  /* ... up to this: KVM inside an emulated machine is right, but slow */
	STEP_MS = 40,    /* for one: on hardware it takes microseconds */
	SLOW_NS = 50,   /* an instruction of ring 0: hardware takes below 1, emulation about 1000 */
	SPEED_RUNS = 2, /* the best counts: the others may have been preempted */
};

void try_kvm_device(struct fact_result *r)
{
	struct stat st;
	_cleanup_fd_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int err = errno;
	if (fd >= 0) {
		fact_works(r, "open(/dev/kvm, O_RDWR) succeeded");
	} else if (stat("/dev/kvm", &st) < 0) {
		fact_refused(r, err, "open /dev/kvm", "stat(/dev/kvm): %s", strerror(errno));
		if (access("/sys/class/misc/kvm", F_OK) == 0)
			snprintf(r->remedy, sizeof r->remedy,
				"The kernel has KVM (/sys/class/misc/kvm): whoever starts this "
				"container can give it the node (--device /dev/kvm).");
	} else {
		fact_refused(r, err, "open /dev/kvm",
			"/dev/kvm is device %u:%u, owner %u:%u, mode %04o; this process is %u:%u",
			major(st.st_rdev), minor(st.st_rdev), st.st_uid, st.st_gid,
			st.st_mode & 07777u, geteuid(), getegid());
	}
}

#if defined(__x86_64__)
void try_kvm_vm(struct fact_result *r)
{
	struct kvm_vm vm;
	const char *op;
	virt_accelerator(r->value, sizeof r->value);
	if (kvm_vm_make(&vm, &op)) {
		fact_works(r, "KVM_CREATE_VM and KVM_CREATE_VCPU succeeded%s",
			vm.irqchip ? "" : "; KVM_CREATE_IRQCHIP did not");
	} else {
		fact_refused(r, errno, op, "on the way to a VM with one vCPU");
		if (strncmp(op, "open", 4) == 0)
			r->value[0] = '\0';
	}
	kvm_vm_done(&vm);
}

struct tally {
	char failed[400]; /* "lock cmpxchg16b (KVM_EXIT_INTERNAL_ERROR ...), ..." */
	char first[64];
	unsigned n_ok, n_failed, n_skipped, n_left;
	uint64_t ns; /* an instruction */
	bool timed, slow, no_arch_caps;
};

/* Appends what will fit, and says so where something does not. */
static void add_text(char *to, size_t size, const char *text)
{
	size_t n = strlen(to);
	if (n + strlen(text) + 6 < size)
		snprintf(to + n, size - n, "%s%s", n ? ", " : "", text);
	else if (n + 6 < size && (n < 3 || strcmp(to + n - 3, "...") != 0))
		snprintf(to + n, size - n, ", ...");
}

static void outcome_text(const struct kvm_outcome *o, char *text, size_t size)
{
	const char *name;
	switch (o->end) {
	case KVM_END_WRONG:
		snprintf(text, size, "wrong result");
		return;
	case KVM_END_TRAP:
		snprintf(text, size, "exception %u", o->code);
		return;
	case KVM_END_HUNG:
		snprintf(text, size, "no end within %d ms", STEP_MS);
		return;
	case KVM_END_ERROR:
		snprintf(text, size, "%s", strerror((int)o->code));
		return;
	case KVM_END_EXIT:
		name = kvm_exit_name(o->code);
		if (!name)
			snprintf(text, size, "exit reason %u", o->code);
		else if (o->suberror)
			snprintf(text, size, "%s suberror %u%s", name, o->suberror,
				o->suberror == KVM_INTERNAL_ERROR_EMULATION ? ", emulation" : "");
		else
			snprintf(text, size, "%s", name);
		return;
	default:
		snprintf(text, size, "as it should");
	}
}

static void count(struct tally *t, size_t step, const struct kvm_outcome *o)
{
	char how[64], line[128];
	if (o->end == KVM_END_OK) {
		t->n_ok++;
		return;
	}
	if (o->end == KVM_END_SKIPPED) {
		t->n_skipped++;
		return;
	}
	/* Whoever starts the VM can hide this register, and has to where it cannot be set. */
	if (step == kvm_step_arch_caps()) {
		t->no_arch_caps = true;
		return;
	}
	outcome_text(o, how, sizeof how);
	snprintf(line, sizeof line, "%s (%s)", kvm_step_name(step), how);
	if (!t->n_failed++)
		snprintf(t->first, sizeof t->first, "%s", kvm_step_name(step));
	add_text(t->failed, sizeof t->failed, line);
}

static void run_steps(struct kvm_vm *vm, struct tally *t)
{
	int64_t last = now_ms() + TOTAL_MS, until = now_ms() + BUDGET_MS;
	for (size_t i = 0; i < kvm_step_loop(); i++) {
		int64_t left = (until < last ? until : last) - now_ms();
		if (left <= 0) {
			t->n_left++;
			continue;
		}
		struct kvm_outcome o =
			kvm_step_run(vm, i, (unsigned)(left < STEP_MS ? left : STEP_MS));
		/* Stopped by the budget rather than by its own deadline: nothing was learnt. */
		if (o.end == KVM_END_HUNG && left < STEP_MS)
			t->n_left++;
		else
			count(t, i, &o);
		if (o.end == KVM_END_OK)
			until = now_ms() + BUDGET_MS;
	}
}

/* CPU time of a step, the best of a few runs; false where none ran right. */
static bool time_step(struct kvm_vm *vm, size_t step, uint64_t enough_ns, uint64_t *ret_ns)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < SPEED_RUNS && best > enough_ns; i++) {
		struct kvm_outcome o = kvm_step_run(vm, step, STEP_MS);
		if (o.end == KVM_END_OK && o.cpu_ns < best)
			best = o.cpu_ns;
	}
	*ret_ns = best;
	return best != UINT64_MAX;
}

static void measure(struct kvm_vm *vm, struct tally *t)
{
	uint64_t empty, loop;
	t->timed = time_step(vm, KVM_STEP_OUT, 0, &empty) &&
		   time_step(vm, kvm_step_loop(), empty + 2 * G_LOOP * SLOW_NS, &loop);
	if (t->timed)
		t->ns = loop > empty ? (loop - empty) / (2 * G_LOOP) : 0;
	t->slow = t->timed && t->ns > SLOW_NS;
}

static void judge(struct fact_result *r, struct kvm_vm *vm)
{
	struct tally t = {0};
	char speed[96] = "", qemu[128] = "", reason[sizeof r->reason];
	t.no_arch_caps = !kvm_arch_caps_set(vm);
	run_steps(vm, &t);
	if (t.no_arch_caps)
		snprintf(qemu, sizeof qemu,
			"; MSR 0x10a is announced and refused: qemu -cpu host aborts, with "
			"-cpu host,-arch-capabilities it starts");
	measure(vm, &t);
	if (t.timed)
		snprintf(speed, sizeof speed, "; ring 0 takes %llu ns an instruction%s",
			(unsigned long long)t.ns, t.slow ? ": it is emulated" : "");
	if (t.n_failed) {
		snprintf(reason, sizeof reason, "a stock kernel cannot run: %s fails%s%s", t.first,
			t.n_failed > 1 ? " among others" : "",
			t.slow ? "; ring 0 is emulated" : "");
		fact_set(r, FACT_BROKEN, reason,
			"%u steps of ring-0 code ran right, %u failed: %s%s%s", t.n_ok, t.n_failed,
			t.failed, speed, qemu);
	} else if (t.slow) {
		snprintf(reason, sizeof reason,
			"ring 0 is emulated, %llu ns an instruction: slower than QEMU's TCG",
			(unsigned long long)t.ns);
		fact_set(r, FACT_BROKEN, reason, "all %u steps of ring-0 code ran right%s%s",
			t.n_ok, speed, qemu);
	} else if (t.n_left) {
		fact_set(r, FACT_UNKNOWN, "not all of the test fitted in its time",
			"%u steps ran right, %u did not get their turn within %d ms%s", t.n_ok,
			t.n_left, TOTAL_MS, qemu);
	} else {
		fact_works(r, "%u steps of ring-0 code ran right, %u not offered by CPUID%s%s",
			t.n_ok, t.n_skipped, speed, qemu);
	}
}

void try_kvm(struct fact_result *r)
{
	struct kvm_vm vm;
	const char *op;
	if (kvm_vm_make(&vm, &op)) {
		virt_accelerator(r->value, sizeof r->value);
		if (kvm_vm_load(&vm, &op))
			judge(r, &vm);
		else
			fact_refused(r, errno, op, "after KVM_CREATE_VCPU");
	} else {
		fact_refused(r, errno, op, "on the way to a VM with one vCPU");
	}
	kvm_vm_done(&vm);
}
#else
void try_kvm_vm(struct fact_result *r)
{
	_cleanup_fd_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int vm_fd = fd < 0 ? -1 : ioctl(fd, KVM_CREATE_VM, 0);
	if (vm_fd < 0)
		fact_refused(r, errno, fd < 0 ? "open /dev/kvm" : "KVM_CREATE_VM", "no VM");
	else
		fact_works(r, "KVM_CREATE_VM succeeded");
}

void try_kvm(struct fact_result *r)
{
	fact_set(r, FACT_UNKNOWN, "this processor has no functional test yet",
		"the guest of the trial is written for x86-64");
}
#endif
