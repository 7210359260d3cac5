"""Whether a message is meant for this local APIC (SDM vol. 3A, sections 11.6.2 and 11.12.10)."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.devices.lapic.command import BROADCAST
from hypervisor.devices.lapic.state import LapicMode, LocalApic

FLAT = 0xF
CLUSTER = 0x0


@fn
def lapic_is_addressed(lapic: LocalApic, destination: u32, logical: bool) -> bool:
    """`destination` as a message carries it: 32 bits, FFFFFFFFH for everybody. A disabled APIC is nobody."""
    if lapic.mode == LapicMode.DISABLED:
        return False
    if destination == BROADCAST:
        return True
    if not logical:
        return destination == lapic.apic_id
    own = lapic.registers.logical_destination
    if lapic.mode == LapicMode.X2APIC:
        return destination >> 16 == own >> 16 and destination & own & 0xFFFF != 0
    own = own >> 24
    model = lapic.registers.destination_format >> 28
    if model == FLAT:
        return destination & own != 0
    return model == CLUSTER and destination >> 4 == own >> 4 and destination & own & 0xF != 0
