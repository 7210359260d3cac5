import pytest

from codegen.lang import Hpa, host, u8, u32, u64
from drivers.interrupt.message import message_address, message_data
from drivers.pci.functions import PciOwner
from drivers.storage.ahci.ahci import ahci_connect
from drivers.storage.ahci.state import AHCI
from drivers.storage.command import BlockOperation, BlockOutcome
from drivers.storage.disk import DiskDriver
from drivers.storage.fault import StorageFault
from tests.ahci.ahci_model import Atapi, Behaviour, Disk
from tests.ahci.machine import AhciMachine, everywhere, started
from tests.ata.bench import NEVER, disks, text
from tests.ata.disk_model import DiskModel
from tests.ata.execution import Run
from tests.ata.services import MS

READ, WRITE, FLUSH, DISCARD = BlockOperation.READ, BlockOperation.WRITE, BlockOperation.FLUSH, BlockOperation.DISCARD
DONE, RESET, GONE = BlockOutcome.DONE, BlockOutcome.RESET, BlockOutcome.GONE
REFUSED, IO_ERROR, TIMED_OUT = BlockOutcome.REFUSED, BlockOutcome.IO_ERROR, BlockOutcome.TIMED_OUT


def ncq(**how: object) -> DiskModel:
    return DiskModel(queue=32, **how)  # type: ignore[arg-type]


# ---- start ----


@everywhere
@pytest.mark.parametrize("staggered", [False, True])
def test_disks_are_found_beside_atapi_drives_and_empty_ports(run: Run, staggered: bool) -> None:
    optical = Atapi()
    machine, bench = started(run, Disk(ncq()), optical, None, Disk(DiskModel(cache=False)), staggered=staggered)
    found = disks()
    assert [(int(disk.unit), int(disk.controller)) for disk in found] == [(0, 0), (3, 0)]
    assert all(disk.driver == DiskDriver.AHCI and int(disk.requester) == 8 for disk in found)
    assert all(int(disk.queues) == 1 and int(disk.address_limit) == 1 << 52 for disk in found)
    assert [(disk.caches_writes, disk.discards, disk.zeroes) for disk in found] == [
        (True, True, False),
        (False, True, False),
    ]
    assert text(found[0].model, 40) == b"KEELBACK DISK" and text(found[0].serial, 20) == b"S-0042"
    assert [port.log for port in machine.hba.ports] == [[0xEC], [], [], [0xEC]]
    assert machine.pci.owner == PciOwner.AHCI
    for i in range(2):
        bench.put(5, b"x" * 1024, i)
        assert bench.get(5, 2, i) == b"x" * 1024


@everywhere
def test_empty_ports_cost_little_time_and_an_empty_controller_is_cut_off(run: Run) -> None:
    machine = AhciMachine(run, *[None] * 6)
    begun = machine.services.time
    assert machine.start() is None
    assert machine.services.time - begun < 300 * MS
    assert disks() == [] and int(AHCI.controller_count) == 0
    assert not machine.function.bytes[4] & 4


@everywhere
@pytest.mark.parametrize("release", [10, 100, 100_000])
def test_the_firmware_is_asked_for_the_controller_and_waited_for_a_little(run: Run, release: int) -> None:
    machine = AhciMachine(run, Disk(ncq()), release_ns=release * MS)
    begun = machine.services.time
    assert machine.start() is None
    assert len(disks()) == 1 and machine.hba.handoff & 2
    assert machine.services.time - begun < 300 * MS


@everywhere
def test_ports_that_a_reset_forgets_are_written_back(run: Run) -> None:
    machine = AhciMachine(run, Disk(ncq()))
    machine.hba.forgets_ports = True
    assert machine.start() is None
    assert len(disks()) == 1


@everywhere
def test_a_controller_without_64_bit_addresses_gets_none(run: Run) -> None:
    _, bench = started(run, Disk(ncq()), wide=False)
    (disk,) = disks()
    assert int(disk.address_limit) == 1 << 32
    number = bench.submit(READ, 0, 1, [((1 << 32) - 256, 512)])
    assert bench.collect() == {number: REFUSED}


@everywhere
def test_more_disks_than_there_is_room_for_are_counted(run: Run) -> None:
    started(run, *[Disk(DiskModel()) for _ in range(10)])
    assert len(disks()) == 8 and int(AHCI.controllers[0].beyond) == 2


