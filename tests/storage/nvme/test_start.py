from typing import Any

import pytest

from codegen.lang import u64
from drivers.pci.functions import PciOwner
from drivers.storage.command import BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS, DiskDriver
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.state import NVME
from tests.pci.execution import table
from tests.storage.nvme.contracts import CLOCK, POOL
from tests.storage.nvme.controller_model import NvmeModel
from tests.storage.nvme.execution import Run, everywhere
from tests.storage.nvme.machine import (
    DATA,
    POOL_END,
    POOL_START,
    SECOND,
    User,
    content,
    disk,
    fill,
    machine_with,
    text,
)
from tests.storage.nvme.namespace_model import Kind, Namespace

BUS_MASTER = 4


def round_trip(user: User, queue: int = 0, number: int = 0) -> None:
    data = bytes(range(256)) * 16
    fill(DATA, data)
    fill(DATA + 4096, bytes(4096))
    named = {"queue": queue, "disk": number}
    assert user.do(BlockOperation.WRITE, 8, 8, [(DATA, 4096)], **named) == BlockOutcome.DONE
    assert user.do(BlockOperation.READ, 8, 8, [(DATA + 4096, 4096)], **named) == BlockOutcome.DONE
    assert content(DATA + 4096, 4096) == data


@everywhere
def test_a_namespace_becomes_a_disk_with_its_limits(run: Run) -> None:
    (model,) = machine_with(Kind({3: Namespace(1000, 12), 9: Namespace(77, protected=True)}, mdts=3))
    user = User(run, model)
    assert user.start(4) is None
    assert int(NVME.controller_count) == 1 and int(DISKS.disk_count) == 2
    found, other = disk(0), disk(1)
    assert found.driver == DiskDriver.NVME and (int(found.controller), int(found.unit)) == (0, 3)
    assert (int(found.queues), int(found.requester), int(POOL.requester)) == (4, 3 << 3, 3 << 3)
    assert (int(found.sectors), int(found.block), int(found.bytes_max)) == (8000, 4096, 32768)
    assert (int(found.segments_max), bool(found.page_bound), int(found.address_limit)) == (32, True, 1 << 52)
    assert found.caches_writes and found.discards and found.zeroes and not found.read_only and not found.gone
    assert text(found.model) == b"QEMU NVMe Ctrl".ljust(40, b"\0")
    assert text(found.serial) == b"S3R1AL".ljust(20, b"\0")
    assert (int(other.unit), int(other.sectors), int(other.block)) == (9, 77, 512) and other.read_only
    round_trip(user)


@everywhere
def test_what_it_cannot_do_is_not_promised(run: Run) -> None:
    (model,) = machine_with(Kind(oncs=0, vwc=0, mdts=0))
    user = User(run, model)
    assert user.start() is None
    found = disk()
    assert not found.caches_writes and not found.discards and not found.zeroes
    assert int(found.bytes_max) == 512 << 10
    assert user.do(BlockOperation.DISCARD, 0, 8) == BlockOutcome.REFUSED
    assert user.do(BlockOperation.WRITE_ZEROES, 0, 8) == BlockOutcome.REFUSED


@everywhere
@pytest.mark.parametrize(
    ("kind", "vectors", "wanted", "has"),
    [
        (Kind(), 9, 8, 8),
        (Kind(), 9, 100, 8),
        (Kind(), 9, 0, 1),
        (Kind(), 0, 8, 8),
        (Kind(), 1, 8, 1),
        (Kind(), 2, 8, 2),
        (Kind(queues=3), 9, 8, 3),
        (Kind(creates=2), 9, 8, 2),
        (Kind(stride=5), 9, 8, 8),
        (Kind(last_entry=1), 9, 2, 2),
        (Kind(last_entry=2), 9, 2, 2),
        (Kind(last_entry=40), 9, 2, 2),
        (Kind(last_entry=0xFFFF), 9, 2, 2),
    ],
)
def test_it_has_as_many_queues_as_both_sides_can(run: Run, kind: Kind, vectors: int, wanted: int, has: int) -> None:
    (model,) = machine_with(kind, vectors=vectors)
    user = User(run, model)
    assert user.start(wanted) is None
    assert int(user.controller.queue_count) == int(disk().queues) == has
    for queue in range(has):
        for _ in range(70):
            assert user.do(BlockOperation.FLUSH, queue=queue) == BlockOutcome.DONE
        round_trip(user, queue)
    if has < 8:
        assert user.do(BlockOperation.FLUSH, queue=has) == BlockOutcome.REFUSED


