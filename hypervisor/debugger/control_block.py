"""`kb vmcb` and `kb vmcs`: what the processor keeps of a vCPU; and the guest's registers out of either."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import gdb

from codegen.debugger.elf import symbols
from codegen.debugger.names import image_file
from codegen.debugger.printers import one_line
from hypervisor.debugger.memory import read_physical, record, typed
from hypervisor.debugger.vcpus import VcpuPlace, chosen_vcpu

FIELDS = Path(__file__).resolve().parents[1] / "vcpu" / "vmx" / "fields.py"
BOCHS_DATA = 0x10
BOCHS_FIELDS = 64
ACCESS_RIGHTS = range(0x4814, 0x4824, 2)


class Vmcb(gdb.Command):
    """kb vmcb [VCPU]: the VMCB of a vCPU (AMD-V): control area and state-save area."""

    def __init__(self) -> None:
        super().__init__("kb vmcb", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        block = vmcb_of(chosen_vcpu(argument))
        for part in ("control", "save"):
            print(f"{part}:")
            for field in block[part].type.strip_typedefs().fields():
                print(f"  {field.name:20} {one_line(block[part][field])}")


class Vmcs(gdb.Command):
    """kb vmcs [VCPU]: the fields of a vCPU's VMCS (VT-x) that Keelback uses.

    A VMCS has no layout that the manuals give; this one is Bochs'. What the processor holds right now is in memory
    after the next exit.
    """

    def __init__(self) -> None:
        super().__init__("kb vmcs", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        content = vmcs_of(chosen_vcpu(argument))
        for name, encoding in vmcs_encodings().items():
            print(f"  {name:26} {vmcs_field(content, encoding):#x}")


def has_svm() -> bool:
    """Which back end the image has."""
    return "svm_enter" in symbols(image_file())


def back_end_state(vcpu: VcpuPlace, kind: str) -> Any:
    """The back end's own part of a vCPU: an overlay of `vendor`."""
    vendor = vcpu.value["vendor"]
    content = b"".join(int(vendor[i]).to_bytes(8, "little") for i in range(vendor.type.range()[1] + 1))
    layout = gdb.lookup_type(kind)
    return typed(content[: layout.sizeof], layout)


def vmcb_of(vcpu: VcpuPlace) -> Any:
    """The VMCB as it is in memory now."""
    if not has_svm():
        raise gdb.GdbError("this is the VT-x image: kb vmcs")
    return record("Vmcb", int(back_end_state(vcpu, "SvmVcpu")["vmcb_physical"]))


def vmcs_of(vcpu: VcpuPlace) -> bytes:
    """The VMCS region."""
    if has_svm():
        raise gdb.GdbError("this is the AMD-V image: kb vmcb")
    return read_physical(int(back_end_state(vcpu, "VmxVcpu")["vmcs"]), 4096)


@cache
def vmcs_encodings() -> dict[str, int]:
    """By name, from the monitor's own declarations."""
    found = {}
    for node in ast.parse(FIELDS.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value.args[0])
    return found


def vmcs_field(content: bytes, encoding: int) -> int:
    """Bochs keeps fields by width and type (bits 14:13 and 11:10 of the encoding), 64 cells of four bytes each, behind
    a header; bit 0, the upper half of a 64-bit field, counts as a part of the index."""
    width, kind, index = encoding >> 13 & 3, encoding >> 10 & 3, encoding & 0x3FF
    row = width << 2 | kind
    size = {0: 2, 1: 8, 2: 4, 3: 8}[width]
    place = BOCHS_DATA + 4 * (row * BOCHS_FIELDS + index)
    value = int.from_bytes(content[place : place + size], "little")
    return value >> 8 if encoding in ACCESS_RIGHTS else value  # these Bochs keeps as a descriptor's upper half


Vmcb()
Vmcs()