@everywhere
def test_faults_of_the_start(run: Run) -> None:
    machine = AhciMachine(run, Disk(ncq()))
    machine.services.memory_left = 0
    assert machine.start() == StorageFault.NO_MEMORY
    machine = AhciMachine(run, Disk(ncq()))
    machine.hba.gone = True
    assert machine.start() == StorageFault.NO_REGISTERS
    machine = AhciMachine(run, Disk(ncq()))
    machine.function.gone = True
    assert machine.start() == StorageFault.TAKEN
    machine = AhciMachine(run, Disk(ncq()))
    machine.hba.reset_stuck = True
    assert machine.start() == StorageFault.TIMED_OUT
    assert not machine.function.bytes[4] & 4
    machine = AhciMachine(run, Disk(ncq()))
    machine.pci.bars[5].size = u64(0x100)
    assert machine.start() == StorageFault.NO_REGISTERS
    AHCI.controller_count = u32(2)
    assert machine.start() == StorageFault.NO_ROOM


@everywhere
def test_ports_outside_of_the_bar_are_not_touched(run: Run) -> None:
    started(run, *[Disk(DiskModel()) for _ in range(6)], bar=0x200)
    assert [int(disk.unit) for disk in disks()] == [0, 1]


@everywhere
@pytest.mark.parametrize("how", [Behaviour(hangs=True), Behaviour(sleepy=True), Behaviour(dead=True)])
def test_a_disk_that_does_not_answer_at_the_start_is_left_out(run: Run, how: Behaviour) -> None:
    machine = AhciMachine(run, Disk(ncq(), how), Disk(ncq(serial=b"other")))
    machine.services.step = 2 * MS
    begun = machine.services.time
    assert machine.start() is None
    assert [text(disk.serial, 20) for disk in disks()] == [b"other"]
    assert machine.services.time - begun < 31_000 * MS


@everywhere
@pytest.mark.parametrize(
    "model",
    [
        DiskModel(patches={60: 0, 61: 0, 100: 0}),
        DiskModel(patches={106: 0x5000, 117: 0, 118: 0}),
        DiskModel(patches={49: 0}),
        DiskModel(summed=False, patches={255: 0x11A5}),
    ],
)
def test_a_disk_that_makes_no_sense_is_not_used(run: Run, model: DiskModel) -> None:
    started(run, Disk(model), Disk(DiskModel()))
    assert [int(disk.unit) for disk in disks()] == [1]


@everywhere
def test_a_port_that_does_not_stop_at_the_start_leaves_the_other_disks_alone(run: Run) -> None:
    machine = AhciMachine(run, Disk(ncq()), Disk(ncq(), Behaviour(hangs=True)), Disk(ncq()))
    machine.hba.ports[1].stuck = True
    machine.services.step = 2 * MS
    assert machine.start() is None
    machine.services.step = 50_000
    assert [int(disk.unit) for disk in disks()] == [0, 2]
    bench = machine.bench()
    bench.wait(1)
    for disk in range(2):
        bench.put(1, b"a" * 512, disk)
        assert bench.get(1, 1, disk) == b"a" * 512


# ---- transfers ----


@everywhere
@pytest.mark.parametrize("queue", [0, 1, 4, 32])
def test_as_many_commands_are_at_the_disk_as_it_takes(run: Run, queue: int) -> None:
    machine, bench = started(run, Disk(DiskModel(queue=queue)), slots=8)
    numbers = [bench.read(i, 1)[0] for i in range(40)]
    assert machine.hba.ports[0].issued.bit_count() == {0: 1, 1: 1, 4: 4, 32: 8}[queue]
    assert bench.finish(1000) == dict.fromkeys(numbers, DONE)
    assert set(machine.hba.ports[0].log[1:]) == ({0x60} if queue > 1 else {0xC8})


@everywhere
def test_a_controller_without_ncq_gets_one_command_at_a_time(run: Run) -> None:
    machine, bench = started(run, Disk(ncq(sectors=1 << 40)), queues=False)
    bench.get((1 << 40) - 2, 2)
    bench.get(0x0FFF_FFFE, 1)
    bench.get(0x0FFF_FFFE, 2)
    assert machine.hba.ports[0].log == [0xEC, 0x25, 0xC8, 0x25]


@everywhere
def test_a_disk_of_28_bits(run: Run) -> None:
    machine, bench = started(run, Disk(DiskModel(sectors=1 << 27, wide=False, trim=False)))
    assert int(disks()[0].bytes_max) == 256 * 512
    bench.put((1 << 27) - 256, b"w" * 512 * 256)
    assert bench.get((1 << 27) - 256, 256) == b"w" * 512 * 256
    number = bench.submit(FLUSH, 0, 0)
    assert bench.finish() == {number: DONE}
    assert machine.hba.ports[0].log == [0xEC, 0xCA, 0xC8, 0xE7]