@everywhere
def test_fewer_queues_are_made_where_memory_or_doorbells_end(run: Run) -> None:
    (model,) = machine_with(Kind())
    POOL.end = u64(POOL_START + 0x4000 + 2 * 0xA000 + 0x9000)
    user = User(run, model)
    assert user.start(8) is None and int(user.controller.queue_count) == 2
    (model,) = machine_with(Kind(stride=10), bar=0x8000)
    user = User(run, model)
    assert user.start(8) is None and int(user.controller.queue_count) == 2
    round_trip(user, 1)


@everywhere
@pytest.mark.parametrize(
    "namespace",
    [
        Namespace(says_log2=0),
        Namespace(says_log2=8),
        Namespace(says_log2=13),
        Namespace(says_log2=255),
        Namespace(metadata=8),
        Namespace(says_blocks=0),
        Namespace(says_blocks=(1 << 64) - 1),
        Namespace(says_blocks=(1 << 50) + 1),
        Namespace(format=3, formats=3),
        Namespace(format=16, formats=16),  # bits that are reserved then: format 0, which is absurd
    ],
)
def test_a_namespace_that_cannot_be_used_is_no_disk_and_the_next_one_is(run: Run, namespace: Namespace) -> None:
    (model,) = machine_with(Kind({1: namespace, 2: Namespace()}))
    user = User(run, model)
    assert user.start() is None
    assert [int(DISKS.disks[i].unit) for i in range(int(DISKS.disk_count))] == [2]
    round_trip(user)


@everywhere
def test_the_largest_namespace_and_late_formats_can_be_used(run: Run) -> None:
    (model,) = machine_with(
        Kind({1: Namespace(says_blocks=1 << 50, block_log2=12), 2: Namespace(format=37, formats=64)})
    )
    user = User(run, model)
    assert user.start() is None
    assert int(disk(0).sectors) == 1 << 53
    round_trip(user, number=1)


@everywhere
@pytest.mark.parametrize(
    ("kind", "units"),
    [
        (Kind({}), []),
        (Kind({1: Namespace()}, last_namespace=0xFFFF_FFFF, version=0x10000), [1]),
        (Kind({1: Namespace(), 3: Namespace()}, version=0x10000), [1, 3]),
        (Kind({1: Namespace()}, last_namespace=0xFFFF_FFFF), [1]),
        (Kind({1: Namespace(), 2: Namespace()}, listed=[2, 1]), [2]),
        (Kind({1: Namespace(), 2: Namespace()}, listed=[1, 1, 2]), [1]),
        (Kind({1: Namespace()}, listed=[1, 0xFFFF_FFFF]), [1]),
        (Kind({1: Namespace()}, listed=list(range(1, 1025))), [1]),
        (Kind({40: Namespace()}, listed=list(range(1, 1025))), []),
        (Kind({n: Namespace(64) for n in range(1, 21)}), list(range(1, 17))),
        (Kind({1: Namespace()}, mdts=255), [1]),
    ],
)
def test_hostile_lists_of_namespaces_end_well(run: Run, kind: Kind, units: list[int]) -> None:
    (model,) = machine_with(kind)
    user = User(run, model)
    assert user.start() is None
    assert [int(DISKS.disks[i].unit) for i in range(int(DISKS.disk_count))] == units
    assert int(DISKS.beyond) == max(0, len(kind.namespaces) - 16)
    if units:
        round_trip(user)


@everywhere
def test_texts_are_printable_whatever_the_device_says(run: Run) -> None:
    (model,) = machine_with(Kind(model=b"a\xffb\x1b[0m c\0d".ljust(38) + b"\0 ", serial=bytes(20)))
    assert User(run, model).start() is None
    assert text(disk().model) == b"a?b?[0m c d".ljust(40, b"\0")
    assert text(disk().serial) == bytes(20)


