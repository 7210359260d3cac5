"""`kb guest`: the guest's registers as they were at its last exit, and that exit."""

from __future__ import annotations

import gdb

from codegen.debugger.printers import one_line
from hypervisor.debugger.control_block import has_svm, vmcb_of, vmcs_encodings, vmcs_field, vmcs_of
from hypervisor.debugger.vcpus import VcpuPlace, chosen_vcpu, vm_name, vm_of

GENERAL = ("rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
HELD = ("rip", "rsp", "rflags", "cr0", "cr3", "cr4", "efer")
SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs", "tr", "ldtr", "gdtr", "idtr")
VMCS_SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr", "gdtr", "idtr")
SELECTORS = 8


class Guest(gdb.Command):
    """kb guest [VCPU]: the guest's registers at its last exit.

    Without a number, the vCPU that the selected frame works for, or the one that the processor holds.
    """

    def __init__(self) -> None:
        super().__init__("kb guest", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        vcpu = chosen_vcpu(argument)
        value = vcpu.value
        print(f"{vm_name(vm_of(vcpu))}, vCPU {value['index']}: {value['state']}")
        registers = {"rax": int(value["regs"]["rax"]), **{name: int(value["regs"][name]) for name in GENERAL}}
        registers.update(svm_registers(vcpu) if has_svm() else vmx_registers(vcpu))
        names = list(registers)
        for first in range(0, len(names), 3):
            print("  ".join(f"{name:>6} {registers[name]:016x}" for name in names[first : first + 3]))
        for line in svm_segments(vcpu) if has_svm() else vmx_segments(vcpu):
            print(line)
        print("exit:")
        print(f"  {'hardware_reason':18} {hardware_reason(vcpu):#x}")
        for field in value["exit"].type.strip_typedefs().fields():
            if field.name != "hardware_reason":  # the monitor notes only that of rare exits
                print(f"  {field.name:18} {one_line(value['exit'][field])}")


def hardware_reason(vcpu: VcpuPlace) -> int:
    """Of the last exit, as the processor left it."""
    if has_svm():
        return int(vmcb_of(vcpu)["control"]["exit_code"])
    return vmcs_field(vmcs_of(vcpu), vmcs_encodings()["EXIT_REASON"])


def svm_registers(vcpu: VcpuPlace) -> dict[str, int]:
    """What the VMCB keeps."""
    save = vmcb_of(vcpu)["save"]
    return {name: int(save[name]) for name in HELD}


def vmx_registers(vcpu: VcpuPlace) -> dict[str, int]:
    """What the VMCS keeps."""
    content, encodings = vmcs_of(vcpu), vmcs_encodings()
    return {name: vmcs_field(content, encodings[f"GUEST_{name.upper()}"]) for name in HELD}


def svm_segments(vcpu: VcpuPlace) -> list[str]:
    """One line each."""
    save = vmcb_of(vcpu)["save"]
    return [
        segment_line(name, *(int(save[name][part]) for part in ("selector", "base", "limit", "attributes")))
        for name in SEGMENTS
    ]


def vmx_segments(vcpu: VcpuPlace) -> list[str]:
    """The same; the fields of each kind are two apart (hypervisor/vcpu/vmx/fields.py)."""
    content = vmcs_of(vcpu)
    lines = []
    for name in SEGMENTS:
        place = 2 * VMCS_SEGMENTS.index(name)
        base, limit = vmcs_field(content, 0x6806 + place), vmcs_field(content, 0x4800 + place)
        selector, rights = 0, 0
        if place < 2 * SELECTORS:
            selector, rights = vmcs_field(content, 0x0800 + place), vmcs_field(content, 0x4814 + place)
        lines.append(segment_line(name, selector, base, limit, rights))
    return lines


def segment_line(name: str, selector: int, base: int, limit: int, rights: int) -> str:
    return f"{name:>6} {selector:04x} base {base:016x} limit {limit:08x} rights {rights:05x}"


Guest()
