/* The host side of the KVM trial: one VM, one vCPU, and the steps of kvm-guest.S run on
 * it one by one, each against a deadline. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_run;
struct kvm_cpuid2;
struct kvm_vcpu_events;

enum kvm_end {
	KVM_END_OK,
	KVM_END_SKIPPED, /* this CPU has no such instruction: a kernel would not use it */
	KVM_END_WRONG,   /* it ran, and its result was wrong */
	KVM_END_TRAP,    /* it raised an exception; `code` is the vector */
	KVM_END_EXIT,    /* KVM gave the vCPU up; `code` is the exit reason */
	KVM_END_HUNG,    /* no end within the deadline */
	KVM_END_ERROR,   /* an ioctl failed; `code` is errno */
};

struct kvm_outcome {
	enum kvm_end end;
	unsigned code;
	unsigned suberror; /* of KVM_EXIT_INTERNAL_ERROR */
	uint64_t cpu_ns;   /* CPU time of this thread that the run took */
};

struct kvm_vm {
	int kvm_fd, vm_fd, cpu_fd;
	struct kvm_run *run;
	size_t run_size;
	uint8_t *mem;
	struct kvm_cpuid2 *cpuid; /* what KVM says it can do; given to the vCPU whole */
	struct kvm_vcpu_events *events;
	uint64_t apic_base;
	bool irqchip;
};

/* Opens the device and makes a VM with one vCPU and no memory.  False leaves errno, and
 * the call that refused in *op. */
bool kvm_vm_make(struct kvm_vm *vm, const char **op);
/* Gives it memory with the guest in it, CPUID and an interrupt controller. */
bool kvm_vm_load(struct kvm_vm *vm, const char **op);
void kvm_vm_done(struct kvm_vm *vm);

extern const size_t kvm_n_steps;
const char *kvm_step_name(size_t i);
/* Index of the step that does nothing but answer, and of the one that runs G_LOOP times
 * two instructions before it: the difference of their cpu_ns is the speed of ring 0. */
enum { KVM_STEP_OUT = 0 };
size_t kvm_step_loop(void);
size_t kvm_step_arch_caps(void); /* reads MSR 0x10a */
/* Takes SIGALRM and ITIMER_REAL of this process. */
struct kvm_outcome kvm_step_run(struct kvm_vm *vm, size_t i, unsigned deadline_ms);

/* Whether KVM lets IA32_ARCH_CAPABILITIES be set to what it says it is, as QEMU does when
 * it starts with `-cpu host`.  True also where nobody would set it. */
bool kvm_arch_caps_set(const struct kvm_vm *vm);

const char *kvm_exit_name(unsigned reason); /* "KVM_EXIT_INTERNAL_ERROR"; NULL if unknown */
