/* Rows of the table in facts.c: virtualisation, and what kind of place this is. */
// clang-format off
{
	.name = "sandbox", .group = "place", .try = try_sandbox,
	.question = "What kind of place is this: gVisor, a container, a VM, a bare machine?",
	.how = "Signs are gathered (kernel log, /proc, files and cgroups of container managers, namespaces, CPUID) and judged together.",
},
{
	.name = "virt.hypervisor", .group = "place", .try = try_virt_hypervisor,
	.question = "Which hypervisor does this machine run on?",
	.how = "The CPUID instruction is asked for leaf 0x40000000; DMI strings, /sys/hypervisor and the maker of the ACPI tables tell apart those that look alike.",
},
{
	.name = "virt.nested", .group = "virtual machines", .try = try_virt_nested,
	.question = "Which virtualisation does this processor offer?",
	.how = "CPUID is asked for VMX and SVM; /sys/module is searched for KVM's modules.",
	.remedy = "On a bare machine: enable it in the firmware. In a VM: whoever runs its host can expose it (nested=1 of kvm_intel or kvm_amd there, and a CPU model that shows it).",
},
{
	.name = "kvm.device", .group = "virtual machines", .try = try_kvm_device,
	.question = "Can /dev/kvm be opened?",
	.how = "It is opened for reading and writing.",
	.remedy = "root can load kvm_intel or kvm_amd and add this user to the group of /dev/kvm (usually kvm); in a container, whoever starts it can give it the device (--device /dev/kvm).",
},
{
	.name = "kvm.vm", .group = "virtual machines", .try = try_kvm_vm,
	.question = "Does KVM make a VM with a vCPU?",
	.how = "KVM_CREATE_VM, KVM_CREATE_IRQCHIP and KVM_CREATE_VCPU are called.",
	.remedy = "See kvm.device; where the device opens, another hypervisor may hold the processor's extension.",
},
{
	.name = "kvm", .group = "virtual machines", .try = try_kvm, .costly = true, .timeout_ms = 2000,
	.question = "Does KVM run the ring-0 code that a stock kernel needs?",
	.how = "A guest runs step by step what kernels run early: entry to long mode, MSRs, control registers, descriptor tables, exceptions, ring 3 and back, lock cmpxchg16b, xsave, MMIO, an interrupt; each step has to prove its result within 40 ms.",
	.remedy = "Only who runs the host can help: hardware virtualisation passed on to this machine (nested=1 of kvm_intel or kvm_amd). Without it VMs take User Mode Linux or QEMU's TCG.",
},
{
	.name = "vsock.guests", .group = "virtual machines", .try = try_vsock_guests,
	.question = "Can a VM started here get a vsock device?",
	.how = "/dev/vhost-vsock is opened and given a context id, which goes when it is closed.",
	.remedy = "root can run modprobe vhost_vsock; in a container, whoever starts it can give it the device. Without it VMs take a virtio-serial port.",
},
