"""The whole check, at most 24 rows of a text screen; the verdict comes last, where it cannot scroll away."""

from __future__ import annotations

from typing import Never

from boot.info import BootInfo
from codegen.lang import fn, u64
from hypervisor.check.devices import check_devices
from hypervisor.check.platform import check_consoles, check_firmware, check_memory
from hypervisor.check.processor import check_processor
from hypervisor.console.console import console_interrupt
from hypervisor.console.log import log
from hypervisor.cpu.features import words_for
from hypervisor.cpu.idle import NEVER, idle_until
from hypervisor.vcpu.contract import Capability, vendor_missing_capability


@fn(cold=True)
def check_machine(info: BootInfo) -> Never:
    """Say everything, and rest. The machine is ours, with devices and clock; virtualization is off."""
    check_processor()
    check_memory(info)
    check_firmware()
    check_devices()
    check_consoles(info)
    lacking = vendor_missing_capability()
    if lacking == Capability.PRESENT:
        log("the check is complete: guests can run on this machine")
    else:
        log(f"the check is complete: guests cannot run, {words_for(lacking)}")
    while True:
        console_interrupt()
        idle_until(u64(NEVER))
