/* The guest of the KVM trial: what a stock x86-64 kernel runs in ring 0 before its first
 * program, one step an instruction or a pair of them.  Assembled to run at G_CODE; the
 * host side (kvm-run.c) copies it there and starts each step with fresh registers.
 * A step ends by a write to a port.  r15: the vector of an exception that is wanted,
 * r14: where its handler returns to (0: to where it came from), r12: where the handler goes
 * on in ring 0 instead of returning (0: it returns), r13: how many came. */
#include "probe/kvm-guest.h"

#define AT(label) (G_CODE + label - kvm_guest_start)

	.section .rodata.kvm_guest, "a"
	.balign 16
	.globl kvm_guest_start, kvm_guest_stubs, kvm_guest_end

.macro step name
	.balign 16
	.globl kvm_code_\name
kvm_code_\name:
.endm

.macro ok
	out	%al, $G_PORT_OK
	hlt
.endm

.macro setmsr index, low, high=0
	mov	$\index, %ecx
	mov	$\low, %eax
	mov	$\high, %edx
	wrmsr
.endm

kvm_guest_start:
wrong:
	out	%al, $G_PORT_WRONG
	hlt

	.balign 16
kvm_guest_stubs:
vector = 0
.rept 33
	.balign 16
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
	push	$0
	.endif
	push	$vector
	jmp	trap
vector = vector + 1
.endr
trap:
	cmp	%r15, (%rsp)
	jne	1f
	inc	%r13
	test	%r12, %r12
	jnz	3f
	add	$16, %rsp
	test	%r14, %r14
	jz	2f
	mov	%r14, (%rsp)
2:	iretq
3:	jmp	*%r12
1:	mov	(%rsp), %rax
	out	%al, $G_PORT_TRAP
	hlt

step out
	ok

step cpuid
	xor	%eax, %eax
	cpuid
	test	%eax, %eax
	jz	wrong
	ok

step rdtsc
	rdtsc
	mov	%eax, %ebx
	mov	%edx, %esi
	rdtsc
	sub	%ebx, %eax
	sbb	%esi, %edx
	js	wrong
	ok

step alu
	mov	$0x123456789, %rax
	mov	$0x100000000, %rcx
	mul	%rcx
	cmp	$1, %rdx
	jne	wrong
	div	%rcx
	test	%rdx, %rdx
	jnz	wrong
	shld	$8, %rax, %rdx
	bsr	%rax, %rcx
	cmp	$32, %rcx
	jne	wrong
	bswap	%rax
	cmovne	%rax, %rdx
	movzbl	%al, %ecx
	movsbq	%cl, %rcx
	test	%rcx, %rcx
	jnz	wrong
	ok

step string
	lea	kvm_guest_start(%rip), %rsi
	mov	$G_SCRATCH, %edi
	mov	$64, %ecx
	rep movsb
	lea	kvm_guest_start(%rip), %rsi
	mov	$G_SCRATCH, %edi
	mov	$64, %ecx
	repe cmpsb
	jne	wrong
	mov	$-1, %rax
	mov	$G_SCRATCH, %edi
	mov	$4, %ecx
	rep stosq
	cmpq	$-1, G_SCRATCH + 24
	jne	wrong
	ok

step atomic
	movq	$5, G_SCRATCH
	mov	$5, %eax
	mov	$7, %ecx
	lock cmpxchg %rcx, G_SCRATCH
	jne	wrong
	mov	$1, %eax
	lock xadd %rax, G_SCRATCH
	cmp	$7, %rax
	jne	wrong
	lock btsq $40, G_SCRATCH
	jc	wrong
	lock decq G_SCRATCH
	xchg	%rax, G_SCRATCH
	mov	$0x10000000007, %rcx
	cmp	%rcx, %rax
	jne	wrong
	ok

step flags
	sti
	cli
	pushfq
	orq	$0x40000, (%rsp)
	popfq
	pushfq
	pop	%rax
	test	$0x40000, %eax
	jz	wrong
	ok

