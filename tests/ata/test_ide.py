import pytest

from codegen.lang import Hpa, host, u32
from drivers.pci.functions import PciOwner
from drivers.storage.ata.start import ata_irq
from drivers.storage.ata.state import ATA
from drivers.storage.command import BlockOperation, BlockOutcome
from drivers.storage.disk import DiskDriver
from drivers.storage.fault import StorageFault
from tests.ata.bench import NEVER, disks, text
from tests.ata.disk_model import DiskModel
from tests.ata.execution import Run, everywhere
from tests.ata.ide_machine import IdeMachine, started
from tests.ata.ide_model import Atapi, Behaviour, Drive
from tests.ata.services import MS

READ, WRITE, FLUSH, DISCARD = BlockOperation.READ, BlockOperation.WRITE, BlockOperation.FLUSH, BlockOperation.DISCARD
DONE, RESET, GONE = BlockOutcome.DONE, BlockOutcome.RESET, BlockOutcome.GONE
REFUSED, IO_ERROR, TIMED_OUT = BlockOutcome.REFUSED, BlockOutcome.IO_ERROR, BlockOutcome.TIMED_OUT


# ---- start ----


@everywhere
def test_the_disks_of_both_channels_are_found_beside_an_atapi_drive(run: Run) -> None:
    first, second = DiskModel(sectors=1000), DiskModel(sectors=1 << 33, model=b"BIG " * 10, cache=False, trim=False)
    machine, bench = started(run, Drive(first), Atapi(), None, Drive(second))
    found = disks()
    assert [(int(disk.unit), int(disk.sectors)) for disk in found] == [(0, 1000), (3, 1 << 33)]
    assert all(disk.driver == DiskDriver.ATA and int(disk.requester) == 8 for disk in found)
    assert all(int(disk.address_limit) == 1 << 32 and int(disk.queues) == 1 for disk in found)
    assert [(disk.caches_writes, disk.discards, disk.zeroes) for disk in found] == [
        (True, True, False),
        (False, False, False),
    ]
    assert text(found[0].model, 40) == b"KEELBACK DISK" and text(found[0].serial, 20) == b"S-0042"
    assert text(found[1].model, 40) == (b"BIG " * 10).rstrip()
    assert [int(run(ata_irq, u32(0), u32(i))) for i in range(2)] == [14, 15]
    assert machine.pci.owner == PciOwner.ATA
    assert machine.channels[0].commands == [(0, 0xEC), (1, 0xEC)]
    for disk in range(2):
        bench.put(7, bytes([disk + 1]) * 512, disk)
    assert [bench.get(7, 1, disk) for disk in range(2)] == [b"\1" * 512, b"\2" * 512]


@everywhere
def test_a_controller_in_native_mode_has_no_isa_interrupt_and_works(run: Run) -> None:
    _, bench = started(run, Drive(DiskModel()), None, Drive(DiskModel()), native=True)
    assert [int(run(ata_irq, u32(0), u32(i))) for i in range(2)] == [0, 0]
    for disk in range(2):
        bench.put(1, b"n" * 512, disk)
        assert bench.get(0, 3, disk) == bytes(512) + b"n" * 512 + bytes(512)


@everywhere
@pytest.mark.parametrize("floating", [0xFF, 0x7F, 0x00])
def test_where_no_drive_is_no_time_is_lost_and_the_controller_is_cut_off(run: Run, floating: int) -> None:
    machine = IdeMachine(run, floating=floating)
    begun = machine.services.time
    assert machine.start() is None
    assert machine.services.time - begun < 10 * MS
    assert disks() == [] and int(ATA.controller_count) == 0
    assert not machine.function.bytes[4] & 4


@everywhere
def test_an_atapi_drive_alone_sees_identify_and_nothing_else(run: Run) -> None:
    machine = IdeMachine(run, Atapi(), None, None, Atapi())
    assert machine.start() is None
    assert disks() == []
    assert [channel.commands for channel in machine.channels] == [[(0, 0xEC), (1, 0xEC)]] * 2


