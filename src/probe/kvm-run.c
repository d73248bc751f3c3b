/* A VM for the KVM trial: see kvm-run.h.  Rests on the KVM API (Documentation/virt/kvm/
 * api.rst): after an exit for I/O the instruction is only complete once KVM_RUN was
 * entered again, so each step ends with a run that has immediate_exit set (Linux 4.13).
 * The deadline is a repeated SIGALRM: it makes KVM_RUN return EINTR. */
#include "probe/kvm-run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "base/fd.h"
#include "probe/kvm-guest.h"

enum { MAX_CPUID = 256, MAX_EXITS = 8, REPEAT_US = 2000, ARCH_CAPS = 0x10a };

struct step {
	const char *name;
	const uint8_t *code;
	uint32_t leaf, subleaf;
	int reg, bit;
};

#define STEP_CODE(id, ...)                          extern const uint8_t kvm_code_##id[];
#define STEP_ROW(id, name, leaf, subleaf, reg, bit) {name, kvm_code_##id, leaf, subleaf, reg, bit},
KVM_STEPS(STEP_CODE)
extern const uint8_t kvm_guest_start[], kvm_guest_stubs[], kvm_guest_end[];
static const struct step steps[] = {KVM_STEPS(STEP_ROW)};
const size_t kvm_n_steps = ARRAY_SIZE(steps);

const char *kvm_step_name(size_t i)
{
	return steps[i].name;
}

size_t kvm_step_loop(void)
{
	return kvm_n_steps - 1;
}

size_t kvm_step_arch_caps(void)
{
	size_t i = 0;
	while (steps[i].code != kvm_code_archcap)
		i++;
	return i;
}

const char *kvm_exit_name(unsigned reason)
{
	static const char *const names[] = {
		[KVM_EXIT_UNKNOWN] = "KVM_EXIT_UNKNOWN",
		[KVM_EXIT_EXCEPTION] = "KVM_EXIT_EXCEPTION",
		[KVM_EXIT_IO] = "KVM_EXIT_IO",
		[KVM_EXIT_HLT] = "KVM_EXIT_HLT",
		[KVM_EXIT_MMIO] = "KVM_EXIT_MMIO",
		[KVM_EXIT_SHUTDOWN] = "KVM_EXIT_SHUTDOWN",
		[KVM_EXIT_FAIL_ENTRY] = "KVM_EXIT_FAIL_ENTRY",
		[KVM_EXIT_INTERNAL_ERROR] = "KVM_EXIT_INTERNAL_ERROR",
		[KVM_EXIT_SYSTEM_EVENT] = "KVM_EXIT_SYSTEM_EVENT",
	};
	return reason < ARRAY_SIZE(names) ? names[reason] : NULL;
}

bool kvm_vm_make(struct kvm_vm *vm, const char **op)
{
	*vm = (struct kvm_vm){.kvm_fd = -1, .vm_fd = -1, .cpu_fd = -1};
	*op = "open /dev/kvm";
	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return false;
	*op = "KVM_GET_API_VERSION";
	int version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		errno = version < 0 ? errno : EPROTO;
		return false;
	}
	*op = "KVM_CREATE_VM";
	do
		vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	while (vm->vm_fd < 0 && errno == EINTR);
	if (vm->vm_fd < 0)
		return false;
	/* Before any vCPU; Intel without unrestricted guests needs the two addresses. */
	uint64_t identity = 0xfeffc000;
	ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, 0xfeffd000ul);
	vm->irqchip = ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0) == 0;
	*op = "KVM_CREATE_VCPU";
	vm->cpu_fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, 0);
	return vm->cpu_fd >= 0;
}

void kvm_vm_done(struct kvm_vm *vm)
{
	if (vm->run)
		munmap(vm->run, vm->run_size);
	if (vm->mem)
		munmap(vm->mem, G_MEM_SIZE);
	free(vm->cpuid);
	free(vm->events);
	fd_close(vm->cpu_fd);
	fd_close(vm->vm_fd);
	fd_close(vm->kvm_fd);
	*vm = (struct kvm_vm){.kvm_fd = -1, .vm_fd = -1, .cpu_fd = -1};
}

