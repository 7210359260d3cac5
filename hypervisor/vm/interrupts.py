"""What a vCPU takes: messages that others have posted, interrupts of its local APIC, and those of the PIC."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.devices.board import board_acknowledge
from hypervisor.devices.lapic.local import lapic_takes_extint
from hypervisor.devices.lapic.priority import NO_VECTOR, lapic_pending_vector, lapic_take_vector
from hypervisor.devices.lapic.receive import lapic_receive
from hypervisor.devices.lapic.state import LapicEffect, LapicMode
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, NMI_WORK, Vcpu


@fn
def receive_messages(vcpu: Vcpu) -> bool:
    """Make what others have posted part of the local APIC; whether an NMI is to be offered for it. Only behind the step
    that cleared `work.interrupt`: what comes later then sets it again."""
    return lapic_receive(vcpu.lapic) == LapicEffect.NMI


@fn
def interrupt_pending(vcpu: Vcpu) -> bool:
    """An interrupt waits that the guest would take if RFLAGS.IF and no shadow kept it away."""
    lapic = vcpu.lapic
    if lapic.mode != LapicMode.DISABLED and lapic_pending_vector(lapic) != NO_VECTOR:
        return True
    return lapic_takes_extint(lapic) and pic_interrupts(vcpu)


@fn
def pic_interrupts(vcpu: Vcpu) -> bool:
    """INTR, read without the board's lock. It may have gone when it is acknowledged. It cannot be missed: who raises
    it does so before asking which LINT0 pins pass it on, and a pin that begins to is looked at after it has said so."""
    return vcpu.vm.board.pic.interrupt.load()


@fn
def take_interrupt(vcpu: Vcpu) -> u32:
    """Acknowledge and return the vector: of the local APIC first, else of the PIC. NO_VECTOR when the PIC's request
    has gone meanwhile, to another vCPU or altogether."""
    lapic = vcpu.lapic
    if lapic.mode != LapicMode.DISABLED:
        vector = lapic_pending_vector(lapic)
        if vector != NO_VECTOR:
            lapic_take_vector(lapic, vector)
            return vector
    vm = vcpu.vm
    with vm.board_lock:
        acknowledged = board_acknowledge(vm.board)
    return u32(NO_VECTOR) if acknowledged is None else acknowledged


@fn
def apply_local_effect(vcpu: Vcpu, effect: LapicEffect) -> None:
    """The effects that stay with the processor."""
    if effect == LapicEffect.INTERRUPT:
        ask_for_interrupt(vcpu)
    elif effect == LapicEffect.NMI:
        raise_nmi(vcpu)


@fn
def ask_for_interrupt(vcpu: Vcpu) -> None:
    """By itself: look for a deliverable interrupt before the next entry."""
    vcpu.work.fetch_or(INTERRUPT_WORK)


@fn
def raise_nmi(vcpu: Vcpu) -> None:
    """By itself: an NMI before the next entry."""
    vcpu.work.fetch_or(NMI_WORK)