@everywhere
def test_a_drive_that_stays_busy_costs_a_bounded_time(run: Run) -> None:
    machine = IdeMachine(run, Drive(DiskModel(), Behaviour(never_ready=True)), None, Drive(DiskModel()))
    machine.services.step = 2 * MS
    begun = machine.services.time
    assert machine.start() is None
    assert machine.services.time - begun < 11_000 * MS
    assert [int(disk.unit) for disk in disks()] == [2]


@everywhere
def test_a_drive_without_a_mode_of_dma_gets_the_slowest(run: Run) -> None:
    machine, _ = started(run, Drive(DiskModel(mode=False)))
    assert machine.channels[0].commands[:2] == [(0, 0xEC), (0, 0xEF)]
    assert len(disks()) == 1


HOSTILE = {
    "no sectors": {60: 0, 61: 0, 100: 0, 101: 0, 102: 0, 103: 0},
    "too many sectors": {103: 0xFFFF},
    "no LBA": {49: 0x0100},
    "no DMA": {49: 0x0200},
    "long sectors of no bytes": {106: 0x5000, 117: 0, 118: 0},
    "sectors of 2 GiB": {106: 0x5000, 117: 0, 118: 0x4000},
    "sectors of 8 GiB": {106: 0x5000, 117: 0xFFFF, 118: 0xFFFF},
    "sectors of 520 bytes": {106: 0x5000, 117: 260, 118: 0},
    "sectors of 8 KiB": {106: 0x5000, 117: 4096, 118: 0},
    "sectors of 256 bytes": {106: 0x5000, 117: 128, 118: 0},
}


@everywhere
@pytest.mark.parametrize("name", HOSTILE)
def test_a_disk_that_makes_no_sense_is_not_used(run: Run, name: str) -> None:
    machine = IdeMachine(run, Drive(DiskModel(patches=HOSTILE[name])), Drive(DiskModel()))
    assert machine.start() is None
    assert [int(disk.unit) for disk in disks()] == [1]


@everywhere
def test_a_wrong_sum_is_no_identification(run: Run) -> None:
    model = DiskModel(summed=False, patches={255: 0x11A5})
    assert IdeMachine(run, Drive(model)).start() is None
    assert disks() == []


@everywhere
def test_texts_are_printable_whatever_the_disk_says(run: Run) -> None:
    started(run, Drive(DiskModel(model=b"\x1b[2J\xff\x00evil\x7f", serial=b"\x00\x00 \x80 1")))
    (disk,) = disks()
    assert text(disk.model, 40) == b"?[2J? evil?" and text(disk.serial, 20) == b"? 1"


@everywhere
def test_faults_of_the_start(run: Run) -> None:
    machine = IdeMachine(run, Drive(DiskModel()))
    machine.services.memory_left = 0
    assert machine.start() == StorageFault.NO_MEMORY
    assert disks() == [] and not machine.function.bytes[4] & 4
    machine = IdeMachine(run, Drive(DiskModel()))
    machine.function.gone = True
    assert machine.start() == StorageFault.TAKEN
    machine = IdeMachine(run, Drive(DiskModel()))
    machine.pci.bars[4].size = type(machine.pci.bars[4].size)(8)
    assert machine.start() == StorageFault.NO_REGISTERS
    machine = IdeMachine(run, Drive(DiskModel()))
    assert machine.start() is None
    assert machine.start() == StorageFault.TAKEN
    ATA.controller_count = u32(2)
    assert machine.start() == StorageFault.NO_ROOM


# ---- transfers ----


@everywhere
def test_segments_that_cross_64_kib_are_cut_there(run: Run) -> None:
    _, bench = started(run, Drive(DiskModel(sectors=1 << 20)))
    first, second = bench.buffer(0x3_0000, 0xFE00), bench.buffer(0x200, 0xFFFC)
    data = bytes(range(251)) * 1000
    data = data[: 0x2_0400 - 512]
    segments = [(first, 0x2_0000), (second, 0x200)]
    host.memory.write(Hpa(first), data[:0x2_0000])
    host.memory.write(Hpa(second), data[0x2_0000:])
    number = bench.submit(WRITE, 100, 257, segments)
    assert bench.finish() == {number: DONE}
    assert bench.get(100, 257) == data
    for address, length in segments:
        host.memory.write(Hpa(address), bytes(length))
    number = bench.submit(READ, 100, 257, segments)
    assert bench.finish() == {number: DONE}
    assert b"".join(host.memory.read(Hpa(place), length) for place, length in segments) == data


