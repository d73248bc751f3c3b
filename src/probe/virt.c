/* Virtualisation below us and for us.  Below: the hypervisor's signature is read with the
 * CPUID instruction, which needs no file; firmware tables tell apart those that share
 * one (Firecracker, QEMU and clouds all say KVM).  For us: the processor's flags and the
 * modules that KVM rests on. */
#include "probe/virt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "probe/trial.h"
#include "probe/trials.h"

#if defined(__x86_64__)
#	include <cpuid.h>

/* Copies the signature; false where no hypervisor shows itself. */
static bool read_signature(char signature[12])
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 31))
		return false;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(signature, &b, 4);
	memcpy(signature + 4, &c, 4);
	memcpy(signature + 8, &d, 4);
	return true;
}

static const char *cpu_extension(void)
{
	unsigned a, b, c, d;
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 5))
		return "Intel VMX";
	if (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 2))
		return "AMD SVM";
	return NULL;
}
#else
static bool read_signature(char signature[12])
{
	return false;
}

static const char *cpu_extension(void)
{
	return NULL;
}
#endif

const char *virt_signature_name(const char signature[12])
{
	static const struct {
		char signature[13];
		const char *name;
	} known[] = {
		{"KVMKVMKVM\0\0\0", "kvm"},
		{"Linux KVM Hv", "kvm"},
		{"Microsoft Hv", "hyper-v"},
		{"VMwareVMware", "vmware"},
		{"XenVMMXenVMM", "xen"},
		{"TCGTCGTCGTCG", "tcg"},
		{"VBoxVBoxVBox", "virtualbox"},
		{"bhyve bhyve ", "bhyve"},
		{"ACRNACRNACRN", "acrn"},
		{"QNXQVMBSQG\0\0", "qnx"},
		{" prl hyperv ", "parallels"},
		{"SRESRESRESRE", "sre"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (memcmp(signature, known[i].signature, 12) == 0)
			return known[i].name;
	return NULL;
}

struct maker {
	const char *file, *text, *name;
};

/* DMI strings that say more than the signature; the first that fits. */
static const struct maker makers[] = {
	{"/sys/class/dmi/id/sys_vendor", "QEMU", "qemu"},
	{"/sys/class/dmi/id/sys_vendor", "VMware", "vmware"},
	{"/sys/class/dmi/id/sys_vendor", "innotek", "virtualbox"},
	{"/sys/class/dmi/id/sys_vendor", "Xen", "xen"},
	{"/sys/class/dmi/id/sys_vendor", "Cloud Hypervisor", "cloud-hypervisor"},
	{"/sys/class/dmi/id/sys_vendor", "Google", "google"},
	{"/sys/class/dmi/id/sys_vendor", "Amazon EC2", "amazon"},
	{"/sys/class/dmi/id/sys_vendor", "Apple", "apple"},
	{"/sys/class/dmi/id/product_name", "Virtual Machine", "hyper-v"},
	{"/sys/class/dmi/id/product_name", "KVM", "qemu"},
	{"/sys/hypervisor/type", "xen", "xen"},
};

static const struct maker *find_maker(char *text, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (file_read_line(AT_FDCWD, makers[i].file, text, size) >= 0 &&
			strstr(text, makers[i].text))
			return &makers[i];
	return NULL;
}

/* The maker of the ACPI tables; only root may read them. */
static bool acpi_oem(char oem[7])
{
	char head[16];
	_cleanup_fd_ int fd = open("/sys/firmware/acpi/tables/FACP", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_full(fd, head, sizeof head) != (ssize_t)sizeof head)
		return false;
	memcpy(oem, head + 10, 6); /* ACPI 6.4, 5.2.6 */
	oem[6] = '\0';
	return true;
}

static void put(char *text, size_t size, const char *what, const char *value)
{
	size_t n = text ? strlen(text) : size;
	if (n < size)
		snprintf(text + n, size - n, "%s%s %s", n ? "; " : "", what, value);
}

void virt_hypervisor(char *name, size_t size, char *evidence, size_t evidence_size)
{
	char signature[12], shown[13] = "", text[128], oem[7];
	const char *found = NULL;
	bool virtual = read_signature(signature);
	if (evidence)
		evidence[0] = '\0';
	if (virtual) {
		found = virt_signature_name(signature);
		memcpy(shown, signature, 12);
		for (char *p = shown; *p; p++)
			if (*p < ' ' || *p > '~')
				*p = '?';
		put(evidence, evidence_size, "CPUID leaf 0x40000000 says", shown);
		found = found ? found : "unknown";
	} else {
		put(evidence, evidence_size, "CPUID leaf 1:", "no hypervisor bit");
	}
	const struct maker *m = find_maker(text, sizeof text);
	if (m) {
		put(evidence, evidence_size, m->file, text);
		/* A real machine of such a vendor has no hypervisor bit. */
		if (!found || strcmp(found, "kvm") == 0)
			found = virtual || strcmp(m->name, "xen") == 0 ? m->name : found;
	}
	if (acpi_oem(oem)) {
		put(evidence, evidence_size, "ACPI tables are by", oem);
		if (strcmp(oem, "FIRECK") == 0)
			found = "firecracker";
	}
	if (file_read_line(AT_FDCWD, "/proc/cpuinfo", text, sizeof text) >= 0 &&
		strstr(text, "User Mode Linux"))
		found = "uml";
	snprintf(name, size, "%s", found ? found : "none");
}

void try_virt_hypervisor(struct fact_result *r)
{
	char name[32], evidence[400];
	virt_hypervisor(name, sizeof name, evidence, sizeof evidence);
	fact_works(r, "%s", evidence);
	snprintf(r->value, sizeof r->value, "%s", name);
}

static const struct {
	const char *module, *nested, *name;
} modules[] = {
	{"/sys/module/kvm_intel", "/sys/module/kvm_intel/parameters/nested", "Intel VMX"},
	{"/sys/module/kvm_amd", "/sys/module/kvm_amd/parameters/nested", "AMD SVM"},
	{"/sys/module/kvm_pvm", NULL, "PVM"},
};

void virt_accelerator(char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		size_t n = strlen(text);
		if (access(modules[i].module, F_OK) == 0)
			snprintf(text + n, size - n, "%s%s", n ? "+" : "", modules[i].name);
	}
	const char *extension = text[0] ? NULL : cpu_extension();
	if (extension)
		snprintf(text, size, "%s", extension);
}

void try_virt_nested(struct fact_result *r)
{
	char evidence[300], line[16];
	const char *extension = cpu_extension();
	snprintf(evidence, sizeof evidence, "CPUID shows %s",
		extension ? extension : "neither VMX nor SVM");
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		if (access(modules[i].module, F_OK) < 0)
			continue;
		put(evidence, sizeof evidence, modules[i].module, "is loaded");
		if (modules[i].nested &&
			file_read_line(AT_FDCWD, modules[i].nested, line, sizeof line) > 0)
			put(evidence, sizeof evidence, "its parameter nested is", line);
	}
	virt_accelerator(r->value, sizeof r->value);
	if (extension)
		fact_works(r, "%s", evidence);
	else if (strstr(r->value, "PVM"))
		fact_works(r, "%s: guests run without hardware help", evidence);
	else
		fact_set(r, FACT_ABSENT, "the processor shows no virtualisation extension", "%s",
			evidence);
}
