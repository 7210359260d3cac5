"""virtio devices, met by a driver that knows the specification alone."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, host, u32
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio import block, chain, queue, serve
from hypervisor.devices.virtio.slots import slots_line, slots_ready
from tests.devices import virtio_driver
from tests.devices.execution import Run, everywhere, in_cpython
from tests.devices.virtio_driver import (
    BOARD,
    BUS_MASTER,
    COMMON,
    DATA,
    DESCRIPTORS,
    DEVICE,
    DISK,
    EVENT_INDEX,
    INDIRECT,
    ISR,
    MEMORY,
    MEMORY_SPACE,
    NO_INTX,
    QUEUE_SIZE,
    RAM,
    TABLES,
    VERSION_1,
    Broken,
    Driver,
    Part,
)

READ, WRITE, FLUSH, GET_ID, DISCARD, ZERO = 0, 1, 4, 8, 11, 13
OK, IO_ERROR, UNSUPPORTED = 0, 1, 2
NEEDS_RESET = 0x40
LINE = 11  # of slot 1


def header(kind: int, sector: int = 0) -> bytes:
    return struct.pack("<IIQ", kind, 0, sector)


def disk_of(driver: Driver) -> bytes:
    return host.memory.read(Hpa(driver.disk), DISK)


@everywhere
def test_a_driver_finds_the_device_by_its_capabilities(run: Run) -> None:
    driver = Driver(run)
    assert driver.config(0) == 0x1042_1AF4 and driver.config(8) >> 8 == 0x018000 and driver.config(8, 1) == 1
    numbers = [number for number, _ in driver.capabilities()]
    assert sorted(numbers) == [9] * 5 + [0x11] and sorted(driver.windows) == [1, 2, 3, 4, 5]
    assert driver.read(DEVICE, 0, 8) == DISK // 512 and driver.read(DEVICE, 20, 4) == 512
    assert driver.read(COMMON, 18, 2) == 4
    driver.set_config(0x10, 4, 0xFFFF_FFFF)
    assert driver.config(0x10) == 0xFFFF_C000


@everywhere
def test_the_window_is_where_software_puts_it(run: Run) -> None:
    driver = Driver(run)
    driver.set_config(0x10, 4, 0xD000_0000)
    assert driver.read(DEVICE, 0, 8) == 0xFFFF_FFFF_FFFF_FFFF
    driver.find()
    assert driver.read(DEVICE, 0, 8) == DISK // 512
    driver.set_config(4, 2, 0)
    assert driver.read(DEVICE, 0, 8) == 0xFFFF_FFFF_FFFF_FFFF


@everywhere
def test_configuration_space_leads_into_the_window_too(run: Run) -> None:
    driver = Driver(run)
    (place,) = (p for n, p in driver.capabilities() if n == 9 and driver.config(p + 3, 1) == 5)
    driver.set_config(place + 8, 4, 0x200)
    for width, value in ((4, DISK // 512), (2, DISK // 512 & 0xFFFF), (8, 0), (3, 0)):
        driver.set_config(place + 12, 4, width)
        assert driver.config(place + 16) == value
    driver.set_config(place + 8, 4, 20)
    driver.set_config(place + 12, 4, 1)
    driver.set_config(place + 16, 4, 1)
    assert driver.read(COMMON, 20, 1) == 1


@everywhere
def test_features_that_were_not_offered_are_not_taken(run: Run) -> None:
    for features, taken in ((VERSION_1, True), (0, False), (VERSION_1 | 1 << 40, False), (VERSION_1 | INDIRECT, True)):
        driver = Driver(run)
        for half in (0, 1):
            driver.write(COMMON, 8, 4, half)
            driver.write(COMMON, 12, 4, features >> 32 * half & 0xFFFF_FFFF)
        driver.write(COMMON, 20, 1, 11)
        assert (driver.read(COMMON, 20, 1) == 11) == taken


def cut(source: random.Random, whole: Part) -> list[Part]:
    """Into pieces."""
    size = whole if isinstance(whole, int) else len(whole)
    places = sorted({0, size, *(source.randrange(size + 1) for _ in range(source.randrange(4)))})
    pieces = zip(places, places[1:], strict=False)
    return [end - begin if isinstance(whole, int) else whole[begin:end] for begin, end in pieces]


@everywhere
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([VERSION_1, VERSION_1 | INDIRECT, VERSION_1 | INDIRECT | EVENT_INDEX]))
def test_requests_in_any_pieces_do_what_they_do_to_a_model(run: Run, seed: int, features: int) -> None:
    source = random.Random(seed)
    driver = Driver(run, features=features)
    driver.start(queue=1)
    model = bytearray(DISK)
    for _ in range(12):
        kind = source.choice((READ, WRITE, WRITE, FLUSH, GET_ID, DISCARD, ZERO))
        sector, sectors = source.randrange(DISK // 512 + 2), source.randrange(1, 9)
        inside = sector + sectors <= DISK // 512
        where = slice(sector * 512, (sector + sectors) * 512)
        sent, size, expected, status = header(kind, sector), 1, b"", OK
        if kind == READ:
            size, expected = sectors * 512 + 1, bytes(model[where])
        elif kind == WRITE:
            data = source.randbytes(sectors * 512)
            sent += data
            if inside:
                model[where] = data
        elif kind == GET_ID:
            size, expected = 21, b"serial".ljust(20, b"\0")
        elif kind in (DISCARD, ZERO):
            sent += struct.pack("<QII", sector, sectors, 0)
            if inside:
                model[where] = bytes(sectors * 512)
        if kind in (READ, WRITE, DISCARD, ZERO) and not inside:
            status = IO_ERROR
        parts = cut(source, sent) + cut(source, size)
        answer = driver.ask(parts, indirect=bool(features & INDIRECT) and source.random() < 0.5, queue=1)
        assert answer[-1] == status
        if status == OK:
            assert answer[:-1] == expected
    assert disk_of(driver) == bytes(model)


@everywhere
def test_a_large_request_is_done_in_bursts(run: Run) -> None:
    driver = Driver(run)
    driver.start()
    host.memory.write(Hpa(driver.disk), bytes(range(256)) * (DISK // 256))
    driver.lay_out([header(READ), DISK, 1], indirect=False)
    driver.offer(0)
    driver.kick()
    assert driver.serve(most=1) == 1 and driver.given_back() == []
    assert driver.serve() == DISK // (64 << 10) - 1 + 1  # and a look that finds nothing more
    assert driver.given_back() == [(0, DISK + 1)]
    assert driver.get(DATA + 19, DISK) == disk_of(driver)


@everywhere
def test_long_chains_are_done_in_bursts_too(run: Run) -> None:
    driver = Driver(run, features=VERSION_1 | INDIRECT)
    driver.start()
    parts: list[Part] = [header(FLUSH), *[b"x"] * 126, 1]
    for head in range(QUEUE_SIZE):
        driver.lay_out(parts, indirect=True)
        driver.describe(DESCRIPTORS, head, TABLES, 16 * len(parts), 4)
        driver.offer(head)
    driver.kick()
    bursts = driver.serve()
    assert len(driver.given_back()) == QUEUE_SIZE and bursts >= 4


@everywhere
def test_what_the_device_does_not_know_or_may_not_do_is_refused(run: Run) -> None:
    driver = Driver(run, read_only=True)
    driver.start()
    assert driver.ask([header(77), 1]) == bytes([UNSUPPORTED])
    assert driver.ask([header(WRITE), bytes(512), 1]) == bytes([IO_ERROR])
    assert driver.ask([header(ZERO), struct.pack("<QII", 0, 1, 0), 1]) == bytes([IO_ERROR])
    assert driver.ask([header(READ), 511, 1])[-1] == IO_ERROR
    assert driver.ask([header(READ, 2**64 - 1), 512, 1])[-1] == IO_ERROR
    assert driver.ask([header(GET_ID), 5, 1])[-1] == IO_ERROR
    assert driver.ask([header(READ), 512, 1])[-1] == OK


BAD = {
    "loop": lambda d: [d.describe(DESCRIPTORS, 0, DATA, 16, 1, 1), d.describe(DESCRIPTORS, 1, DATA, 16, 1, 0)],
    "next outside": lambda d: d.describe(DESCRIPTORS, 0, DATA, 16, 1, QUEUE_SIZE),
    "nothing to write": lambda d: d.describe(DESCRIPTORS, 0, DATA, 16, 0),
    "no header": lambda d: d.describe(DESCRIPTORS, 0, DATA, 16, 2),
    "outside of RAM": lambda d: [
        d.describe(DESCRIPTORS, 0, DATA, 16, 1, 1),
        d.describe(DESCRIPTORS, 1, RAM - 100, 512, 3, 2),
        d.describe(DESCRIPTORS, 2, DATA, 1, 2),
    ],
    "wraps": lambda d: [
        d.describe(DESCRIPTORS, 0, DATA, 16, 1, 1),
        d.describe(DESCRIPTORS, 1, 2**64 - 100, 512, 3, 2),
        d.describe(DESCRIPTORS, 2, DATA, 1, 2),
    ],
    "status outside of RAM": lambda d: [
        d.describe(DESCRIPTORS, 0, DATA, 16, 1, 1),
        d.describe(DESCRIPTORS, 1, 2**63, 1, 2),
    ],
    "read behind write": lambda d: [
        d.describe(DESCRIPTORS, 0, DATA, 16, 3, 1),
        d.describe(DESCRIPTORS, 1, DATA, 16, 0),
    ],
    "indirect outside": lambda d: d.describe(DESCRIPTORS, 0, 2**64 - 16, 32, 4),
    "indirect and next": lambda d: d.describe(DESCRIPTORS, 0, TABLES, 32, 5, 1),
    "indirect of no whole table": lambda d: d.describe(DESCRIPTORS, 0, TABLES, 17, 4),
    "indirect in indirect": lambda d: [
        d.describe(DESCRIPTORS, 0, TABLES, 16, 4),
        d.describe(TABLES, 0, TABLES, 16, 4),
    ],
}


@everywhere
@pytest.mark.parametrize("name", BAD)
def test_a_broken_chain_stops_the_device_until_it_is_reset(run: Run, name: str) -> None:
    driver = Driver(run, features=VERSION_1 | INDIRECT)
    driver.start()
    before = disk_of(driver)
    BAD[name](driver)
    driver.offer(0)
    driver.kick()
    with pytest.raises(Broken):
        driver.serve()
    assert driver.read(COMMON, 20, 1) & NEEDS_RESET and driver.given_back() == [] and disk_of(driver) == before
    assert driver.read(ISR, 0, 1) == 2 and driver.read(ISR, 0, 1) == 0
    driver.kick()
    assert driver.serve() <= 1 and driver.given_back() == []
    driver.start()
    assert driver.ask([header(READ), 512, 1])[-1] == OK


@everywhere
@pytest.mark.parametrize("jump", [QUEUE_SIZE + 1, 0x8000, 0xFFFF])
def test_an_available_index_that_jumps_stops_the_device(run: Run, jump: int) -> None:
    driver = Driver(run)
    driver.start()
    driver.available = jump - 1
    driver.offer(0)
    driver.kick()
    with pytest.raises(Broken):
        driver.serve()


@everywhere
@pytest.mark.parametrize("offset", [32, 40, 48])
@pytest.mark.parametrize("address", [2**64 - 16, 2**52, 1])
def test_a_queue_that_cannot_be_memory_is_not_enabled(run: Run, offset: int, address: int) -> None:
    driver = Driver(run)
    driver.write(COMMON, offset, 8, address)
    driver.write(COMMON, 28, 2, 1)
    assert driver.read(COMMON, 28, 2) == 0 and driver.read(COMMON, 20, 1) & NEEDS_RESET


@everywhere
def test_intx_is_up_until_the_driver_has_read_why(run: Run) -> None:
    driver = Driver(run)
    driver.start()
    driver.ask([header(FLUSH), 1])
    assert run(slots_line, BOARD.virtio, BOARD.pci, u32(LINE)) and driver.config(4) >> 19 & 1 == 1
    driver.set_config(4, 2, BUS_MASTER | MEMORY_SPACE | NO_INTX)
    assert not run(slots_line, BOARD.virtio, BOARD.pci, u32(LINE))
    driver.set_config(4, 2, BUS_MASTER | MEMORY_SPACE)
    assert driver.read(ISR, 0, 1) == 1
    assert not run(slots_line, BOARD.virtio, BOARD.pci, u32(LINE)) and driver.config(4) >> 19 & 1 == 0


@everywhere
def test_a_message_waits_while_its_vector_or_the_function_is_masked(run: Run) -> None:
    driver = Driver(run)
    (place,) = (p for n, p in driver.capabilities() if n == 0x11)
    assert driver.config(place + 2, 2) & 0x7FF == 7
    driver.windows[9] = driver.config(0x10) + (driver.config(place + 4) & ~7)
    driver.set_config(place + 2, 2, 0xC000)
    driver.start()
    driver.write(COMMON, 22, 2, 0)
    driver.write(COMMON, 26, 2, 8)
    assert driver.read(COMMON, 26, 2) == 0xFFFF
    driver.write(COMMON, 26, 2, 3)
    assert driver.read(COMMON, 26, 2) == 3
    driver.ask([header(FLUSH), 1])

    def ready() -> int:
        return int(run(slots_ready, BOARD.virtio, BOARD.pci, u32(0)))

    assert ready() == 0 and driver.read(9, 0x800, 4) == 1 << 3
    driver.write(9, 3 * 16, 8, 0xFEE0_1000)
    driver.write(9, 3 * 16 + 8, 4, 0x4041)
    driver.write(9, 3 * 16 + 12, 4, 0)
    assert ready() == 0
    driver.set_config(place + 2, 2, 0x8000)
    assert ready() == 1 << 3 and driver.read(9, 3 * 16, 4) == 0xFEE0_1000
    assert not run(slots_line, BOARD.virtio, BOARD.pci, u32(LINE)) and driver.read(ISR, 0, 1) == 0


@everywhere
@pytest.mark.parametrize(("event", "interrupts"), [(0, 1), (1, 0), (0xFFFF, 0)])
def test_an_event_index_says_when_to_interrupt(run: Run, event: int, interrupts: int) -> None:
    driver = Driver(run, features=VERSION_1 | EVENT_INDEX)
    driver.start()
    driver.put(0x2000 + 4 + 2 * QUEUE_SIZE, struct.pack("<H", event))
    driver.ask([header(FLUSH), 1])
    assert driver.read(ISR, 0, 1) == interrupts
    assert struct.unpack("<H", driver.get(0x3000 + 4 + 8 * QUEUE_SIZE, 2)) == (1,)


@everywhere
def test_a_driver_that_wants_no_interrupts_gets_none(run: Run) -> None:
    driver = Driver(run)
    driver.start()
    driver.put(0x2000, b"\1\0")
    driver.ask([header(FLUSH), 1])
    assert driver.read(ISR, 0, 1) == 0


@everywhere
def test_who_is_no_bus_master_touches_no_memory_and_sends_no_message(run: Run) -> None:
    driver = Driver(run)
    driver.start()
    driver.set_config(4, 2, MEMORY_SPACE)
    driver.lay_out([header(FLUSH), 1], indirect=False)
    driver.offer(0)
    driver.kick()
    assert driver.serve() <= 1 and driver.given_back() == []
    driver.set_config(4, 2, BUS_MASTER | MEMORY_SPACE)
    driver.kick()
    driver.serve()
    assert driver.given_back() == [(0, 1)]


@everywhere
def test_a_driver_that_skips_the_features_gets_nothing(run: Run) -> None:
    driver = Driver(run)
    driver.start()
    driver.write(COMMON, 20, 1, 7)
    driver.lay_out([header(FLUSH), 1], indirect=False)
    driver.offer(0)
    driver.kick()
    assert driver.serve() <= 1 and driver.given_back() == []


def test_each_value_of_a_request_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that changes its ring while it is read changes nothing that was checked."""
    driver = Driver(in_cpython, features=VERSION_1 | INDIRECT)
    driver.start()
    driver.lay_out([header(WRITE), bytes(700), bytes(324), 1], indirect=True)
    driver.offer(0)
    driver.kick()
    read: list[int] = []

    def noted(real: Any) -> Any:
        def read_it(memory: Any, gpa: Any, *rest: Any) -> Any:
            read.append(int(gpa))
            return real(memory, gpa, *rest)

        return read_it

    for module, name in ((queue, "read_u16"), (chain, "copy_in"), (block, "copy_in")):
        monkeypatch.setattr(module, name, noted(getattr(module, name)))
    assert not serve.device_serve(BOARD.virtio.devices[0], BOARD.pci.functions[1], MEMORY, BOARD.virtio.chain)
    assert driver.given_back() == [(0, 1)]
    twice = {place for place in read if read.count(place) > 1}
    assert twice == {0x2002}, "only the available index is looked at again, for the next chain"
    assert {DESCRIPTORS, TABLES, TABLES + 16, TABLES + 32, TABLES + 48} <= set(read)


@everywhere
def test_random_bytes_come_in_portions(run: Run) -> None:
    driver = Driver(run, FunctionKind.ENTROPY)
    driver.start()
    driver.lay_out([30, 100], indirect=False)
    driver.offer(0)
    driver.kick()
    driver.serve()
    assert driver.given_back() == [(0, 64)]
    content = driver.get(DATA, 30) + driver.get(DATA + 33, 34)
    assert len(set(content)) > 20 and driver.get(DATA + 33 + 34, 66) == bytes(66)


@everywhere
def test_a_driver_that_cannot_be_told_has_broken_its_queue(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event index lies behind the end of RAM, where the available ring ends."""
    monkeypatch.setattr(virtio_driver, "AVAILABLE", RAM - 4 - 2 * QUEUE_SIZE)
    driver = Driver(run, features=VERSION_1 | EVENT_INDEX)
    driver.start()
    with pytest.raises(Broken):
        driver.ask([header(FLUSH), 1])