@everywhere
def test_the_largest_command_has_as_many_segments_as_there_are(run: Run) -> None:
    _, bench = started(run, Drive(DiskModel(sectors=1 << 20)))
    (disk,) = disks()
    each = int(disk.bytes_max) // int(disk.segments_max)
    segments = [(bench.buffer(each, 0x8204), each) for _ in range(int(disk.segments_max))]
    number = bench.submit(READ, 0, int(disk.bytes_max) // 512, segments)
    assert bench.finish() == {number: DONE}


@everywhere
def test_addresses_of_28_and_48_bits_are_chosen_as_needed(run: Run) -> None:
    machine, bench = started(run, Drive(DiskModel(sectors=1 << 40)), Drive(DiskModel(sectors=1 << 20, wide=False)))
    end = 0x0FFF_FFFF
    for sector, sectors, command in [
        (end - 1, 1, 0xC8),
        (end, 1, 0x25),
        (end - 1, 2, 0x25),
        ((1 << 40) - 256, 256, 0x25),
        (3, 256, 0xC8),
        (3, 257, 0x25),
    ]:
        bench.get(sector, sectors)
        assert machine.channels[0].commands[-1] == (0, command)
    assert int(disks()[1].bytes_max) == 256 * 512
    bench.put((1 << 20) - 256, b"q" * 512 * 256, 1)
    assert bench.get((1 << 20) - 256, 256, 1) == b"q" * 512 * 256
    assert machine.channels[0].commands[-2:] == [(1, 0xCA), (1, 0xC8)]
    number = bench.submit(FLUSH, 0, 0, disk=1)
    assert bench.finish() == {number: DONE}
    assert machine.channels[0].commands[-1] == (1, 0xE7)


@everywhere
@pytest.mark.parametrize("block", [1024, 4096])
def test_long_sectors(run: Run, block: int) -> None:
    _, bench = started(run, Drive(DiskModel(sectors=100, block=block)))
    (disk,) = disks()
    assert (int(disk.sectors), int(disk.block)) == (100 * block // 512, block)
    whole = block // 512
    bench.put(5 * whole, b"z" * block)
    assert bench.get(4 * whole, 3 * whole) == bytes(block) + b"z" * block + bytes(block)
    refused = [bench.submit(READ, 1, whole, [(bench.buffer(block), block)]), bench.read(0, whole + 1)[0]]
    assert bench.finish() == dict.fromkeys(refused, REFUSED)


@everywhere
def test_what_was_flushed_survives_and_what_was_not_need_not(run: Run) -> None:
    model = DiskModel()
    machine, bench = started(run, Drive(model))
    bench.put(1, b"a" * 512)
    number = bench.submit(FLUSH, 0, 0)
    assert bench.collect() == {}
    assert bench.finish() == {number: DONE}
    assert machine.channels[0].commands[-1] == (0, 0xEA)
    bench.put(2, b"b" * 512)
    model.lose_power()
    assert bench.get(1, 2) == b"a" * 512 + bytes(512)


@everywhere
def test_a_flush_of_a_disk_without_a_cache_is_done_at_once(run: Run) -> None:
    machine, bench = started(run, Drive(DiskModel(cache=False)))
    before = len(machine.channels[0].commands)
    number = bench.submit(FLUSH, 0, 0)
    assert bench.collect() == {number: DONE}
    assert len(machine.channels[0].commands) == before


@everywhere
def test_a_discard_takes_as_many_commands_as_it_needs(run: Run) -> None:
    model = DiskModel(sectors=1 << 33)
    machine, bench = started(run, Drive(model))
    bench.put(9, b"d" * 1024)
    number = bench.submit(DISCARD, 9, 1)
    assert bench.finish() == {number: DONE}
    assert bench.get(9, 2) == bytes(512) + b"d" * 512
    model.trims.clear()
    sectors = 3 * 64 * 65535 + 70_000
    number = bench.submit(DISCARD, 1000, sectors)
    assert bench.finish() == {number: DONE}
    assert machine.channels[0].commands[-4:] == [(0, 6)] * 4
    at = 1000
    for lba, count in model.trims:
        assert lba == at
        at += count
    assert at == 1000 + sectors


@everywhere
def test_what_breaks_the_limits_is_refused_and_no_drive_hears_of_it(run: Run) -> None:
    machine, bench = started(run, Drive(DiskModel(sectors=1000, trim=False)), Drive(DiskModel()))
    before = list(machine.channels[0].commands)
    page = bench.buffer(4096)
    big = 1 << 20
    numbers = [
        bench.submit(READ, 0, 0, []),
        bench.submit(READ, 0, 1, []),
        bench.submit(READ, 1000, 1, [(page, 512)]),
        bench.submit(READ, 999, 2, [(page, 1024)]),
        bench.submit(WRITE, (1 << 64) - 1, 1, [(page, 512)]),
        bench.submit(READ, 0, 2, [(page, 512)]),
        bench.submit(READ, 0, 1, [(page, 1024)]),
        bench.submit(READ, 0, 1, [(page + 2, 512)]),
        bench.submit(READ, 0, 2, [(page, 511), (page + 512, 513)]),
        bench.submit(READ, 0, 1, [(page, 512), (page, 0)]),
        bench.submit(READ, 0, 1, [((1 << 32) - 4, 512)]),
        bench.submit(WRITE, 0, 1, [(1 << 40, 512)]),
        bench.submit(WRITE, 0, 1, [((1 << 64) - 512, 512)]),
        bench.submit(WRITE, 0, 1, [((1 << 64) - 4, 512)]),
        bench.submit(DISCARD, 0, 1),
        bench.submit(DISCARD, 0, 0, disk=1),
        bench.submit(DISCARD, 4000, 97, disk=1),
        bench.submit(BlockOperation.WRITE_ZEROES, 0, 1),
        bench.submit(READ, 0, big // 512 + 1, [(page, big), (page, 512)], disk=1),
    ]
    assert bench.collect() == dict.fromkeys(numbers, REFUSED)
    assert machine.channels[0].commands == before


@everywhere
def test_channels_work_side_by_side_unless_the_controller_is_simplex(run: Run) -> None:
    for simplex in (False, True):
        machine, bench = started(run, Drive(DiskModel()), None, Drive(DiskModel()), simplex=simplex)
        numbers = [bench.read(0, 1, disk)[0] for disk in (0, 1, 0, 1, 0, 1)]
        active = [channel.command is not None for channel in machine.channels]
        assert active == [True, not simplex]
        order = []
        while machine.work():
            order += list(bench.collect().items())
        assert sorted(order) == sorted((number, DONE) for number in numbers)
        if simplex:
            assert order[1][0] == numbers[1], "neither channel keeps the other one waiting"


# ---- errors ----


@everywhere
def test_an_error_ends_its_command_alone(run: Run) -> None:
    model = DiskModel(bad={7})
    machine, bench = started(run, Drive(model))
    numbers = [bench.read(7, 1)[0], bench.read(8, 1)[0], bench.write(6, b"w" * 1024)]
    assert bench.finish() == {numbers[0]: IO_ERROR, numbers[1]: DONE, numbers[2]: IO_ERROR}
    assert int(ATA.controllers[0].errors) == 2 and int(ATA.controllers[0].resets) == 0


@everywhere
def test_less_data_than_asked_for_is_an_error(run: Run) -> None:
    _, bench = started(run, Drive(DiskModel(), Behaviour(short=512)))
    number, _ = bench.read(0, 4)
    assert bench.finish() == {number: IO_ERROR}


@everywhere
def test_errors_on_the_cable_are_counted(run: Run) -> None:
    _, bench = started(run, Drive(DiskModel(), Behaviour(crc=True)))
    number, _ = bench.read(0, 4)
    assert bench.finish() == {number: IO_ERROR}
    assert int(ATA.controllers[0].crc_errors) == 1


@everywhere
def test_an_interrupt_for_nothing_is_taken_back_and_counted(run: Run) -> None:
    machine, bench = started(run, Drive(DiskModel()))
    machine.channels[0].interrupt(0)
    assert bench.collect() == {}
    assert machine.channels[0].line == [False, False] and not machine.channels[0].master_status & 4
    assert int(ATA.controllers[0].spurious) == 1
    number, _ = bench.read(0, 1)
    machine.channels[0].stale = 0
    machine.channels[0].interrupt(0)  # and while the drive is busy
    assert bench.collect() == {}
    machine.channels[0].line[0] = False
    assert bench.finish() == {number: DONE}
    assert int(ATA.controllers[0].spurious) == 2


@everywhere
def test_an_interrupt_of_before_is_no_answer_to_a_command(run: Run) -> None:
    machine, bench = started(run, Drive(DiskModel()))
    machine.channels[0].interrupt(0)
    number, _ = bench.read(0, 1)
    assert bench.collect() == {}
    assert bench.finish() == {number: DONE}


@everywhere
def test_a_late_command_ends_timed_out_and_the_others_go_on_after_the_reset(run: Run) -> None:
    drive = Drive(DiskModel(), Behaviour(hangs=True))
    machine, bench = started(run, drive)
    late, _ = bench.read(0, 8, timeout=100 * MS)
    waiting = bench.write(3, b"r" * 512)
    short = bench.write(4, b"s" * 512, timeout=100 * MS)
    assert bench.collect() == {}
    assert bench.tick() - machine.services.time <= 100 * MS
    found = bench.wait(0.1001)
    assert found == {late: TIMED_OUT, short: TIMED_OUT}
    drive.how.hangs = False
    assert bench.wait(60) == {waiting: DONE}
    assert bench.get(3, 1) == b"r" * 512
    controller = ATA.controllers[0]
    assert (int(controller.timeouts), int(controller.resets)) == (2, 1)
    assert bench.tick() == NEVER


@everywhere
def test_a_drive_that_never_answers_is_given_up_after_three_resets(run: Run) -> None:
    drive = Drive(DiskModel(), Behaviour(hangs=True))
    _, bench = started(run, drive)
    for _ in range(3):
        number, _ = bench.read(0, 8, timeout=100 * MS)
        assert bench.wait(60) == {number: TIMED_OUT}
        assert not disks()[0].gone
    late, _ = bench.read(0, 8, timeout=100 * MS)
    waiting, _ = bench.read(0, 8)
    assert bench.wait(60) == {late: TIMED_OUT, waiting: GONE}
    assert disks()[0].gone
    number, _ = bench.read(0, 1)
    assert bench.collect() == {number: GONE}
    assert bench.tick() == NEVER
    assert int(ATA.controllers[0].resets) == 3


@everywhere
def test_a_command_that_ends_between_resets_is_a_new_beginning(run: Run) -> None:
    drive = Drive(DiskModel(), Behaviour())
    _, bench = started(run, drive)
    for _ in range(5):
        drive.how.hangs = True
        number, _ = bench.read(0, 8, timeout=100 * MS)
        assert bench.wait(60) == {number: TIMED_OUT}
        drive.how.hangs = False
        assert bench.get(0, 1) == bytes(512)


@everywhere
def test_a_reset_that_fails_ends_everything_on_the_channel_alone(run: Run) -> None:
    drive = Drive(DiskModel(), Behaviour(hangs=True, dead=True))
    machine, bench = started(run, drive, None, Drive(DiskModel()))
    late, _ = bench.read(0, 8, timeout=100 * MS)
    waiting, _ = bench.read(0, 8, timeout=100_000 * MS)
    begun = machine.services.time
    assert bench.wait(60) == {late: TIMED_OUT, waiting: GONE}
    assert machine.services.time - begun < 32_000 * MS
    assert [disk.gone for disk in disks()] == [True, False]
    assert bench.get(0, 1, 1) == bytes(512)


@everywhere
def test_of_two_drives_the_one_that_is_missing_after_a_reset_is_gone(run: Run) -> None:
    first, second = Drive(DiskModel(), Behaviour(hangs=True)), Drive(DiskModel())
    machine, bench = started(run, first, second)
    late, _ = bench.read(0, 8, timeout=100 * MS)
    of_first, of_second = (bench.read(0, 1, disk, timeout=60_000 * MS)[0] for disk in (0, 1))
    machine.channels[0].drives = (None, second)
    assert bench.wait(60) == {late: TIMED_OUT, of_first: GONE, of_second: DONE}
    assert [disk.gone for disk in disks()] == [True, False]


@everywhere
def test_a_drive_that_is_no_disk_any_more_after_a_reset_is_gone(run: Run) -> None:
    machine, bench = started(run, Drive(DiskModel(), Behaviour(hangs=True)))
    late, _ = bench.read(0, 8, timeout=100 * MS)
    machine.channels[0].drives = (Atapi(), None)
    assert bench.wait(60) == {late: TIMED_OUT}
    assert disks()[0].gone


@everywhere
def test_a_slow_drive_has_31_seconds_after_a_reset(run: Run) -> None:
    drive = Drive(DiskModel(), Behaviour(hangs=True, recovery=30_000 * MS))
    _, bench = started(run, drive)
    late, _ = bench.read(0, 8, timeout=100 * MS)
    waiting, _ = bench.read(0, 1, timeout=60_000 * MS)
    found = bench.wait(0.2)
    drive.how.hangs = False
    found.update(bench.wait(60))
    assert found == {late: TIMED_OUT, waiting: DONE}


@everywhere
def test_a_drive_that_is_not_ready_for_a_command_is_reset(run: Run) -> None:
    drive = Drive(DiskModel())
    machine, bench = started(run, drive)
    drive.how.never_ready = True
    number, _ = bench.read(0, 1)
    drive.how.never_ready = False
    assert bench.wait(5) == {number: RESET}
    assert bench.get(0, 1) == bytes(512)
    assert int(ATA.controllers[0].resets) == 1


@everywhere
def test_a_master_that_does_not_stop_is_cut_off_from_the_bus(run: Run) -> None:
    drive = Drive(DiskModel(), Behaviour(hangs=True))
    machine, bench = started(run, drive, None, Drive(DiskModel(), Behaviour(hangs=True)))
    late, _ = bench.read(0, 8, timeout=100 * MS)
    other, _ = bench.read(0, 8, disk=1)
    for channel in machine.channels:
        channel.is_stuck = True
    assert bench.wait(60) == {late: GONE, other: GONE}
    assert not machine.function.bytes[4] & 4
    assert all(disk.gone for disk in disks())


@everywhere
def test_surprise_removal_ends_all_commands(run: Run) -> None:
    machine, bench = started(run, Drive(DiskModel()), None, Drive(DiskModel()))
    numbers = [bench.read(0, 8, disk)[0] for disk in (0, 1, 0, 1)]
    for channel in machine.channels:
        channel.gone = True
    assert bench.collect() == dict.fromkeys(numbers, GONE)
    assert all(disk.gone for disk in disks()) and not machine.function.bytes[4] & 4
    number, _ = bench.read(0, 1)
    assert bench.collect() == {number: GONE}


@everywhere
@pytest.mark.parametrize("delay", range(12))
def test_removal_at_any_step_of_a_reset_ends_all_commands(run: Run, delay: int) -> None:
    machine, bench = started(run, Drive(DiskModel(), Behaviour(hangs=True)), Drive(DiskModel()))
    numbers = [bench.read(0, 8, disk, timeout=100 * MS)[0] for disk in (0, 1)] + [bench.read(0, 1)[0]]
    found = {}
    for _ in range(delay):
        following = bench.tick()
        found.update(bench.collect())
        machine.services.time = max(machine.services.time, min(following, machine.services.time + 1000 * MS))
    for channel in machine.channels:
        channel.gone = True
    found.update(bench.wait(120))
    assert set(found) == set(numbers) and set(found.values()) <= {GONE, TIMED_OUT}
    number, _ = bench.read(0, 1, timeout=100 * MS)
    found.update(bench.wait(120))
    assert found[number] == GONE and bench.tick() == NEVER


def test_two_controllers_do_not_share_ports() -> None:
    machine = IdeMachine(lambda function, *arguments: function(*arguments), Drive(DiskModel()))
    assert machine.start() is None
    machine.pci.owner = PciOwner.NONE
    machine.pci.bars[4].address = type(machine.pci.bars[4].address)(0xC100)
    assert machine.start() is None
    assert len(disks()) == 1 and int(ATA.controller_count) == 1
