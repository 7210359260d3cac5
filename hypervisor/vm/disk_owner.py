"""Whose a command of a disk is: the way back from the disk to a VM's device."""

from __future__ import annotations

from codegen.lang import fn, implements, range, u32, u64
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.disk import DISKS
from hypervisor.console.log import log
from hypervisor.devices.virtio.machine_disk import REQUESTS
from hypervisor.devices.virtio.machine_finish import machine_drop
from hypervisor.devices.virtio.slots import DEVICES
from hypervisor.sched.notify import notify
from hypervisor.storage.collect import disk_done
from hypervisor.storage.names import disk_kind, disk_ordinal
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import SERVE_WORK
from hypervisor.vm.vm import VMS, VMS_MAX, Vm, may_log

DEVICE_SHIFT = 8


@fn(cold=True)
def disk_owner(vm: u32, device: u32) -> u64:
    """The virtio device of a VM, as one number."""
    return u64(device) << DEVICE_SHIFT | u64(vm)


@implements(disk_done)
@fn
def bring_back(command: u32) -> None:
    """Tell the device, and have a vCPU of its VM serve it: the one that did so last. The board's lock is not needed: a
    VM's devices stay as long as one of its commands is under way."""
    owner = REQUESTS[command].owner
    vm = VMS[owner & (VMS_MAX - 1)]
    number = u32.trunc(owner >> DEVICE_SHIFT) & (DEVICES - 1)
    if COMMANDS[command].outcome != BlockOutcome.DONE and may_log(vm):
        say_failure(vm, command)
    mark_finished(vm, number, command)
    notify(vcpu_of(vm, vm.disk_server.load()), SERVE_WORK)


@fn(cold=True)
def say_failure(vm: Vm, command: u32) -> None:
    """The guest hears of it, too, but for what is tried again."""
    work = COMMANDS[command]
    disk, number = DISKS.disks[work.disk], u32(work.disk)
    log(f"{vm.name_span()}: {disk_kind(disk)}{disk_ordinal(number)}, sector {work.sector}: {work.outcome.words()}")


@fn
def mark_finished(vm: Vm, number: u32, command: u32) -> None:
    """First the command, then that there is work: who looks at the work sees the command."""
    machine = vm.board.virtio.devices[number].disk.machine
    machine.finished.fetch_or(u32(1) << ((command - machine.first) & 31))
    vm.board.work.fetch_or(u32(1) << number)


@fn(cold=True)
def disks_rest(vm: Vm) -> bool:
    """Whether no disk of the machine reads or writes the VM's RAM any more; what has come back is forgotten."""
    rest = True
    with vm.board_lock:
        for number in range(vm.board.virtio.device_count):
            rest = machine_drop(vm.board.virtio.devices[number].disk.machine) and rest
    return rest
