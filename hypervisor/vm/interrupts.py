"""Interrupts between the chips of a VM: messages to local APICs, the PIC through LINT0, EOIs back, and what a vCPU
takes."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from drivers.interrupt.ioapic import Redirection
from drivers.interrupt.lapic import DeliveryMode, InterruptCommand, Shorthand
from hypervisor.devices.clock import NEVER
from hypervisor.devices.ioapic import ioapic_end_of_interrupt, ioapic_entry, ioapic_requests, ioapic_sent
from hypervisor.devices.lapic.command import BROADCAST, wide_destination
from hypervisor.devices.lapic.destination import lapic_is_addressed
from hypervisor.devices.lapic.local import (
    RECEIVE_ILLEGAL_VECTOR,
    lapic_lint0_edge,
    lapic_report_error,
    lapic_takes_extint,
)
from hypervisor.devices.lapic.priority import (
    FIRST_LEGAL_VECTOR,
    NO_VECTOR,
    lapic_accept,
    lapic_accepts_fixed,
    lapic_pending_vector,
    lapic_take_vector,
)
from hypervisor.devices.lapic.state import LapicEffect, LapicMode
from hypervisor.devices.pic import pic_acknowledge
from hypervisor.sched.notify import notify
from hypervisor.time.clock import ns_to_tsc
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import Vcpu, VcpuWork
from hypervisor.vm.vm import Vm

NOBODY = 0xFFFF_FFFF

INTERRUPT_WORK = u32(VcpuWork(interrupt=True))
NMI_WORK = u32(VcpuWork(nmi=True))
DEADLINE_WORK = u32(VcpuWork(deadline=True))


# ---- what a vCPU takes ----


@fn
def interrupt_pending(vcpu: Vcpu) -> bool:
    """An interrupt waits that the guest would take if RFLAGS.IF and no shadow kept it away."""
    lapic = vcpu.lapic
    if lapic.mode != LapicMode.DISABLED and lapic_pending_vector(lapic) != NO_VECTOR:
        return True
    return vcpu.vm.board.pic.interrupt and lapic_takes_extint(lapic)


@fn
def take_interrupt(vcpu: Vcpu) -> u32:
    """Acknowledge and return the vector: of the local APIC first, else of the PIC. Only after `interrupt_pending`; if
    the request has gone, it is a spurious vector as on hardware."""
    lapic = vcpu.lapic
    if lapic.mode != LapicMode.DISABLED:
        vector = lapic_pending_vector(lapic)
        if vector != NO_VECTOR:
            lapic_take_vector(lapic, vector)
            return vector
    if lapic_takes_extint(lapic):
        return pic_acknowledge(vcpu.vm.board.pic)
    return lapic.registers.spurious & 0xFF


# ---- what leaves a local APIC ----


@fn
def apply_effect(vcpu: Vcpu, effect: LapicEffect) -> None:
    """Do outside the chip what an access to `vcpu`'s local APIC means. REFUSED is the caller's: it injects #GP."""
    match effect:
        case LapicEffect.NONE:
            return
        case LapicEffect.END_OF_INTERRUPT:
            ioapic_end_of_interrupt(vcpu.vm.board.ioapic, vcpu.lapic.eoi_vector)
            ask_for_interrupt(vcpu)
            service_board(vcpu.vm)
        case LapicEffect.COMMAND:
            send_command(vcpu)
        case LapicEffect.TIMER:
            timer_changed(vcpu)
        case LapicEffect.EVERYTHING:
            timer_changed(vcpu)
            ask_for_interrupt(vcpu)
            service_board(vcpu.vm)
        case _:
            apply_local_effect(vcpu, effect)


@fn
def apply_local_effect(vcpu: Vcpu, effect: LapicEffect) -> None:
    """The effects that stay with the processor."""
    if effect == LapicEffect.INTERRUPT:
        ask_for_interrupt(vcpu)
    elif effect == LapicEffect.NMI:
        raise_nmi(vcpu)


@fn
def ask_for_interrupt(vcpu: Vcpu) -> None:
    """Look for a deliverable interrupt before the next entry."""
    notify(vcpu, INTERRUPT_WORK)


@fn
def raise_nmi(vcpu: Vcpu) -> None:
    """An NMI for this vCPU."""
    notify(vcpu, NMI_WORK)


@fn
def timer_changed(vcpu: Vcpu) -> None:
    """The local APIC's timer may be due before the guest would leave by itself."""
    leave_in_time(vcpu, vcpu.lapic.timer_deadline)


@fn
def leave_in_time(vcpu: Vcpu, deadline: u64) -> None:
    """Have the guest leave no later than at `deadline`, ns of the VM's clock, or NEVER."""
    if deadline == NEVER:
        return
    moment = vcpu.vm.clock_base.wrapping_add(ns_to_tsc(deadline))
    if moment < vcpu.deadline:
        vcpu.deadline = moment
        vcpu.work.fetch_or(DEADLINE_WORK)