@everywhere
def test_a_flush_and_a_discard_wait_for_queued_commands_and_those_for_them(run: Run) -> None:
    model = ncq()
    machine, bench = started(run, Disk(model))
    port = machine.hba.ports[0]
    numbers = [bench.write(i, bytes([i + 1]) * 512) for i in range(3)]
    numbers.append(bench.submit(FLUSH, 0, 0))
    numbers.append(bench.write(9, b"z" * 512))
    numbers.append(bench.submit(DISCARD, 1, 1))
    numbers.append(bench.read(0, 3)[0])
    assert port.active.bit_count() == 3
    assert bench.finish() == dict.fromkeys(numbers, DONE)
    assert port.log == [0xEC, 0x61, 0x61, 0x61, 0xEA, 0x61, 0x06, 0x60]
    model.lose_power()
    assert bench.get(0, 3) == b"\1" * 512 + bytes(512) + b"\3" * 512


@everywhere
def test_segments_anywhere_in_memory(run: Run) -> None:
    for queue in (0, 32):
        _, bench = started(run, Disk(DiskModel(queue=queue, sectors=1 << 20)))
        segments = [(bench.buffer(0x1_0000, 0xFFFC), 0x1_0000), (bench.buffer(512, 4), 512)]
        data = bytes(range(256)) * 258
        host.memory.write(Hpa(segments[0][0]), data[:0x1_0000])
        host.memory.write(Hpa(segments[1][0]), data[0x1_0000:])
        number = bench.submit(WRITE, 100, 129, segments)
        assert bench.finish() == {number: DONE}
        assert bench.get(100, 129) == data


