"""What leaves a local APIC: the effects of its accesses outside the chip."""

from __future__ import annotations

from codegen.lang import fn, u32
from drivers.interrupt.lapic import Shorthand
from hypervisor.devices.lapic.command import BROADCAST
from hypervisor.devices.lapic.state import LapicEffect
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.board_interrupts import end_of_interrupt, service_board
from hypervisor.vm.deadline import leave_in_time
from hypervisor.vm.interrupts import apply_local_effect, ask_for_interrupt
from hypervisor.vm.messages import NOBODY, deliver_message


@fn
def apply_effect(vcpu: Vcpu, effect: LapicEffect) -> None:
    """Do outside the chip what an access to `vcpu`'s local APIC means. REFUSED is the caller's: it injects #GP."""
    match effect:
        case LapicEffect.NONE:
            return
        case LapicEffect.END_OF_INTERRUPT:
            end_of_interrupt(vcpu.vm, vcpu.lapic.eoi_vector)
            ask_for_interrupt(vcpu)
        case LapicEffect.COMMAND:
            send_command(vcpu)
        case LapicEffect.TIMER:
            timer_changed(vcpu)
        case LapicEffect.EVERYTHING:
            timer_changed(vcpu)
            become_reachable(vcpu)
        case LapicEffect.REACHABLE:
            become_reachable(vcpu)
        case _:
            apply_local_effect(vcpu, effect)


@fn(cold=True)
def become_reachable(vcpu: Vcpu) -> None:
    """Send what nobody could accept so far. The local APIC has published its state before."""
    ask_for_interrupt(vcpu)
    service_board(vcpu.vm)


@fn
def timer_changed(vcpu: Vcpu) -> None:
    """The local APIC's timer may be due before the guest would leave by itself."""
    leave_in_time(vcpu, vcpu.lapic.timer_deadline)


@fn
def send_command(sender: Vcpu) -> None:
    """The message of the ICR, to everybody whom destination and shorthand name. Nobody asks whether it arrived."""
    message = sender.lapic.command
    except_for = u32(NOBODY)
    if message.shorthand != Shorthand.NONE:
        if message.shorthand == Shorthand.OTHERS:
            except_for = sender.index
        message = message.replace(destination=u32(BROADCAST), logical=False)
    if deliver_message(sender.vm, message, level=False, except_for=except_for):
        return