static void put64(struct kvm_vm *vm, size_t at, uint64_t v)
{
	memcpy(vm->mem + at, &v, sizeof v);
}

static uint64_t guest_addr(const uint8_t *code)
{
	return G_CODE + (uint64_t)(code - kvm_guest_start);
}

/* An interrupt gate (SDM 3A, 6.14.1). */
static void put_gate(struct kvm_vm *vm, unsigned vector, uint64_t to, unsigned dpl)
{
	size_t at = G_IDT + vector * 16;
	put64(vm, at,
		(to & 0xffff) | (uint64_t)G_CS << 16 | (uint64_t)(0x8e00 | dpl << 13) << 32 |
			(to >> 16 & 0xffff) << 48);
	put64(vm, at + 8, to >> 32);
}

static void put_tables(struct kvm_vm *vm)
{
	enum { TABLE = 7, PAGE_2M = 0x87 }; /* present, writable, for ring 3 too */
	put64(vm, G_PML4, G_PDPT | TABLE);
	put64(vm, G_PDPT, G_PD | TABLE);
	put64(vm, G_PD, PAGE_2M);
	put64(vm, G_PD + 8, 0); /* G_HOLE */
	put64(vm, G_PD + 16, G_MMIO_PHYS | PAGE_2M);
	put64(vm, G_GDT + G_CS, 0x00af9b000000ffff);
	put64(vm, G_GDT + G_DS, 0x00cf93000000ffff);
	put64(vm, G_GDT + (G_UCS32 & ~3), 0x00cffb000000ffff);
	put64(vm, G_GDT + (G_UDS & ~3), 0x00cff3000000ffff);
	put64(vm, G_GDT + (G_UCS & ~3), 0x00affb000000ffff);
	put64(vm, G_GDT + G_TR, 0x67 | (uint64_t)G_TSS << 16 | 0x0000890000000000);
	put64(vm, G_TSS + 4, G_RSP0);
	for (unsigned v = 0; v <= G_VEC_IRQ; v++)
		put_gate(vm, v, guest_addr(kvm_guest_stubs) + v * 16, v == 3 ? 3 : 0);
}

static bool give_memory(struct kvm_vm *vm, const char **op)
{
	*op = "mmap";
	vm->mem =
		mmap(NULL, G_MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->mem == MAP_FAILED) {
		vm->mem = NULL;
		return false;
	}
	memcpy(vm->mem + G_CODE, kvm_guest_start, (size_t)(kvm_guest_end - kvm_guest_start));
	put_tables(vm);
	*op = "KVM_SET_USER_MEMORY_REGION";
	struct kvm_userspace_memory_region slot = {
		.memory_size = G_MEM_SIZE, .userspace_addr = (uintptr_t)vm->mem};
	return ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) == 0;
}

/* The local APIC, enabled by its spurious-vector register, so that it takes interrupts. */
static bool enable_apic(const struct kvm_vm *vm)
{
	struct kvm_lapic_state apic;
	if (ioctl(vm->cpu_fd, KVM_GET_LAPIC, &apic) < 0)
		return false;
	memcpy(apic.regs + 0xf0, &(uint32_t){0x1ff}, 4);
	return ioctl(vm->cpu_fd, KVM_SET_LAPIC, &apic) == 0;
}

