/* What the trial's guest and its host side agree on: the layout of guest memory (guest
 * physical = virtual, one 2 MiB slot at 0), the ports it answers on, and its steps.
 * Read by the assembler too. */
#pragma once

#define G_MEM_SIZE  0x200000
#define G_PML4      0x1000
#define G_PDPT      0x2000
#define G_PD        0x3000
#define G_GDT       0x4000
#define G_TSS       0x4100
#define G_IDT       0x5000
#define G_SCRATCH   0x7000
#define G_XSAVE     0x8000 /* up to 0x10000: AVX-512 and AMX need 11 KiB */
#define G_CODE      0x10000
#define G_STACK     0x20000
#define G_RSP0      0x28000  /* stack after a trap from ring 3 */
#define G_USER      0x30000  /* stack in ring 3 */
#define G_HOLE      0x200000 /* not mapped */
#define G_MMIO      0x400000 /* mapped to a guest physical address without memory */
#define G_MMIO_PHYS 0x10000000

/* Linux's own selectors (asm/segment.h): kvm-pvm knows no others in ring 3. */
#define G_CS       0x10
#define G_DS       0x18
#define G_UCS32    0x23 /* STAR's base for sysret: data behind it, 64-bit code behind that */
#define G_UDS      0x2b
#define G_UCS      0x33
#define G_TR       0x40
#define G_GDT_SIZE 0x50

#define G_PORT_OK    0xd0
#define G_PORT_WRONG 0xd1 /* the instruction ran and gave a wrong result */
#define G_PORT_TRAP  0xd2 /* an exception nobody asked for; the byte is its vector */

#define G_VEC_IRQ 0x20
#define G_MAGIC   0x6e696475
#define G_LOOP    4000 /* two instructions each */

/* name, what it runs; CPUID leaf, subleaf, register (0-3: eax..edx) and bit without which
 * a kernel would not run it; register -1: every kernel does. */
#define KVM_STEPS(X)                                                                               \
	X(out, "out", 0, 0, -1, 0)                                                                 \
	X(cpuid, "cpuid", 0, 0, -1, 0)                                                             \
	X(rdtsc, "rdtsc", 0, 0, -1, 0)                                                             \
	X(alu, "mul/div/shld/bsr/bswap/cmov", 0, 0, -1, 0)                                         \
	X(string, "rep movsb/stosq/cmpsb", 0, 0, -1, 0)                                            \
	X(atomic, "lock cmpxchg/xadd/bts", 0, 0, -1, 0)                                            \
	X(cx16, "lock cmpxchg16b", 1, 0, 2, 13)                                                    \
	X(flags, "pushf/popf/cli/sti", 0, 0, -1, 0)                                                \
	X(lfence, "lfence", 0, 0, -1, 0)                                                           \
	X(mfence, "mfence/sfence", 0, 0, -1, 0)                                                    \
	X(pause, "pause/prefetch", 0, 0, -1, 0)                                                    \
	X(clflush, "clflush", 0, 0, -1, 0)                                                         \
	X(verw, "verw", 0, 0, -1, 0)                                                               \
	X(wbinvd, "wbinvd", 0, 0, -1, 0)                                                           \
	X(msr, "rdmsr/wrmsr", 0, 0, -1, 0)                                                         \
	X(archcap, "rdmsr 0x10a", 7, 0, 3, 29)                                                     \
	X(cr, "mov cr0/cr3/cr4, clts", 0, 0, -1, 0)                                                \
	X(invlpg, "invlpg", 0, 0, -1, 0)                                                           \
	X(tables, "lgdt/lidt/lret", 0, 0, -1, 0)                                                   \
	X(ltr, "ltr/lldt", 0, 0, -1, 0)                                                            \
	X(int3, "int3", 0, 0, -1, 0)                                                               \
	X(ud2, "ud2", 0, 0, -1, 0)                                                                 \
	X(fault, "page fault", 0, 0, -1, 0)                                                        \
	X(swapgs, "swapgs", 0, 0, -1, 0)                                                           \
	X(ring3, "iretq to ring 3, fault back", 0, 0, -1, 0)                                       \
	X(syscall, "sysretq/syscall", 0, 0, -1, 0)                                                 \
	X(fx, "fninit/fxsave/fxrstor", 0, 0, -1, 0)                                                \
	X(sse, "movups/movaps", 0, 0, -1, 0)                                                       \
	X(xsetbv, "xsetbv", 1, 0, 2, 26)                                                           \
	X(xsave, "xsave/xrstor", 1, 0, 2, 26)                                                      \
	X(xsavec, "xsavec", 13, 1, 0, 1)                                                           \
	X(xsaves, "xsaves/xrstors", 13, 1, 0, 3)                                                   \
	X(smap, "stac/clac", 7, 0, 1, 20)                                                          \
	X(invpcid, "invpcid", 7, 0, 1, 10)                                                         \
	X(fsgsbase, "wrgsbase/rdgsbase", 7, 0, 1, 0)                                               \
	X(popcnt, "popcnt", 1, 0, 2, 23)                                                           \
	X(rdrand, "rdrand", 1, 0, 2, 30)                                                           \
	X(mmio, "mov to MMIO", 0, 0, -1, 0)                                                        \
	X(irq, "hlt woken by an interrupt", 0, 0, -1, 0)                                           \
	X(entry32, "32-bit entry to long mode", 0, 0, -1, 0)                                       \
	X(loop, "loop", 0, 0, -1, 0)
