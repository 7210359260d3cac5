"""Whether a message is meant for a local APIC (SDM vol. 3A, sections 11.6.2 and 11.12.10)."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.devices.lapic.command import BROADCAST
from hypervisor.devices.lapic.state import PublicState

FLAT = 0xF
CLUSTER = 0x0


@fn
def lapic_is_addressed(lapic: PublicState, destination: u32, logical: bool) -> bool:
    """`destination` as a message carries it: 32 bits, FFFFFFFFH for everybody. A disabled APIC is nobody."""
    if not lapic.enabled:
        return False
    if destination == BROADCAST:
        return True
    if not logical:
        return destination == lapic.apic_id
    if lapic.x2apic:
        # The logical ID follows from the ID (section 11.12.10.2).
        return destination >> 16 == lapic.apic_id >> 4 and destination >> (lapic.apic_id & 15) & 1 != 0
    own = u32(lapic.logical_id)
    if lapic.format == FLAT:
        return destination & own != 0
    return lapic.format == CLUSTER and destination >> 4 == own >> 4 and destination & own & 0xF != 0
