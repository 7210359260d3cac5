"""A VM's RAM and its disks, cleared or given back piece by piece: nothing else of the machine waits for gigabytes."""

from __future__ import annotations

from codegen.lang import Hpa, fn, min, range, u64
from hypervisor.memory.frames import RUN, release_run
from hypervisor.memory.guest import GuestSlot, slot_runs
from hypervisor.memory.owner import guest_ram_owner
from hypervisor.memory.scrub import scrub
from hypervisor.vm.disks import fill_disk_run, release_disk_run
from hypervisor.vm.vm import Sweep, Vm


@fn(cold=True)
def begin_sweep(vm: Vm, sweep: Sweep) -> None:
    """From the first byte on."""
    vm.sweep = sweep
    vm.swept = 0


@fn(cold=True)
def sweep_piece(vm: Vm) -> bool:
    """One run; whether it was the last one."""
    left = vm.swept
    for i in range(vm.memory.slot_count):
        slot = vm.memory.slots[i]
        size = slot_runs(slot) * RUN
        if left < size:
            piece = slot.hpa + left
            if vm.sweep == Sweep.RELEASE:
                release_run(piece, guest_ram_owner(vm.id))
            else:
                clear(slot, piece, left)
            vm.swept = vm.swept + RUN
            return False
        left = left - size
    return sweep_disks(vm, left)


@fn(cold=True)
def sweep_disks(vm: Vm, left: u64) -> bool:
    """The same of the disks, of which `left` bytes are done: the first start fills them, later ones find them as they
    were."""
    if vm.sweep == Sweep.CLEAR and vm.disks_filled:
        return True
    for i in range(vm.disk_count):
        size = vm.disks[i].runs * RUN
        if left < size:
            if vm.sweep == Sweep.RELEASE:
                release_disk_run(vm, i, left)
            else:
                fill_disk_run(vm, i, left)
            vm.swept = vm.swept + RUN
            return False
        left = left - size
    vm.disks_filled = vm.sweep == Sweep.CLEAR
    return True


@fn(cold=True)
def clear(slot: GuestSlot, piece: Hpa, offset: u64) -> None:
    """What the guest can see of it."""
    scrub(piece, min(u64(RUN), slot.size - offset))