@everywhere
@pytest.mark.parametrize(
    ("kind", "flags", "fault"),
    [
        (Kind(smallest_page=1), {}, StorageFault.UNSUPPORTED),
        (Kind(nvm_commands=False), {}, StorageFault.UNSUPPORTED),
        (Kind(last_entry=0), {}, StorageFault.UNSUPPORTED),
        (Kind(kind=2), {}, StorageFault.UNSUPPORTED),
        (Kind(kind=3), {}, StorageFault.UNSUPPORTED),
        (Kind(creates=0), {}, StorageFault.FAILED),
        (Kind(), {"refuses_after": 0}, StorageFault.FAILED),
        (Kind(), {"refuses_after": 3}, StorageFault.FAILED),
        (Kind(), {"never_ready": True}, StorageFault.TIMED_OUT),
        (Kind(patience=255), {"never_ready": True}, StorageFault.TIMED_OUT),
        (Kind(), {"silent_admin": True}, StorageFault.TIMED_OUT),
        (Kind(), {"fatal_at_start": True}, StorageFault.FAILED),
        (Kind(), {"gone": True}, StorageFault.FAILED),
    ],
)
def test_a_controller_that_fails_is_given_up_in_bounded_time(
    run: Run, kind: Kind, flags: dict[str, Any], fault: StorageFault
) -> None:
    (model,) = machine_with(kind)
    for name, value in flags.items():
        setattr(model, name, value)
    CLOCK.step = u64(SECOND // 4)
    user = User(run, model)
    assert user.start(1) == fault
    assert int(CLOCK.now) < (kind.patience + 10) * SECOND + 30 * SECOND
    assert not model.function.get(4, 2) & BUS_MASTER and int(DISKS.disk_count) == 0
    assert user.tick() == (1 << 64) - 1


@everywhere
@pytest.mark.parametrize("answered", range(7))
def test_an_admin_command_that_is_never_answered_is_not_waited_for_for_ever(run: Run, answered: int) -> None:
    (model,) = machine_with(Kind())

    def fall_silent() -> None:
        model.silent_admin = model.admin_commands >= answered

    model.before_admin = fall_silent
    CLOCK.step = u64(SECOND // 4)
    fault = User(run, model).start(1)
    if answered == 6:
        assert fault is None
    else:
        assert fault == StorageFault.TIMED_OUT and int(CLOCK.now) < 30 * SECOND
        assert not model.function.get(4, 2) & BUS_MASTER


@everywhere
@pytest.mark.parametrize("ready", [False, True])
def test_what_firmware_left_running_is_stopped_first(run: Run, ready: bool) -> None:
    (model,) = machine_with(Kind())
    model.left_by_firmware(ready)
    user = User(run, model)
    assert user.start() is None and model.resets == 1
    round_trip(user)


@everywhere
def test_firmware_left_one_that_never_becomes_ready_or_never_stops(run: Run) -> None:
    for flag in ("never_ready", "never_stops"):
        (model,) = machine_with(Kind())
        setattr(model, flag, True)
        model.left_by_firmware(flag == "never_stops")
        CLOCK.step = u64(SECOND // 4)
        assert User(run, model).start() == StorageFault.TIMED_OUT
        assert not model.function.get(4, 2) & BUS_MASTER


@everywhere
def test_it_may_vanish_at_any_access(run: Run) -> None:
    accesses = 0
    while True:
        (model,) = machine_with(Kind({1: Namespace(64)}))
        model.vanishes_after = accesses
        CLOCK.step = u64(SECOND // 20)
        fault = User(run, model).start(2)
        if not model.gone:
            assert fault is None
            break
        assert fault is not None or accesses > 40
        for number in range(int(DISKS.disk_count)):
            assert bool(disk(number).gone) == (fault is not None)
        accesses += 1
    assert 40 < accesses < 400


@everywhere
def test_controllers_are_taken_once_and_up_to_four(run: Run) -> None:
    models = machine_with(*(Kind({1: Namespace(64)}) for _ in range(5)))
    users = [User(run, model, number) for number, model in enumerate(models)]
    assert [user.start() for user in users] == [None] * 4 + [StorageFault.NO_ROOM]
    assert [int(disk(i).controller) for i in range(4)] == [0, 1, 2, 3]
    assert [int(disk(i).requester) for i in range(4)] == [(3 + i) << 3 for i in range(4)]
    assert not models[4].function.get(4, 2) & BUS_MASTER or table()[4].owner == PciOwner.NONE
    for number, user in enumerate(users[:4]):
        assert user.do(BlockOperation.FLUSH, disk=number) == BlockOutcome.DONE
        assert models[number].commands.counts == {0: 1}
    machine_with(Kind())
    table()[0].owner = PciOwner.AHCI
    assert User(run, models[0]).start() == StorageFault.TAKEN


@everywhere
def test_registers_and_memory_must_be_there(run: Run) -> None:
    def start(bar: int = 0x40_0000, stride: int = 0, end: int = POOL_END) -> tuple[StorageFault | None, NvmeModel]:
        (model,) = machine_with(Kind(stride=stride), bar=bar)
        POOL.end = u64(end)
        return User(run, model).start(), model

    assert start(bar=0x1000)[0] == StorageFault.NO_REGISTERS
    assert start(bar=0x8000, stride=11)[0] == StorageFault.NO_REGISTERS
    assert start(bar=0x8000, stride=10)[0] is None
    for end in (POOL_START, POOL_START + 0x4000, POOL_START + 0x4000 + 0x9000):
        fault, model = start(end=end)
        assert fault == StorageFault.NO_MEMORY and not model.function.get(4, 2) & BUS_MASTER
