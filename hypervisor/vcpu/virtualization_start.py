"""Switch virtualization on, or say in words what this machine lacks."""

from __future__ import annotations

from codegen.lang import fn, u8
from hypervisor.console.log import log
from hypervisor.cpu.features import words_for
from hypervisor.memory.frames import allocate_frame
from hypervisor.memory.owner import Owner
from hypervisor.vcpu.contract import Capability, vendor_enable_cpu, vendor_missing_capability


@fn(cold=True)
def virtualization_start() -> bool:
    """False, with the reason in the log, when guests cannot run here."""
    missing = vendor_missing_capability()
    if missing == Capability.PRESENT:
        host_area = allocate_frame(u8(Owner.CONTROL))
        assert host_area is not None
        missing = vendor_enable_cpu(host_area)
    if missing != Capability.PRESENT:
        log(f"guests cannot run on this machine: {words_for(missing)}")
        return False
    return True