@fn
def send_command(sender: Vcpu) -> None:
    """The message of the ICR, to everybody whom destination and shorthand name."""
    message = sender.lapic.command
    match message.shorthand:
        case Shorthand.ALL:
            broadcast = message.replace(destination=u32(BROADCAST), logical=False)
            deliver_message(sender.vm, broadcast, level=False, except_for=u32(NOBODY))
        case Shorthand.OTHERS:
            broadcast = message.replace(destination=u32(BROADCAST), logical=False)
            deliver_message(sender.vm, broadcast, level=False, except_for=sender.index)
        case _:
            deliver_message(sender.vm, message, level=False, except_for=u32(NOBODY))


# ---- messages ----


@fn
def deliver_message(vm: Vm, message: InterruptCommand, level: bool, except_for: u32) -> bool:
    """To every addressed vCPU but number `except_for`; a lowest-priority message to one. Whether anybody accepted
    it."""
    if message.delivery == DeliveryMode.LOWEST_PRIORITY:
        return deliver_to_lowest(vm, message, level, except_for)
    accepted = False
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        if i != except_for and lapic_is_addressed(vcpu.lapic, message.destination, message.logical):
            if accept_message(vcpu, message.delivery, u32(message.vector), level):
                accepted = True
    return accepted


@fn
def deliver_to_lowest(vm: Vm, message: InterruptCommand, level: bool, except_for: u32) -> bool:
    """Arbitration by processor priority (SDM vol. 3A, 11.6.2.4); among equals the first."""
    best = u32(NOBODY)
    best_priority = u32(NOBODY)
    for i in range(vm.vcpu_count):
        lapic = vcpu_of(vm, i).lapic
        if i != except_for and lapic_is_addressed(lapic, message.destination, message.logical):
            priority = lapic.registers.processor_priority
            if lapic_accepts_fixed(lapic) and priority < best_priority:
                best = i
                best_priority = priority
    if best == NOBODY:
        return False
    return accept_message(vcpu_of(vm, best), DeliveryMode.FIXED, u32(message.vector), level)


@fn
def accept_message(vcpu: Vcpu, delivery: DeliveryMode, vector: u32, level: bool) -> bool:
    """One local APIC takes a message, or does not because it is software-disabled."""
    lapic = vcpu.lapic
    match delivery:
        case DeliveryMode.FIXED | DeliveryMode.LOWEST_PRIORITY:
            if not lapic_accepts_fixed(lapic):
                return False
            if vector < FIRST_LEGAL_VECTOR:
                apply_local_effect(vcpu, lapic_report_error(lapic, u32(RECEIVE_ILLEGAL_VECTOR)))
                return True
            lapic_accept(lapic, vector, level)
            ask_for_interrupt(vcpu)
        case DeliveryMode.NMI:
            raise_nmi(vcpu)
        case DeliveryMode.INIT:
            lapic.init_pending = True
            lapic.startup_pending = False
            ask_for_interrupt(vcpu)
        case DeliveryMode.STARTUP:
            lapic.startup_pending = True
            lapic.startup_vector = vector
            ask_for_interrupt(vcpu)
        case _:
            return True  # SMI, ExtINT: taken and without effect, as there is no SMM, and no PIC on the other end
    return True


# ---- what leaves the board ----


@fn
def service_board(vm: Vm) -> None:
    """Send the messages of the I/O APIC and pass the PIC's output to the LINT0 pins. A request that nobody accepts
    stays."""
    ioapic = vm.board.ioapic
    requests = ioapic_requests(ioapic)
    while requests != 0:
        pin = requests.trailing_zeros()
        requests = requests & (requests - 1)
        entry = ioapic_entry(ioapic, pin)
        level = ioapic.level >> (pin & 31) & 1 != 0
        if deliver_message(vm, message_of(entry), level, except_for=u32(NOBODY)):
            ioapic_sent(ioapic, pin)
    if vm.board.pic.interrupt:
        raise_lint0(vm)


@fn
def message_of(entry: Redirection) -> InterruptCommand:
    """A redirection entry as a message on the bus."""
    return InterruptCommand(
        vector=entry.vector,
        delivery=entry.delivery,
        logical=entry.logical,
        destination=wide_destination(u32(entry.destination)),
    )


@fn
def raise_lint0(vm: Vm) -> None:
    """INTR is up: for ExtINT as long as it is, for other kinds of LINT0 once."""
    first_time = not vm.board.intr_seen
    vm.board.intr_seen = True
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        if lapic_takes_extint(vcpu.lapic):
            ask_for_interrupt(vcpu)
        elif first_time:
            apply_local_effect(vcpu, lapic_lint0_edge(vcpu.lapic))
