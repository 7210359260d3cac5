"""Put a VM's files into its memory by the protocol that the manifest names."""

from __future__ import annotations

from codegen.lang import fn, len, u32, usize
from hypervisor.archive import archive_file
from hypervisor.config.manifest import NO_FILE, GuestProtocol
from hypervisor.devices.acpi.tables import write_acpi_tables
from hypervisor.devices.mp_tables import write_mp_tables
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.boot.linux import load_linux
from hypervisor.vm.boot.multiboot import load_multiboot
from hypervisor.vm.boot.texts import EMPTY, manifest_text
from hypervisor.vm.manifest import manifest_vm
from hypervisor.vm.vm import Vm


@fn(cold=True)
def place_guest(vm: Vm) -> BootError | None:
    """Fill the VM's zeroed RAM and set vCPU 0's registers."""
    entry = manifest_vm(vm.manifest_index)
    if entry is None:
        return BootError.KERNEL_MISSING
    kernel = archive_file(entry.kernel)
    if kernel is None:
        return BootError.KERNEL_MISSING
    rsdp = write_acpi_tables(vm.memory, vm.vcpu_count)
    if rsdp is None:
        return BootError.MEMORY_TOO_SMALL
    processor = vm.cpuid.basic[1]
    if not write_mp_tables(vm.memory, vm.vcpu_count, processor.eax, processor.edx):
        return BootError.MEMORY_TOO_SMALL
    vcpu = vcpu_of(vm, u32(0))
    if entry.protocol == u32(GuestProtocol.MULTIBOOT):
        return load_multiboot(vcpu, entry, kernel)
    text = manifest_text(entry.command_line)
    line = text.slice(usize(0), len(text) - 1)
    if entry.initrd == NO_FILE:
        return load_linux(vcpu, entry.memory, kernel, EMPTY.slice(usize(0), usize(0)), line, rsdp)
    initrd = archive_file(entry.initrd)
    if initrd is None:
        return BootError.FILE_MISSING
    return load_linux(vcpu, entry.memory, kernel, initrd, line, rsdp)