step lfence
	lfence
	ok

step mfence
	mfence
	sfence
	ok

step pause
	pause
	prefetcht0 G_SCRATCH
	ok

step clflush
	clflush	G_SCRATCH
	ok

step verw
	movl	$G_DS, G_SCRATCH
	verw	G_SCRATCH
	jnz	wrong
	ok

step wbinvd
	wbinvd
	ok

step msr
	mov	$0xc0000080, %ecx
	rdmsr
	test	$0x400, %eax
	jz	wrong
	wrmsr
	setmsr	0xc0000102, G_MAGIC, 0x1234
	xor	%eax, %eax
	xor	%edx, %edx
	rdmsr
	cmp	$G_MAGIC, %eax
	jne	wrong
	cmp	$0x1234, %edx
	jne	wrong
	mov	$0x277, %ecx
	rdmsr
	mov	$0x1b, %ecx
	rdmsr
	ok

step archcap
	mov	$0x10a, %ecx
	rdmsr
	ok

step cr
	mov	%cr4, %rax
	or	$0x80, %rax
	mov	%rax, %cr4
	mov	%cr4, %rbx
	cmp	%rax, %rbx
	jne	wrong
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	%cr0, %rax
	btr	$16, %rax
	or	$8, %rax
	mov	%rax, %cr0
	clts
	mov	%cr0, %rax
	test	$8, %eax
	jnz	wrong
	ok

step invlpg
	movl	$G_MAGIC, G_SCRATCH
	movq	$0x83, G_PD + 8
	cmpl	$G_MAGIC, G_HOLE + G_SCRATCH
	jne	wrong
	movq	$0, G_PD + 8
	invlpg	G_HOLE
	mov	$14, %r15d
	lea	1f(%rip), %r14
	mov	G_HOLE + G_SCRATCH, %eax
	jmp	wrong
1:	ok

step tables
	mov	$G_SCRATCH, %ebx
	movw	$(G_GDT_SIZE - 1), (%rbx)
	movq	$G_GDT, 2(%rbx)
	lgdt	(%rbx)
	movw	$0xfff, 16(%rbx)
	movq	$G_IDT, 18(%rbx)
	lidt	16(%rbx)
	mov	$G_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	push	$G_CS
	lea	1f(%rip), %rax
	push	%rax
	lretq
1:	mov	%cs, %eax
	cmp	$G_CS, %ax
	jne	wrong
	ok

step ltr
	xor	%eax, %eax
	lldt	%ax
	mov	$G_TR, %eax
	ltr	%ax
	str	%eax
	cmp	$G_TR, %ax
	jne	wrong
	ok

step int3
	mov	$3, %r15d
	int3
	cmp	$1, %r13
	jne	wrong
	ok

step ud2
	mov	$6, %r15d
	lea	1f(%rip), %r14
	ud2
1:	cmp	$1, %r13
	jne	wrong
	ok

step fault
	mov	$14, %r15d
	lea	1f(%rip), %r14
	mov	G_HOLE, %eax
	jmp	wrong
1:	mov	%cr2, %rax
	cmp	$G_HOLE, %rax
	jne	wrong
	ok

step swapgs
	setmsr	0xc0000101, 0x1000
	setmsr	0xc0000102, 0x2000
	swapgs
	mov	$0xc0000101, %ecx
	rdmsr
	cmp	$0x2000, %eax
	jne	wrong
	ok

step ring3
	mov	$14, %r15d
	lea	2f(%rip), %r12
	push	$G_UDS
	push	$G_USER
	push	$2
	push	$G_UCS
	lea	1f(%rip), %rax
	push	%rax
	iretq
1:	mov	%cs, %ebx
	mov	G_HOLE, %eax
2:	cmp	$G_UCS, %bx
	jne	wrong
	mov	%cs, %eax
	cmp	$G_CS, %ax
	jne	wrong
	cmpw	$G_UCS, 24(%rsp)
	jne	wrong
	ok