bool kvm_vm_load(struct kvm_vm *vm, const char **op)
{
	if (!give_memory(vm, op))
		return false;
	*op = "KVM_GET_VCPU_MMAP_SIZE";
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof *vm->run)
		return false;
	*op = "mmap of the vCPU";
	void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->cpu_fd, 0);
	if (run == MAP_FAILED)
		return false;
	vm->run = run;
	vm->run_size = (size_t)size;
	*op = "KVM_GET_SUPPORTED_CPUID";
	vm->cpuid = mem_alloc(sizeof *vm->cpuid + MAX_CPUID * sizeof *vm->cpuid->entries);
	vm->cpuid->nent = MAX_CPUID;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, vm->cpuid) < 0)
		return false;
	*op = "KVM_SET_CPUID2";
	if (ioctl(vm->cpu_fd, KVM_SET_CPUID2, vm->cpuid) < 0)
		return false;
	struct kvm_sregs sregs;
	*op = "KVM_GET_SREGS";
	if (ioctl(vm->cpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return false;
	vm->apic_base = sregs.apic_base;
	vm->irqchip = vm->irqchip && enable_apic(vm);
	*op = "KVM_GET_VCPU_EVENTS";
	vm->events = mem_alloc(sizeof *vm->events);
	return ioctl(vm->cpu_fd, KVM_GET_VCPU_EVENTS, vm->events) == 0;
}

static bool has_instruction(const struct kvm_vm *vm, const struct step *s)
{
	if (s->reg < 0)
		return true;
	for (unsigned i = 0; i < vm->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &vm->cpuid->entries[i];
		if (e->function != s->leaf || e->index != s->subleaf)
			continue;
		const uint32_t regs[] = {e->eax, e->ebx, e->ecx, e->edx};
		return regs[s->reg] >> s->bit & 1;
	}
	return false;
}

static struct kvm_segment segment(unsigned selector, unsigned type, bool code64)
{
	return (struct kvm_segment){.limit = 0xffffffff,
		.selector = (uint16_t)selector,
		.type = (uint8_t)type,
		.present = 1,
		.db = !code64,
		.s = 1,
		.l = code64,
		.g = 1};
}

/* Fresh state: long mode with the tables of put_tables, or protected mode without paging
 * (as PVH and the 32-bit entry of the boot protocol start a kernel). */
static bool set_state(struct kvm_vm *vm, const struct step *s)
{
	enum { PE = 1, MP = 2, ET = 0x10, NE = 0x20, WP = 0x10000 };
	enum { PAE = 0x20, FXSR = 0x200, XMM = 0x400, SCE = 1, LME = 0x100, LMA = 0x400 };
	bool flat32 = s->code == kvm_code_entry32;
	struct kvm_sregs sregs = {0};
	struct kvm_regs regs = {.rip = guest_addr(s->code), .rsp = G_STACK, .rflags = 2};
	struct kvm_mp_state mp = {KVM_MP_STATE_RUNNABLE};
	sregs.apic_base = vm->apic_base;
	sregs.cs = segment(G_CS, 11, !flat32);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment(G_DS, 3, false);
	sregs.tr = (struct kvm_segment){
		.base = G_TSS, .limit = 0x67, .selector = G_TR, .type = 11, .present = 1};
	sregs.ldt = (struct kvm_segment){.unusable = 1};
	sregs.gdt = (struct kvm_dtable){.base = G_GDT, .limit = G_GDT_SIZE - 1};
	sregs.idt = (struct kvm_dtable){.base = G_IDT, .limit = 0xfff};
	sregs.cr0 = PE | MP | ET | NE | WP;
	if (!flat32) {
		sregs.cr0 |= 0x80000000;
		sregs.cr3 = G_PML4;
		sregs.cr4 = PAE | FXSR | XMM;
		sregs.efer = SCE | LME | LMA;
	}
	if (vm->irqchip)
		ioctl(vm->cpu_fd, KVM_SET_MP_STATE, &mp);
	return ioctl(vm->cpu_fd, KVM_SET_VCPU_EVENTS, vm->events) == 0 &&
	       ioctl(vm->cpu_fd, KVM_SET_SREGS, &sregs) == 0 &&
	       ioctl(vm->cpu_fd, KVM_SET_REGS, &regs) == 0;
}

/* After an exit for MMIO: the device is one register. */
static bool serve_mmio(const struct kvm_vm *vm, uint32_t *reg)
{
	struct kvm_run *run = vm->run;
	if (run->mmio.phys_addr != G_MMIO_PHYS || run->mmio.len != sizeof *reg)
		return false;
	if (run->mmio.is_write)
		memcpy(reg, run->mmio.data, sizeof *reg);
	else
		memcpy(run->mmio.data, reg, sizeof *reg);
	return true;
}

static struct kvm_outcome judge_io(const struct kvm_run *run)
{
	uint8_t byte = *((const uint8_t *)run + run->io.data_offset);
	switch (run->io.port) {
	case G_PORT_OK:
		return (struct kvm_outcome){.end = KVM_END_OK};
	case G_PORT_TRAP:
		return (struct kvm_outcome){.end = KVM_END_TRAP, .code = byte};
	default:
		return (struct kvm_outcome){.end = KVM_END_WRONG};
	}
}

static struct kvm_outcome run_to_end(const struct kvm_vm *vm)
{
	struct kvm_run *run = vm->run;
	uint32_t device = 0;
	for (int n = 0; n < MAX_EXITS; n++) {
		if (ioctl(vm->cpu_fd, KVM_RUN, 0) < 0)
			return (struct kvm_outcome){
				.end = errno == EINTR ? KVM_END_HUNG : KVM_END_ERROR,
				.code = (unsigned)errno};
		if (run->exit_reason == KVM_EXIT_IO)
			return judge_io(run);
		if (run->exit_reason != KVM_EXIT_MMIO || !serve_mmio(vm, &device))
			break;
	}
	struct kvm_outcome o = {.end = KVM_END_EXIT, .code = run->exit_reason};
	if (o.code == KVM_EXIT_INTERNAL_ERROR)
		o.suberror = run->internal.suberror;
	return o;
}

static void on_alarm(int sig)
{
}

static void set_alarm(unsigned ms)
{
	/* Repeated, because one that comes just before KVM_RUN would be lost. */
	struct itimerval t = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000},
		.it_interval = {.tv_usec = ms ? REPEAT_US : 0}};
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = ms ? on_alarm : SIG_IGN}, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static uint64_t cpu_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct kvm_outcome kvm_step_run(struct kvm_vm *vm, size_t i, unsigned deadline_ms)
{
	const struct step *s = &steps[i];
	bool irq = s->code == kvm_code_irq;
	if (!has_instruction(vm, s) || (irq && !vm->irqchip))
		return (struct kvm_outcome){.end = KVM_END_SKIPPED};
	put_tables(vm); /* ltr marks its descriptor busy; a failed invlpg leaves its page */
	struct kvm_msi msi = {.address_lo = 0xfee00000, .data = G_VEC_IRQ};
	if (!set_state(vm, s) || (irq && ioctl(vm->vm_fd, KVM_SIGNAL_MSI, &msi) < 0))
		return (struct kvm_outcome){.end = KVM_END_ERROR, .code = (unsigned)errno};
	set_alarm(deadline_ms);
	uint64_t start = cpu_now_ns();
	struct kvm_outcome o = run_to_end(vm);
	o.cpu_ns = cpu_now_ns() - start;
	vm->run->immediate_exit = 1;
	ioctl(vm->cpu_fd, KVM_RUN, 0);
	vm->run->immediate_exit = 0;
	set_alarm(0);
	return o;
}

bool kvm_arch_caps_set(const struct kvm_vm *vm)
{
	static const struct step bit = {.leaf = 7, .reg = 3, .bit = 29};
	union {
		struct kvm_msrs list;
		char room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} msrs = {0};
	msrs.list.nmsrs = 1;
	msrs.list.entries[0].index = ARCH_CAPS;
	if (!has_instruction(vm, &bit))
		return true;
	if (ioctl(vm->kvm_fd, KVM_GET_MSRS, &msrs) != 1)
		return true;
	return ioctl(vm->cpu_fd, KVM_SET_MSRS, &msrs) == 1;
}
