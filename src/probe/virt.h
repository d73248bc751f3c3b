/* What the processor and the firmware say of virtualisation, below us and for us. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What KVM rests on here, by its modules: "AMD SVM", "Intel VMX", "PVM"; else by the
 * processor's flags; "" if nothing says. */
void virt_accelerator(char *text, size_t size);

/* Names the hypervisor of a 12-byte signature (CPUID leaf 0x40000000): "kvm", "xen" ...;
 * NULL if it is unknown. */
const char *virt_signature_name(const char signature[12]);

/* The hypervisor we run on: "firecracker", "kvm", "none", ...; evidence may be NULL. */
void virt_hypervisor(char *name, size_t size, char *evidence, size_t evidence_size);
