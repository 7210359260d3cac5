"""What VMs ask of the processors, held against each other: caps, exclusive processors, real-time budgets."""

from collections.abc import Iterator, Sequence

from hypervisor.config.limits import MAX_CPUS
from hypervisor.config.model import VmConfig
from hypervisor.sched.queues import SERVERS_MAX
from hypervisor.sched.realtime import MILLION, RESERVED_MAX

Found = tuple[int, str, str, str]
"""Number of the VM, what is wrong, at which key, and what to write."""


def processor_problems(vms: Sequence[VmConfig | None]) -> Iterator[Found]:
    """All of them; a VM that is None has problems enough."""
    for place, vm in enumerate(vms):
        if vm is not None:
            yield from problems_alone(place, vm)
    yield from exclusive_problems(vms)
    yield from budget_problems(vms)


def problems_alone(place: int, vm: VmConfig) -> Iterator[Found]:
    if vm.cap is not None and vm.cap > 100 * vm.vcpus:
        what = f"{vm.cap} percent is more than {vm.vcpus} virtual CPU{'s' if vm.vcpus > 1 else ''} can use"
        yield place, what, "cap", f"write at most {100 * vm.vcpus}, or leave it out"
    if vm.exclusive and not vm.cpus:
        yield place, "nothing says which processors", "exclusive", "add a line such as cpus = [1]"
    if (vm.budget is None) != (vm.period is None):
        key = "budget" if vm.period is None else "period"
        yield place, "budget and period belong together", key, "write both, or neither"
    elif vm.budget is not None and vm.period is not None:
        if vm.budget > vm.period:
            yield place, "the budget is longer than its period", "budget", "write less than the period"
        if vm.cap is not None:
            yield place, "a real-time VM has its budget for a cap", "cap", "leave it out"


def exclusive_problems(vms: Sequence[VmConfig | None]) -> Iterator[Found]:
    """A processor of one VM's own is nobody else's, and every VM has one left."""
    for place, vm in enumerate(vms):
        if vm is None:
            continue
        kept = {cpu: other.name for other in vms if other and other is not vm and other.exclusive for cpu in other.cpus}
        for cpu in vm.cpus:
            if cpu in kept:
                yield place, f"processor {cpu} is {kept[cpu]}'s own (exclusive)", "cpus", "name another one"
        if not vm.cpus and len(kept) == MAX_CPUS:
            yield place, "every processor is another VM's own", "", "leave one to it"


def budget_problems(vms: Sequence[VmConfig | None]) -> Iterator[Found]:
    """Each real-time vCPU goes to the first of its processors that has room for it, as in the monitor."""
    parts, servers = [0] * MAX_CPUS, [0] * MAX_CPUS
    for place, vm in enumerate(vms):
        if vm is None or vm.budget is None or vm.period is None or vm.budget > vm.period:
            continue
        others = {cpu for other in vms if other and other is not vm and other.exclusive for cpu in other.cpus}
        usable = sorted(set(vm.cpus or range(MAX_CPUS)) - others)
        need = -(-vm.budget * MILLION // vm.period)
        for _ in range(vm.vcpus):
            room = [cpu for cpu in usable if parts[cpu] + need <= RESERVED_MAX and servers[cpu] < SERVERS_MAX]
            if not room:
                what = "its processors have no room for the budget of every virtual CPU"
                most = f"{RESERVED_MAX * 100 // MILLION} percent and {SERVERS_MAX} virtual CPUs"
                yield place, what, "budget", f"ask for less, or for more processors: each takes at most {most}"
                break
            parts[room[0]] += need
            servers[room[0]] += 1
