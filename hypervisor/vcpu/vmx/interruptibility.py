"""What keeps events from the guest: the interruptibility state (SDM vol. 3C, table 25-3), RFLAGS.IF, and windows."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, fn, implements, u32
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.controls import PrimaryControls
from hypervisor.vcpu.vmx.loaded import load
from hypervisor.vcpu.vmx.state import vmx_of

RFLAGS_IF = 1 << 9


class Interruptibility(BitStruct, repr=u32):
    """Table 25-3."""

    sti: bool = bit(0)
    mov_ss: bool = bit(1)
    smi: bool = bit(2)
    nmi: bool = bit(3)  # virtual-NMI blocking


SHADOW = u32(Interruptibility(sti=True, mov_ss=True))
NMI_BLOCKING = u32(Interruptibility(nmi=True))
INTERRUPT_WINDOW = u32(PrimaryControls(interrupt_window_exiting=True))
NMI_WINDOW = u32(PrimaryControls(nmi_window_exiting=True))


@implements(contract.vcpu_can_take_interrupt)
@fn
def vcpu_can_take_interrupt(vcpu: Vcpu) -> bool:
    """RFLAGS.IF is set, there is no interrupt shadow and no event is being injected."""
    load(vcpu)
    return (
        not vcpu.pending.valid
        and fields.GUEST_RFLAGS.read() & RFLAGS_IF != 0
        and fields.GUEST_INTERRUPTIBILITY.read() & SHADOW == 0
    )


@implements(contract.vcpu_can_take_nmi)
@fn
def vcpu_can_take_nmi(vcpu: Vcpu) -> bool:
    """NMIs are not blocked, nor shadowed, and no event is being injected."""
    load(vcpu)
    return not vcpu.pending.valid and fields.GUEST_INTERRUPTIBILITY.read() & (SHADOW | NMI_BLOCKING) == 0


@implements(contract.vcpu_request_interrupt_window)
@fn
def vcpu_request_interrupt_window(vcpu: Vcpu, wanted: bool) -> None:
    """Exit as soon as the guest can take an interrupt."""
    request_window(vcpu, INTERRUPT_WINDOW, wanted)


@implements(contract.vcpu_request_nmi_window)
@fn
def vcpu_request_nmi_window(vcpu: Vcpu, wanted: bool) -> None:
    """Exit as soon as the guest can take an NMI."""
    request_window(vcpu, NMI_WINDOW, wanted)


@fn
def request_window(vcpu: Vcpu, window: u32, wanted: bool) -> None:
    """Change the primary controls, but only when something changes."""
    state = vmx_of(vcpu)
    primary = state.primary | window if wanted else state.primary & ~window
    if primary != state.primary:
        load(vcpu)
        state.primary = primary
        fields.PRIMARY_CONTROLS.write(primary)


@fn(cold=True, noinline=True)
def block_nmis() -> None:
    """An IRET that ends NMI blocking caused the exit and will run again: the blocking goes on (28.2.3)."""
    fields.GUEST_INTERRUPTIBILITY.write(fields.GUEST_INTERRUPTIBILITY.read() | NMI_BLOCKING)