step syscall
	setmsr	0xc0000081, 0, (G_UCS32 << 16 | G_CS)
	setmsr	0xc0000082, AT(2f)
	setmsr	0xc0000084, 0x200
	lea	1f(%rip), %rcx
	mov	$2, %r11d
	sysretq
1:	mov	%cs, %ebx
	syscall
	jmp	wrong
2:	cmp	$G_UCS, %bx
	jne	wrong
	mov	%cs, %eax
	cmp	$G_CS, %ax
	jne	wrong
	ok

step fx
	fninit
	mov	$G_XSAVE, %eax
	fxsave	(%rax)
	cmpw	$0x37f, (%rax)
	jne	wrong
	fxrstor	(%rax)
	ok

step sse
	mov	$G_SCRATCH, %eax
	movl	$G_MAGIC, 16(%rax)
	movups	16(%rax), %xmm1
	movaps	%xmm1, 32(%rax)
	cmpl	$G_MAGIC, 32(%rax)
	jne	wrong
	ok

step cx16
	mov	$G_SCRATCH, %edi
	movq	$1, (%rdi)
	movq	$2, 8(%rdi)
	mov	$1, %eax
	mov	$2, %edx
	mov	$3, %ebx
	mov	$4, %ecx
	lock cmpxchg16b (%rdi)
	jne	wrong
	cmpq	$4, 8(%rdi)
	jne	wrong
	ok

.macro osxsave
	mov	%cr4, %rax
	bts	$18, %rax
	mov	%rax, %cr4
.endm

/* The state that xsave keeps, and where: x87 and SSE. */
.macro xmask
	mov	$3, %eax
	xor	%edx, %edx
	mov	$G_XSAVE, %edi
.endm

step xsetbv
	osxsave
	mov	$3, %eax
	xor	%edx, %edx
	xor	%ecx, %ecx
	xsetbv
	xor	%eax, %eax
	xgetbv
	cmp	$3, %eax
	jne	wrong
	ok

step xsave
	osxsave
	xmask
	fninit
	xsave64	(%rdi)
	cmpw	$0x37f, (%rdi)
	jne	wrong
	xrstor64 (%rdi)
	ok

step xsavec
	osxsave
	xmask
	xsavec64 (%rdi)
	btq	$63, 520(%rdi)
	jnc	wrong
	ok

step xsaves
	osxsave
	setmsr	0xda0, 0
	xmask
	xsaves64 (%rdi)
	xmask
	xrstors64 (%rdi)
	ok

step smap
	stac
	clac
	ok

step invpcid
	mov	$G_SCRATCH, %edi
	movq	$0, (%rdi)
	movq	$0, 8(%rdi)
	mov	$2, %eax
	invpcid	(%rdi), %rax
	ok

step fsgsbase
	mov	%cr4, %rax
	bts	$16, %rax
	mov	%rax, %cr4
	mov	$G_SCRATCH, %eax
	wrgsbase %rax
	rdgsbase %rbx
	cmp	%rax, %rbx
	jne	wrong
	ok

step popcnt
	mov	$0xff00, %ebx
	popcnt	%rbx, %rax
	cmp	$8, %eax
	jne	wrong
	ok

step rdrand
	mov	$10, %ecx
1:	rdrand	%rax
	jc	2f
	loop	1b
	jmp	wrong
2:	ok

step mmio
	mov	$G_MAGIC, %eax
	mov	%eax, G_MMIO
	mov	G_MMIO, %ebx
	cmp	%eax, %ebx
	jne	wrong
	ok

step irq
	mov	$G_VEC_IRQ, %r15d
	lea	1f(%rip), %r14
	sti
	hlt
	jmp	wrong
1:	ok

step loop
	mov	$G_LOOP, %ecx
1:	dec	%ecx
	jnz	1b
	ok

	.code32
step entry32
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	$G_PML4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	ljmp	$G_CS, $AT(1f)
	.code64
1:	mov	$G_STACK, %esp
	ok

kvm_guest_end:
	.section .note.GNU-stack, "", @progbits