@everywhere
def test_the_largest_command_has_as_many_segments_as_there_are(run: Run) -> None:
    _, bench = started(run, Disk(ncq(sectors=1 << 20)))
    (disk,) = disks()
    each = int(disk.bytes_max) // int(disk.segments_max)
    segments = [(bench.buffer(each, 4), each) for _ in range(int(disk.segments_max))]
    number = bench.submit(READ, 0, int(disk.bytes_max) // 512, segments)
    assert bench.finish() == {number: DONE}


@everywhere
def test_long_sectors(run: Run) -> None:
    _, bench = started(run, Disk(ncq(sectors=100, block=4096)))
    assert (int(disks()[0].sectors), int(disks()[0].block)) == (800, 4096)
    bench.put(40, b"z" * 4096)
    assert bench.get(32, 24) == bytes(4096) + b"z" * 4096 + bytes(4096)
    number = bench.submit(DISCARD, 40, 8)
    assert bench.finish() == {number: DONE}
    assert bench.get(40, 8) == bytes(4096)
    refused = [bench.read(1, 8)[0], bench.read(0, 9)[0], bench.submit(DISCARD, 0, 4)]
    assert bench.finish() == dict.fromkeys(refused, REFUSED)


@everywhere
def test_a_discard_takes_as_many_commands_as_it_needs(run: Run) -> None:
    model = ncq(sectors=1 << 33)
    machine, bench = started(run, Disk(model))
    sectors = 2 * 64 * 65535 + 7
    number = bench.submit(DISCARD, 1000, sectors)
    assert bench.finish() == {number: DONE}
    assert machine.hba.ports[0].log[1:] == [6, 6, 6]
    assert model.trims[0][0] == 1000 and sum(count for _, count in model.trims) == sectors


@everywhere
def test_a_flush_of_a_disk_without_a_cache_is_done_at_once(run: Run) -> None:
    machine, bench = started(run, Disk(ncq(cache=False)))
    number = bench.submit(FLUSH, 0, 0)
    assert bench.collect() == {number: DONE}
    assert machine.hba.ports[0].log == [0xEC]


@everywhere
def test_what_breaks_the_limits_is_refused_and_no_disk_hears_of_it(run: Run) -> None:
    machine, bench = started(run, Disk(ncq(sectors=1000, trim=False)))
    page = bench.buffer(4096)
    numbers = [
        bench.submit(READ, 0, 1, []),
        bench.submit(READ, 1000, 1, [(page, 512)]),
        bench.submit(READ, 0, 2, [(page, 512)]),
        bench.submit(READ, 0, 1, [(page + 2, 512)]),
        bench.submit(WRITE, 0, 1, [((1 << 52) - 4, 512)]),
        bench.submit(WRITE, 0, 1, [((1 << 64) - 4, 512)]),
        bench.submit(DISCARD, 0, 1),
        bench.submit(BlockOperation.WRITE_ZEROES, 0, 1),
    ]
    assert bench.collect() == dict.fromkeys(numbers, REFUSED)
    assert machine.hba.ports[0].log == [0xEC]


@everywhere
def test_by_interrupts_alone_nothing_is_lost(run: Run) -> None:
    machine, bench = started(run, Disk(ncq()), Disk(DiskModel()))
    address, data = message_address(u32(0)), message_data(u8(0x41))
    assert address is not None
    assert run(ahci_connect, u32(0), address, data) is True
    assert machine.function.get(machine.msi, 4) >> 16 & 1 and machine.hba.control & 2
    bench.collect()
    for _ in range(3):
        numbers = [bench.write(i, bytes(512), i % 2) for i in range(40)]
        found: dict[int, BlockOutcome] = {}
        seen = machine.hba.messages
        for _ in range(300):
            for _ in range(3):
                machine.hba.work()
            if machine.hba.messages != seen:
                seen = machine.hba.messages
                found.update(bench.collect())
        assert found == dict.fromkeys(numbers, DONE)


@everywhere
def test_without_msi_there_are_no_interrupts(run: Run) -> None:
    machine, _ = started(run, Disk(ncq()))
    machine.pci.msi = u8(0)
    address, data = message_address(u32(0)), message_data(u8(0x41))
    assert address is not None
    assert run(ahci_connect, u32(0), address, data) is False
    assert not machine.hba.control & 2


@everywhere
def test_an_interrupt_for_nothing_is_taken_back_and_counted(run: Run) -> None:
    machine, bench = started(run, Disk(ncq()))
    machine.hba.ports[0].event(1)
    assert bench.collect() == {}
    assert machine.hba.interrupts == 0 and machine.hba.ports[0].pending == 0
    assert int(AHCI.controllers[0].spurious) == 1


# ---- errors ----


@everywhere
@pytest.mark.parametrize(("clears", "late"), [(False, False), (True, False), (True, True)])
def test_an_error_of_a_command_that_is_not_queued_ends_it_alone(run: Run, clears: bool, late: bool) -> None:
    machine, bench = started(run, Disk(DiskModel(bad={7})))
    machine.hba.ports[0].clears_failed, machine.hba.ports[0].tells_late = clears, late
    numbers = [bench.read(7, 1)[0], bench.read(8, 1)[0], bench.write(6, b"w" * 1024)]
    assert bench.finish() == {numbers[0]: IO_ERROR, numbers[1]: DONE, numbers[2]: IO_ERROR}
    controller = AHCI.controllers[0]
    assert int(controller.errors) == 2 and int(controller.resets) == 0


@everywhere
def test_of_queued_commands_the_one_with_the_error_fails_and_the_others_may_be_tried_again(run: Run) -> None:
    for seed in range(5):
        machine, bench = started(run, Disk(ncq(bad={17})))
        machine.hba.choose.seed(seed)
        numbers = [bench.read(10 + i, 1)[0] for i in range(12)]
        waiting = [bench.submit(FLUSH, 0, 0), bench.read(30, 1)[0]]
        found = bench.finish(1000)
        assert found.pop(numbers[7]) == IO_ERROR
        assert {found.pop(number) for number in waiting} == {DONE}
        assert set(found) == set(numbers) - {numbers[7]} and set(found.values()) <= {DONE, RESET}
        port = machine.hba.ports[0]
        assert port.log.count(0x2F) == 1 and machine.hba.resets == 1
        assert int(AHCI.controllers[0].resets) == 0
        again = [bench.read(20 + i, 1)[0] for i in range(12)]
        assert bench.finish(1000) == dict.fromkeys(again, DONE)


@everywhere
@pytest.mark.parametrize("log", ["absent", "sum", "tag", "unqueued"])
def test_a_disk_that_does_not_tell_which_one_failed_gets_one_at_a_time_after_a_reset(run: Run, log: str) -> None:
    machine, bench = started(run, Disk(ncq(bad={13}), Behaviour(log=log)))
    numbers = [bench.read(10 + i, 1)[0] for i in range(6)]
    found = bench.finish(1000)
    found.update(bench.wait(5))
    assert set(found) == set(numbers) and found[numbers[3]] == RESET and set(found.values()) <= {DONE, RESET}
    assert int(AHCI.controllers[0].resets) == 1
    numbers = [bench.read(10 + i, 1)[0] for i in range(6)]
    assert machine.hba.ports[0].issued == 1
    wanted = [IO_ERROR if i == 3 else DONE for i in range(6)]
    assert bench.finish(1000) == dict(zip(numbers, wanted, strict=True))


@everywhere
@pytest.mark.parametrize("queue", [0, 32])
def test_an_error_of_the_link_resets_it_and_is_counted(run: Run, queue: int) -> None:
    disk = Disk(DiskModel(queue=queue))
    _, bench = started(run, disk)
    disk.how.crc = True
    numbers = [bench.read(i, 1, timeout=60_000 * MS)[0] for i in range(4)]
    found = bench.wait(5)
    assert set(found) == set(numbers) and RESET in found.values() and set(found.values()) <= {DONE, RESET}
    controller = AHCI.controllers[0]
    assert int(controller.crc_errors) == 1 and int(controller.resets) == 1
    assert bench.get(0, 1) == bytes(512)


@everywhere
@pytest.mark.parametrize("queue", [0, 32])
def test_a_late_command_ends_timed_out_and_work_goes_on_after_the_reset(run: Run, queue: int) -> None:
    disk = Disk(DiskModel(queue=queue), Behaviour())
    machine, bench = started(run, disk, Disk(ncq()))
    disk.how.hangs = True
    late, _ = bench.read(0, 8, timeout=100 * MS)
    with_it = bench.write(3, b"r" * 512)
    short = bench.write(4, b"s" * 512, timeout=100 * MS)
    other, _ = bench.read(0, 1, disk=1)
    assert bench.tick() - machine.services.time <= 100 * MS
    found = bench.wait(0.2)
    dropped = {with_it: RESET} if queue else {}
    assert found == {late: TIMED_OUT, short: TIMED_OUT, other: DONE, **dropped}
    disk.how.hangs = False
    assert bench.wait(60) == ({} if queue else {with_it: DONE})
    bench.put(3, b"r" * 512)
    assert bench.get(3, 1) == b"r" * 512
    controller = AHCI.controllers[0]
    assert (int(controller.timeouts), int(controller.resets), machine.hba.resets) == (2, 1, 1)
    assert bench.tick() == NEVER


@everywhere
def test_a_disk_that_never_answers_is_given_up_after_three_resets(run: Run) -> None:
    disk = Disk(ncq(), Behaviour())
    machine, bench = started(run, disk)
    for _ in range(3):
        disk.how.hangs = True
        number, _ = bench.read(0, 8, timeout=100 * MS)
        assert bench.wait(0.11) == {number: TIMED_OUT}
        disk.how.hangs = False  # it says who it is, and no more
        bench.wait(1)
        assert not disks()[0].gone
    disk.how.hangs = True
    late, _ = bench.read(0, 8, timeout=100 * MS)
    waiting = bench.submit(FLUSH, 0, 0)
    assert bench.wait(60) == {late: TIMED_OUT, waiting: GONE}
    assert disks()[0].gone
    number, _ = bench.read(0, 1)
    assert bench.collect() == {number: GONE}
    assert bench.tick() == NEVER


@everywhere
def test_a_disk_that_does_not_answer_after_a_reset_is_gone_and_the_others_are_not(run: Run) -> None:
    for how in (Behaviour(hangs=True), Behaviour(dead=True, hangs=True), Behaviour(sleepy=True, hangs=True)):
        disk = Disk(ncq())
        machine, bench = started(run, disk, Disk(ncq()))
        disk.how = how
        late, _ = bench.read(0, 8, timeout=100 * MS)
        waiting = bench.submit(FLUSH, 0, 0, timeout=100_000 * MS)
        begun = machine.services.time
        assert bench.wait(90) == {late: TIMED_OUT, waiting: GONE}
        assert machine.services.time - begun < 30_000 * MS
        assert [each.gone for each in disks()] == [True, False]
        assert bench.get(0, 1, 1) == bytes(512)


@everywhere
def test_a_port_that_does_not_stop_takes_all_with_it_into_one_reset(run: Run) -> None:
    disk, other = Disk(ncq()), Disk(ncq())
    machine, bench = started(run, disk, other)
    disk.how.hangs = other.how.hangs = True
    late, _ = bench.read(0, 8, timeout=100 * MS)
    innocent, _ = bench.read(0, 8, disk=1)
    machine.hba.ports[0].stuck = True
    assert bench.wait(0.5) == {}, "the port may still write to memory"
    assert bench.wait(0.3) == {late: TIMED_OUT, innocent: RESET}
    machine.hba.ports[0].stuck = False
    disk.how.hangs = other.how.hangs = False
    bench.wait(5)
    assert machine.hba.resets == 2 and bench.tick() == NEVER
    for i in range(2):
        bench.put(1, b"s" * 512, i)
        assert bench.get(1, 1, i) == b"s" * 512


@everywhere
def test_a_controller_that_does_not_reset_is_cut_off_from_the_bus(run: Run) -> None:
    disk = Disk(ncq())
    machine, bench = started(run, disk, Disk(ncq()))
    disk.how.hangs = True
    late, _ = bench.read(0, 8, timeout=100 * MS)
    machine.hba.ports[0].stuck = machine.hba.reset_stuck = True
    bench.wait(0.7)
    waiting, _ = bench.read(0, 8, disk=1)
    found = bench.wait(60)
    assert found == {late: GONE, waiting: GONE}
    assert not machine.function.bytes[4] & 4 and all(each.gone for each in disks())
    assert bench.tick() == NEVER


@everywhere
def test_a_disk_that_was_pulled_out_is_gone_and_another_one_is_not_written_to(run: Run) -> None:
    for other in (None, Disk(ncq(serial=b"another")), Disk(ncq(sectors=8))):
        machine, bench = started(run, Disk(ncq()))
        numbers = [bench.read(i, 1, timeout=60_000 * MS)[0] for i in range(3)]
        machine.hba.ports[0].unplug()
        if other is not None:
            machine.hba.ports[0].plug_in(other)
        found = bench.wait(60)
        assert set(found) == set(numbers) and set(found.values()) == {RESET}
        late = bench.write(0, b"!" * 512)
        found = bench.wait(60)
        assert found == {late: GONE} and disks()[0].gone
        assert other is None or not other.disk.cached


@everywhere
def test_the_same_disk_comes_back(run: Run) -> None:
    disk = Disk(ncq())
    machine, bench = started(run, disk)
    bench.put(3, b"k" * 512)
    machine.hba.ports[0].unplug()
    machine.hba.ports[0].plug_in(disk)
    assert bench.wait(5) == {}
    bench.collect()
    bench.wait(5)
    assert bench.get(3, 1) == b"k" * 512


@everywhere
def test_surprise_removal_of_the_controller_ends_all_commands(run: Run) -> None:
    machine, bench = started(run, Disk(ncq()), Disk(ncq()))
    numbers = [bench.read(0, 8, disk)[0] for disk in (0, 1, 0, 1)]
    machine.hba.gone = True
    assert bench.collect() == dict.fromkeys(numbers, GONE)
    assert all(disk.gone for disk in disks()) and not machine.function.bytes[4] & 4
    number, _ = bench.read(0, 1)
    assert bench.collect() == {number: GONE}


@everywhere
@pytest.mark.parametrize("delay", range(0, 24, 2))
def test_removal_at_any_step_of_a_reset_ends_all_commands(run: Run, delay: int) -> None:
    disk = Disk(ncq())
    machine, bench = started(run, disk, Disk(ncq()))
    disk.how.hangs = True
    machine.hba.ports[0].stop_ns = 7 * MS
    numbers = [bench.read(0, 8, i, timeout=100 * MS)[0] for i in (0, 1)] + [bench.submit(FLUSH, 0, 0)]
    found: dict[int, BlockOutcome] = {}
    for step in range(delay):
        following = bench.tick()
        found.update(bench.collect())
        machine.services.time = max(machine.services.time, min(following, machine.services.time + 1000 * MS))
        if step == 10:
            disk.how.hangs = False
        machine.hba.work()
    machine.hba.gone = True
    found.update(bench.wait(120))
    assert set(found) == set(numbers)
    number, _ = bench.read(0, 1, timeout=100 * MS)
    found.update(bench.wait(120))
    assert found[number] == GONE and bench.tick() == NEVER


@everywhere
def test_nothing_is_reported_while_the_port_still_runs(run: Run) -> None:
    disk = Disk(ncq())
    machine, bench = started(run, disk)
    machine.hba.ports[0].stop_ns = 200 * MS
    disk.how.hangs = True
    late, _ = bench.read(0, 8, timeout=100 * MS)
    assert bench.wait(0.25) == {}
    disk.how.hangs = False  # and it still writes
    assert bench.wait(2) == {late: TIMED_OUT}
