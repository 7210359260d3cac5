"""What is to be done to a VM as a whole: asked for by anybody, done by vCPU 0 when all others have come to rest."""

from __future__ import annotations

from codegen.lang import BitStruct, HwEnum, bits, fn, range, u8, u32, u64
from hypervisor.sched.notify import notify
from hypervisor.trace.events import EventKind
from hypervisor.trace.record import trace
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import SERVE_WORK, Vcpu
from hypervisor.vm.vm import StopReason, Vm


class OrderKind(HwEnum, repr=u8):
    """What is to be done."""

    NONE = 0
    RESET = 1
    STOP = 2
    PAUSE = 3
    RESUME = 4
    START = 5
    DESTROY = 6


class VmOrder(BitStruct, repr=u64):
    """One order. Its number is one more than the last one's, so that a vCPU that rests for an old one is not taken to
    rest for this one."""

    kind: OrderKind = bits(0, 7)
    reason: StopReason = bits(8, 15)  # of a STOP; of a RESET REBOOT if it was the guest's
    number: u32 = bits(32, 63)


@fn
def order_of(vm: Vm) -> VmOrder:
    """The order that waits or is being carried out; of kind NONE when there is none."""
    return VmOrder.of(vm.order.load())


@fn
def give_order(vm: Vm, kind: OrderKind, reason: StopReason) -> bool:
    """False when another order waits already, or is being carried out: this one is forgotten."""
    now = vm.order.load()
    last = VmOrder.of(now)
    if last.kind != OrderKind.NONE:
        return False
    order = VmOrder(kind=kind, reason=reason, number=last.number.wrapping_add(1))
    if not vm.order.compare_exchange(now, u64(order)):
        return False
    trace(EventKind.ORDER, vm.vcpu_first, u32(kind))
    for i in range(vm.vcpu_count):
        notify(vcpu_of(vm, i), SERVE_WORK)
    return True


@fn
def ask_order(vm: Vm, kind: OrderKind, reason: StopReason) -> None:
    """What the guest does to its VM: carried out at once, or after the order that waits. Of several that come
    meanwhile the first one counts; all of them end what the VM is."""
    asked = VmOrder(kind=kind, reason=reason, number=u32(0))
    vm.asked.compare_exchange(u64(0), u64(asked))
    give_asked(vm)


@fn
def give_asked(vm: Vm) -> None:
    """Who asks does so before it looks for an order, and who ends an order does so before it looks what was asked."""
    while True:
        waiting = vm.asked.load()
        if waiting == 0 or order_of(vm).kind != OrderKind.NONE:
            return
        if vm.asked.compare_exchange(waiting, u64(0)):
            asked = VmOrder.of(waiting)
            if give_order(vm, asked.kind, asked.reason):
                return
            vm.asked.compare_exchange(u64(0), waiting)


@fn
def end_order(vm: Vm, order: VmOrder) -> None:
    """It has been carried out: the VM can take the next one."""
    vm.order.store(u64(order.replace(kind=OrderKind.NONE)))
    give_asked(vm)


@fn
def park(vcpu: Vcpu, order: VmOrder) -> None:
    """Any but vCPU 0, its state in memory: it rests until the order has been carried out, and its own thread touches
    nothing of it."""
    vcpu.parked.store(u64(order))
    notify(vcpu_of(vcpu.vm, u32(0)), SERVE_WORK)


@fn
def all_parked(vm: Vm, order: VmOrder) -> bool:
    """Whether every vCPU but number 0 rests."""
    for i in range(u32(1), vm.vcpu_count):
        if vcpu_of(vm, i).parked.load() != u64(order):
            return False
    return True
