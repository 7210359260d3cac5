"""Which VM starts when: by `order`, each `delay` behind the one before."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, max, range, rdtsc, storage, u32, u64
from hypervisor.console.log import log
from hypervisor.sched.queues import NEVER
from hypervisor.time.clock import ns_to_tsc
from hypervisor.vm.manifest import manifest_vm
from hypervisor.vm.order import OrderKind, give_order
from hypervisor.vm.vm import VMS, VMS_MAX, StopReason, Vm, VmState

MILLISECOND = 1_000_000  # ns


class Starts(Struct):
    """The first processor's."""

    due: Field[u64]  # host TSC at which the next VM is to start, or NEVER


STARTS = storage(Starts)


@fn(cold=True)
def schedule_starts() -> None:
    """Of all VMs that have been made. Those without a delay before them start now."""
    moment = max(rdtsc(), u64(1))
    for _ in range(u32(VMS_MAX)):
        vm = next_in_order()
        if vm is None:
            break
        entry = manifest_vm(vm.manifest_index)
        if entry is not None:
            moment = moment + ns_to_tsc(u64(entry.delay) * MILLISECOND)
        vm.start_at = moment
        moment = moment + 1  # so that the order stays when there is no delay
    start_due()


@fn(cold=True)
def next_in_order() -> Vm | None:
    """Of those without a moment yet, the one that starts first."""
    best: Vm | None = None
    least = u32(0)
    for i in range(u32(VMS_MAX)):
        vm = VMS[i]
        entry = manifest_vm(i)
        if vm.state == VmState.READY and vm.start_at == 0 and entry is not None:
            if best is None or entry.order < least:
                best = vm
                least = entry.order
    return best


@fn(cold=True)
def start_due() -> None:
    """Start the VMs whose moment has come, in their order, and find out when the next one's does."""
    now = rdtsc()
    while True:
        vm = earliest()
        if vm is None:
            STARTS.due = NEVER
            return
        if vm.start_at > now:
            STARTS.due = vm.start_at
            return
        vm.start_at = 0
        if not give_order(vm, OrderKind.START, StopReason.NONE):
            log(f"{vm.name_span()}: not started: another order came first")


@fn(cold=True)
def earliest() -> Vm | None:
    """The VM that is to start next."""
    best: Vm | None = None
    for i in range(u32(VMS_MAX)):
        vm = VMS[i]
        if vm.start_at != 0 and (best is None or vm.start_at < best.start_at):
            best = vm
    return best
