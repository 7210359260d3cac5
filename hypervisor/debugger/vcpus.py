"""`kb vms`, and which vCPU the other commands mean."""

from __future__ import annotations

from typing import Any, NamedTuple

import gdb

from codegen.debugger.names import is_local
from hypervisor.debugger.memory import count, element, in_monitor, physical_of, record, static_memory

VCPUS = "hypervisor.vcpu.pool.VCPUS"
VMS = "hypervisor.vm.vm.VMS"
CPUS = "hypervisor.cpu.per_cpu.CPUS"


class VcpuPlace(NamedTuple):
    """A vCPU's contents when it was read, and where it lies (virtual address)."""

    value: Any
    address: int


class Machines(gdb.Command):
    """kb vms: the virtual machines, their vCPUs, and which one the processor holds."""

    def __init__(self) -> None:
        super().__init__("kb vms", gdb.COMMAND_STATUS)

    def invoke(self, argument: str, from_tty: bool) -> None:
        for number in range(count(VMS)):
            vm, _ = element(VMS, number)
            if int(vm["state"]) == 0:
                continue
            size = int(vm["memory_size"]) >> 20
            print(f"VM {number} {vm_name(vm)}: {vm['state']}, {size} MiB")
            for index in range(int(vm["vcpu_first"]), int(vm["vcpu_first"]) + int(vm["vcpu_count"])):
                vcpu, address = element(VCPUS, index)
                held = ", in the processor" if address == loaded_vcpu() else ""
                print(f"  vCPU {index}: {vcpu['state']}, {exits_of(vcpu)} exits{held}")
        where = "the monitor" if in_monitor() else "a guest, or firmware"
        print(f"the processor runs {where}")


def exits_of(vcpu: Any) -> int:
    """All kinds together."""
    low, high = vcpu["exits"].type.range()
    return sum(int(vcpu["exits"][kind]) for kind in range(low, high + 1))


def vm_name(vm: Any) -> str:
    """As in the configuration."""
    name = vm["name"]
    return bytes(int(name["bytes"][i]) for i in range(int(name["length"]))).decode(errors="replace")


def loaded_vcpu() -> int:
    """Virtual address of the vCPU whose state processor 0 holds; 0 without one."""
    own, _ = element(CPUS, 0)
    return int(own["loaded_vcpu"])


def chosen_vcpu(argument: str) -> VcpuPlace:
    """By number; without one the selected frame's `vcpu`, else the one that the processor holds."""
    if argument.strip():
        number = int(gdb.parse_and_eval(argument))
        if not 0 <= number < count(VCPUS):
            raise gdb.GdbError(f"there are vCPUs 0 to {count(VCPUS) - 1}")
        return VcpuPlace(*element(VCPUS, number))
    address = vcpu_of_frame() or loaded_vcpu()
    if not address:
        raise gdb.GdbError("no vCPU has run yet")
    return VcpuPlace(record("Vcpu", physical_of(address)), address)


def vcpu_of_frame() -> int:
    """Of the selected frame or the next one outwards that has a local `vcpu`; 0 without one."""
    if not in_monitor():
        return 0
    selected = frame = gdb.selected_frame()
    try:
        while frame is not None:
            frame.select()
            if is_local("vcpu"):
                value = frame.read_var("vcpu")
                if not value.is_optimized_out and is_vcpu(int(value)):
                    return int(value)
            frame = frame.older()
    finally:
        selected.select()
    return 0


def is_vcpu(address: int) -> bool:
    """Not so for a local that has no value yet."""
    pool = static_memory(VCPUS)
    start, size = int(pool.address), pool.type.strip_typedefs().target().sizeof
    return bool(0 <= address - start < pool.type.sizeof and (address - start) % size == 0)


def vm_of(vcpu: VcpuPlace) -> Any:
    """The VM that it belongs to."""
    return record("Vm", physical_of(int(vcpu.value["vm"])))


Machines()
