"""The debug profile's proof that a VM reaches nothing but itself: when it is made, and when it stops."""

from __future__ import annotations

from codegen.lang import fn, static
from hypervisor import profile
from hypervisor.console.log import log
from hypervisor.cpu.panic import panic
from hypervisor.memory.owner import guest_ram_owner, guest_tables_owner
from hypervisor.memory.second_level_check import second_level_violation
from hypervisor.vm.vm import Vm


@fn(cold=True)
def prove_isolation(vm: Vm) -> None:
    """Panics when the tables of `vm` lead outside its own RAM: the monitor itself is wrong then."""
    if static(profile.DEBUG):
        bad = second_level_violation(vm.second_level_root, guest_ram_owner(vm.id), guest_tables_owner(vm.id))
        if bad is not None:
            panic(f"{vm.name_span()}: guest-physical {bad:#x} leads outside its own memory")
        log(f"{vm.name_span()}: reaches its own memory only")
