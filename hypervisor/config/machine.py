"""What VMs ask of a machine whose size is known: memory and processors that are not there, weights out of reach."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypervisor.config.kinds import size_text
from hypervisor.config.limits import MAX_CPUS, MIB
from hypervisor.config.model import VmConfig
from hypervisor.config.processors import Found

MONITOR_MEMORY = 32 * MIB
"""For the monitor, its tables and the firmware; the archive with the guests' files comes on top."""


@dataclass(frozen=True)
class MachineSize:
    """What is known of it. `memory` in bytes."""

    cpus: int | None = None
    memory: int | None = None


def machine_problems(vms: Sequence[VmConfig | None], machine: MachineSize) -> Iterator[Found]:
    """Everything that the machine does not have."""
    if machine.cpus is not None:
        yield from missing_processors(vms, machine.cpus)
    if machine.memory is not None:
        yield from missing_memory(vms, machine.memory)


def missing_processors(vms: Sequence[VmConfig | None], cpus: int) -> Iterator[Found]:
    for place, vm in enumerate(vms):
        if vm is None:
            continue
        missing = [cpu for cpu in vm.cpus if cpu >= cpus]
        if missing:
            names = ", ".join(map(str, missing))
            yield place, f"the machine has no processor {names}", "cpus", f"write numbers from 0 to {cpus - 1}"
        elif not usable(vm, vms, cpus):
            yield place, f"each of the {cpus} processors is another VM's own", "", "leave one to it"


def missing_memory(vms: Sequence[VmConfig | None], memory: int) -> Iterator[Found]:
    """At the VM with which it becomes too much. One that starts by hand may take the place of another."""
    files = {file for vm in vms if vm for file in vm.files}
    left = memory - MONITOR_MEMORY - sum(file.stat().st_size for file in files)
    for place, vm in enumerate(vms):
        if vm is None or not vm.start:
            continue
        needed = vm.host_memory
        if needed > left:
            asked = f'"{size_text(vm.memory)}"' + (
                f" with {size_text(needed - vm.memory)} of disks" if vm.disks else ""
            )
            what = f"{asked} is more than what is left of {size_text(memory)}: {max(left, 0) // MIB} MiB"
            yield place, what, "memory", 'lower it, or that of another VM, or write start = "manual"'
        left -= needed


def weight_warnings(vms: Sequence[VmConfig], cpus: int) -> Iterator[str]:
    """Weights that cannot be met on so many processors, when every VM wants all it can get."""
    if len(vms) < 2:
        return  # nobody competes
    parts = {place: 0.0 for place, vm in enumerate(vms) if vm.budget is None}
    total = float(cpus)
    clamped: dict[int, float] = {}
    while True:
        free = [place for place in parts if place not in clamped]
        weights = sum(vms[place].weight for place in free)
        left = total - sum(clamped.values())
        over = []
        for place in free:
            parts[place] = left * vms[place].weight / weights
            if parts[place] > most(vms[place], vms, cpus) + 1e-9:
                over.append(place)
        if not over:
            break
        for place in over:
            limit = most(vms[place], vms, cpus)
            yield (
                f"{vms[place].name}: weight {vms[place].weight} would give it {parts[place]:.2f} of {cpus} processors, "
                f"but it can use {limit:g} at most; the others share the rest"
            )
            clamped[place] = limit


def most(vm: VmConfig, vms: Sequence[VmConfig], cpus: int) -> float:
    """Processors that the VM can use at once."""
    limit = float(min(vm.vcpus, len(usable(vm, vms, cpus))))
    return limit if vm.cap is None else min(limit, vm.cap / 100)


def usable(vm: VmConfig, vms: Sequence[VmConfig | None], cpus: int) -> set[int]:
    """Processors on which it may run."""
    kept = {cpu for other in vms if other and other is not vm and other.exclusive for cpu in other.cpus}
    return set(vm.cpus or range(MAX_CPUS)) & set(range(cpus)) - kept
