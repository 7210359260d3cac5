"""VMs with disks on disks of the machine: who may use what, and that nothing of it outlasts the VM."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.lang import u8, u32
from drivers.storage.command import COMMANDS, COMMANDS_MAX, BlockOutcome
from drivers.storage.disk import DISKS, DiskDriver, disk_add
from hypervisor.config.manifest import DiskFlags, DiskSource
from hypervisor.console.log import LOG
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.devices.virtio.machine_disk import REQUESTS, REQUESTS_MAX
from hypervisor.dma.dma import dma_attach
from hypervisor.dma.domain import IOMMU, guest_bit
from hypervisor.memory.frames import FRAMES, free_bytes
from hypervisor.memory.owner import guest_ram_owner
from hypervisor.sched.queues import PROCESSORS
from hypervisor.storage.partitions.partition import PARTITIONS
from hypervisor.vm import control, machine_disks
from hypervisor.vm.carry_out import carry_out
from hypervisor.vm.disk_owner import bring_back, disk_owner
from hypervisor.vm.order import OrderKind, order_of
from hypervisor.vm.vm import VMS, VmState
from tests.lifecycle.test_cycles import MIB, VMS_USED, Books, books, carried_out, destroy, make

__all__ = ["books"]
NAMES = [b"", b"nvme0", b"first", b"second", b"nowhere"]
WHOLE, FIRST, SECOND, NOWHERE = range(1, 5)


@pytest.fixture
def machine(books: Books, monkeypatch: pytest.MonkeyPatch) -> Books:
    """With one disk, of which two partitions have each a half."""
    for state in (DISKS, PARTITIONS, IOMMU, LOG):
        state.zero()
    disk = disk_add(DiskDriver.NVME, u8(0), u32(0))
    assert disk is not None
    disk.sectors, disk.block, disk.address_limit, disk.requester = 4096, 512, 1 << 52, 0x0100
    for number, name in enumerate((b"first", b"second")):
        partition = PARTITIONS.partitions[number]
        partition.disk, partition.first, partition.sectors = 0, 2048 * number, 2048
        for place in range(36):
            partition.name[place] = name[place] if place < len(name) else 0
    PARTITIONS.partition_count = 2
    lock_start(IOMMU.lock, LockPlace.IOMMU)
    assert dma_attach(disk.requester) is None  # by its driver
    monkeypatch.setattr(machine_disks, "manifest_text", lambda offset: NAMES[int(offset)] + b"\0")
    monkeypatch.setattr(machine_disks, "manifest_vm", books.entry)
    monkeypatch.setattr(machine_disks, "manifest_vm_count", lambda: u32(VMS_USED))
    for number in range(VMS_USED):
        books.resize(number, 2 * MIB, 1)
        books.entries[number].disk_count = 0
    return books


def use(books: Books, number: int, *names: int, read_only: bool = False) -> Any:
    entry = books.entries[number]
    entry.disk_count = len(names)
    for place, name in enumerate(names):
        source = DiskSource.DISK if name == WHOLE else DiskSource.PARTITION
        entry.disks[place].flags = DiskFlags(read_only=read_only, source=source)
        entry.disks[place].name = name
    return VMS[number]


def is_withdrawn(vm: Any) -> bool:
    """Whether no device may be given its RAM."""
    return IOMMU.withdrawn.load() & guest_bit(guest_ram_owner(vm.id)) != 0


def test_all_comes_back_when_the_vm_goes(machine: Books) -> None:
    vm = use(machine, 0, FIRST)
    assert make(vm)
    destroy(vm)  # the first one splits a run, and the disk's controller gets its domain
    before = int(free_bytes()), int(FRAMES.free_runs)
    for _ in range(3):
        assert make(vm)
        disk = vm.board.virtio.devices[0].disk
        assert (int(disk.bytes), int(disk.block), int(disk.machine.first_sector)) == (2048 * 512, 512, 0)
        assert not is_withdrawn(vm)
        destroy(vm)
        assert is_withdrawn(vm)
        assert (int(free_bytes()), int(FRAMES.free_runs)) == before


@pytest.mark.parametrize(
    ("one", "other", "read_only", "possible"),
    [
        (FIRST, SECOND, False, True),
        (FIRST, FIRST, False, False),
        (FIRST, FIRST, True, True),
        (FIRST, WHOLE, False, False),
        (WHOLE, SECOND, False, False),
        (WHOLE, SECOND, True, True),
        (FIRST, NOWHERE, False, False),
    ],
)
def test_two_vms_share_what_neither_writes(
    machine: Books, one: int, other: int, read_only: bool, possible: bool
) -> None:
    assert make(use(machine, 0, one, read_only=read_only))
    free = int(free_bytes())
    second = use(machine, 1, other, read_only=read_only)
    assert make(second) == possible
    if possible:
        destroy(second)
    assert second.state == VmState.ABSENT and int(free_bytes()) == free
    destroy(VMS[0])


def test_one_that_writes_keeps_out_a_reader_and_so_does_a_reader_one_that_writes(machine: Books) -> None:
    assert make(use(machine, 0, FIRST))
    assert not make(use(machine, 1, FIRST, read_only=True))
    destroy(VMS[0])
    assert make(use(machine, 1, FIRST, read_only=True))
    assert not make(use(machine, 0, FIRST))
    destroy(VMS[1])


def test_a_vm_cannot_have_the_same_sectors_twice(machine: Books) -> None:
    assert not make(use(machine, 0, WHOLE, SECOND))
    assert make(use(machine, 0, FIRST, SECOND))
    destroy(VMS[0])


def test_a_disk_that_cannot_be_written_is_read_only_whatever_the_configuration_says(machine: Books) -> None:
    DISKS.disks[0].read_only = True
    assert make(use(machine, 0, WHOLE)) and make(use(machine, 1, WHOLE))
    assert VMS[1].board.virtio.devices[0].disk.read_only
    for number in (0, 1):
        destroy(VMS[number])


def test_every_disk_has_commands_that_are_no_others(machine: Books) -> None:
    for number in range(VMS_USED):
        use(machine, number, *([FIRST, SECOND] if number % 2 else [WHOLE]), read_only=True)
    taken: set[int] = set()
    for number in range(VMS_USED):
        assert make(VMS[number])
        for place in range(int(VMS[number].disk_count)):
            one = VMS[number].board.virtio.devices[place].disk.machine
            own = set(range(int(one.first), int(one.first) + int(one.requests)))
            assert own and not own & taken and max(own) < COMMANDS_MAX and len(own) <= REQUESTS_MAX
            assert {int(REQUESTS[each].owner) for each in own} == {int(disk_owner(VMS[number].id, u32(place)))}
            taken |= own
    for number in range(VMS_USED):
        destroy(VMS[number])


@pytest.mark.parametrize("outcome", [BlockOutcome.DONE, BlockOutcome.IO_ERROR])
def test_a_vm_ends_only_when_the_disk_has_ended_what_it_does_in_its_ram(
    machine: Books, outcome: BlockOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    PROCESSORS.count = 1
    vm = use(machine, 0, FIRST)
    assert make(vm)
    disk = vm.board.virtio.devices[0].disk.machine
    disk.busy = 0b101
    assert control.destroy_vm(vm) is None
    for _ in range(5):
        assert not carry_out(vm, order_of(vm)) and int(vm.disk_count) == 1 and vm.state != VmState.LEAVING
    for request in (0, 2):
        assert order_of(vm).kind == OrderKind.DESTROY
        COMMANDS[int(disk.first) + request].outcome = outcome
        bring_back(disk.first + request)
        carry_out(vm, order_of(vm))
    carried_out(vm)
    assert vm.state == VmState.ABSENT
