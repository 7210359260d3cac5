"""Interrupt messages between the local APICs and the I/O APIC of a VM: who is meant, and what is posted there.

Senders touch atomics of the receiver alone, so no lock is taken and no vCPU has to stop.
"""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from drivers.interrupt.lapic import DeliveryMode, InterruptCommand
from hypervisor.devices.lapic.destination import lapic_is_addressed
from hypervisor.devices.lapic.local import RECEIVE_ILLEGAL_VECTOR
from hypervisor.devices.lapic.posted import post_errors, post_init, post_startup, post_vector
from hypervisor.devices.lapic.priority import FIRST_LEGAL_VECTOR
from hypervisor.devices.lapic.public import lapic_seen
from hypervisor.sched.notify import notify
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, NMI_WORK, Vcpu
from hypervisor.vm.vm import Vm

NOBODY = 0xFFFF_FFFF


@fn
def deliver_message(vm: Vm, message: InterruptCommand, level: bool, except_for: u32) -> bool:
    """To every addressed vCPU but number `except_for`; a lowest-priority message to one. Whether anybody accepted
    it."""
    receivers = receivers_of(vm, message, except_for)
    if message.delivery == DeliveryMode.LOWEST_PRIORITY:
        receivers = arbitrate(vm, receivers, u32(message.vector))
    accepted = receivers != 0
    while receivers != 0:
        receiver = vcpu_of(vm, u32(receivers.trailing_zeros()))
        receivers = receivers & (receivers - 1)
        post_message(receiver, message.delivery, u32(message.vector), level)
    return accepted


@fn
def receivers_of(vm: Vm, message: InterruptCommand, except_for: u32) -> u64:
    """Bit n: vCPU n is addressed and accepts such a message. A local APIC that is software-disabled takes only INIT,
    NMI, SMI and STARTUP (SDM vol. 3A, 11.4.7.2)."""
    fixed = message.delivery == DeliveryMode.FIXED or message.delivery == DeliveryMode.LOWEST_PRIORITY
    receivers = u64(0)
    for i in range(vm.vcpu_count):
        seen = lapic_seen(vcpu_of(vm, i).lapic)
        if lapic_is_addressed(seen, message.destination, message.logical) and (seen.accepts_fixed or not fixed):
            receivers = receivers | u64(1) << (u64(i) & 63)
    return receivers if except_for == NOBODY else receivers & ~(u64(1) << (u64(except_for) & 63))


@fn
def arbitrate(vm: Vm, receivers: u64, vector: u32) -> u64:
    """Who gets a lowest-priority message: by the vector, so that the vectors are spread evenly over the candidates, as
    today's chipsets and KVM do (vector hashing); of those that have taken all that was sent to them, if there are any,
    as the others are busy, or their turn is over.

    How a chipset chooses is not architectural (SDM vol. 3A, 11.6.2.4). By task priority would need every write of TPR,
    the most frequent access to a local APIC, to be published to the other processors.
    """
    waiting = u64(0)
    for i in range(vm.vcpu_count):
        if vcpu_of(vm, i).lapic.posted.summary.load() != 0:
            waiting = waiting | u64(1) << (u64(i) & 63)
    candidates = receivers & ~waiting
    if candidates == 0:
        candidates = receivers
    if candidates == 0:
        return u64(0)
    skip = u64(vector) % candidates.count_ones()
    while skip != 0:
        candidates = candidates & (candidates - 1)
        skip = skip - 1
    return candidates & u64(0).wrapping_sub(candidates)


@fn
def post_message(vcpu: Vcpu, delivery: DeliveryMode, vector: u32, level: bool) -> None:
    """Leave a message with a local APIC that accepts it."""
    posted = vcpu.lapic.posted
    match delivery:
        case DeliveryMode.FIXED | DeliveryMode.LOWEST_PRIORITY:
            if vector < FIRST_LEGAL_VECTOR:
                post_errors(posted, u32(RECEIVE_ILLEGAL_VECTOR))
            else:
                post_vector(posted, vector, level)
        case DeliveryMode.NMI:
            notify(vcpu, NMI_WORK)
            return
        case DeliveryMode.INIT:
            post_init(posted)
        case DeliveryMode.STARTUP:
            post_startup(posted, vector)
        case _:
            return  # SMI, ExtINT: taken and without effect, as there is no SMM, and no PIC on the other end
    notify(vcpu, INTERRUPT_WORK)
