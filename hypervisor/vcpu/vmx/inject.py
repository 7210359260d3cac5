"""Events on their way into the guest: injection, and what an exit in the middle of a delivery gives back.

`Event` has the layout of the VM-entry interruption-information field (SDM vol. 3C, table 25-17).
"""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.interruptibility import NMI_BLOCKING

CR0_PE = 1 << 0
EVENT_BITS = 0x8000_0FFF  # the rest is reserved; IDT-vectoring information leaves bit 12 undefined
FIRST_SOFTWARE_TYPE = 4


@fn
def inject(vcpu: Vcpu) -> None:
    """Have the next entry deliver `vcpu.pending`. A real-mode guest takes no error code (27.2.1.3)."""
    event = vcpu.pending
    if event.has_error:
        if fields.GUEST_CR0.read() & CR0_PE != 0:
            fields.ENTRY_ERROR_CODE.write(vcpu.pending_error & 0xFFFF)
        else:
            event = event.replace(has_error=False)
    if u32(event.type) >= FIRST_SOFTWARE_TYPE:
        fields.ENTRY_INSTRUCTION_LENGTH.write(vcpu.pending_length)
    fields.ENTRY_INTERRUPTION.write(u32(event))
    vcpu.pending = Event()


@fn
def recover_event(vcpu: Vcpu) -> None:
    """Put back an event whose delivery the exit interrupted (28.2.4). Only exits that can interrupt one ask."""
    vectoring = fields.IDT_VECTORING.read()
    if vectoring & 0x8000_0000 != 0:
        put_back(vcpu, vectoring)


@fn(cold=True, noinline=True)
def put_back(vcpu: Vcpu, vectoring: u32) -> None:
    """`vectoring` is valid IDT-vectoring information."""
    event = Event.of(vectoring & EVENT_BITS)
    vcpu.pending = event
    if event.has_error:
        vcpu.pending_error = fields.IDT_VECTORING_ERROR_CODE.read()
    if u32(event.type) >= FIRST_SOFTWARE_TYPE:
        vcpu.pending_length = fields.EXIT_INSTRUCTION_LENGTH.read()
    if event.type == EventType.NMI:
        # Its delivery began to block NMIs; the entry that delivers it again demands that they are not.
        fields.GUEST_INTERRUPTIBILITY.write(fields.GUEST_INTERRUPTIBILITY.read() & ~NMI_BLOCKING)
