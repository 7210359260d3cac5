"""The port with a played UART: requests in, answers out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codegen.lang import host, phys, u8, u16, u32, u64
from drivers.console.ns16550 import COM2
from drivers.pci.address import PciAddress
from drivers.pci.functions import FUNCTIONS_MAX, PCI, BarFault, BarKind
from drivers.storage.disk import DISKS, DISKS_MAX, DiskDriver, disk_add
from hypervisor.client.recording import Clock, decode
from hypervisor.console.log import LOG, Level
from hypervisor.cpu.per_cpu import per_cpu_start
from hypervisor.ctl.answer import ANSWER
from hypervisor.ctl.line import LINE
from hypervisor.ctl.port import CTL_PORT, ctl_port_start
from hypervisor.ctl.request import LINE_MAX, ValueKind
from hypervisor.ctl.run import RUNNING
from hypervisor.ctl.service import serve_ctl
from hypervisor.ctl.table import LIST
from hypervisor.memory.frames import FRAMES
from hypervisor.net.port import PORTS, Drop
from hypervisor.sched.queues import PROCESSORS
from hypervisor.storage.partitions.partition import PARTITIONS, PARTITIONS_MAX
from hypervisor.time.clock import clock_start
from hypervisor.trace.events import EventKind
from hypervisor.trace.record import TRACE, trace
from hypervisor.trace.ring import RINGS, TraceEvents, ring_start
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.pool import POOL, VCPUS, take_vcpus
from hypervisor.vm.vm import VMS
from tests.console.fake_uart import FakeUart
from tests.ctl.execution import Run, everywhere
from tests.ctl.test_json import GARBAGE


def begin() -> FakeUart:
    host.reset()
    per_cpu_start(u32(0))
    clock_start(u64(1_000_000_000), u64(0))
    PROCESSORS.count = 1
    for state in (ANSWER, RUNNING, LINE, CTL_PORT):
        state.zero()
    TRACE.on.store(0)
    uart = FakeUart(port=COM2)
    assert ctl_port_start()
    return uart


def exchange(run: Run, uart: FakeUart, sent: bytes, rounds: int = 400) -> list[dict[str, Any]]:
    """All answers, when the monitor has nothing more to do."""
    uart.arriving += sent
    for _ in range(rounds):
        CTL_PORT.wanted.store(1)
        run(serve_ctl)
        if not uart.arriving and not RUNNING.busy and ANSWER.ring.is_empty():
            break
    lines = uart.sent.split(b"\n")
    assert lines.pop() == b""
    uart.sent.clear()
    return [json.loads(line) for line in lines]


@everywhere
def test_every_verb_answers_with_the_requests_number(run: Run) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "trace": {"state": "off"},
        "events": {"cpu": 0},
        "log": {"from": 0},
        "reboot": {"when": "-"},
        "halt": {"when": "-"},
    }
    for number, verb in enumerate(LIST):
        needs_vm = verb.arguments[:1] == (("vm", ValueKind.NUMBER),)
        given = dict.fromkeys((key for key, _ in verb.arguments), 0) if needs_vm else arguments.get(verb.name, {})
        request = {"id": number, "verb": verb.name, **given}
        (answer,) = exchange(run, begin(), json.dumps(request).encode() + b"\r\n")
        refused = "no such VM" if needs_vm else "when is" if "when" in request else None
        assert (answer["id"], answer["ok"]) == (number, refused is None)
        assert refused is None or answer["error"].startswith(refused)


@everywhere
@pytest.mark.parametrize(
    ("line", "number", "error"),
    [
        (b"{", None, "no JSON object"),
        (b'{"id":7}', 7, "there is no verb"),
        (b'{"id":7,"verb":"fly"}', 7, "no such verb"),
        (b'{"id":7,"verb":"ping","x":1}', 7, "wrong arguments"),
        (b'{"id":"7","verb":"ping"}', None, "wrong arguments"),
        (b'{"id":7,"verb":"events","cpu":"0"}', 7, "wrong arguments"),
        (b'{"id":7,"verb":"events","cpu":1}', 7, "no such processor"),
        (b'{"id":7,"verb":"events","cpu":18446744073709551615}', 7, "no such processor"),
        (b'{"id":7,"verb":"trace","state":"maybe"}', 7, "state is on or off"),
        (b'{"id":7,"verb":"ping"' + b" " * LINE_MAX + b"}", None, "the line is too long"),
    ],
)
def test_a_refusal_says_why(run: Run, line: bytes, number: int | None, error: str) -> None:
    uart = begin()
    assert exchange(run, uart, line + b"\n") == [{"id": number, "ok": False, "error": error}]
    assert exchange(run, uart, b'{"verb":"ping"}\n')[0]["ok"]


@everywhere
def test_after_any_garbage_each_line_has_an_answer_and_the_next_request_is_served(run: Run) -> None:
    @settings(deadline=None)
    @given(st.lists(GARBAGE, max_size=8))
    def check(pieces: list[bytes]) -> None:
        sent = b"\n".join(pieces) + b"\n"
        answers = exchange(run, begin(), sent + b'{"id":99,"verb":"ping"}\n')
        assert len(answers) == sum(line.strip(b"\r") != b"" for line in sent.split(b"\n")) + 1
        assert (answers[-1]["id"], answers[-1]["ok"]) == (99, True)

    check()


@everywhere
def test_a_line_of_which_bytes_were_lost_is_refused_whatever_is_left_of_it(run: Run) -> None:
    @settings(deadline=None)
    @given(st.lists(st.integers(10**9, 10**10 - 1), max_size=6, unique=True), st.lists(st.integers(1, 40), min_size=1))
    @example([10**9, 10**9 + 1], [13, 40])  # lost right behind a line's end
    def check(numbers: list[int], bursts: list[int]) -> None:
        uart = begin()
        sent = b"".join(b'{"id":%d,"verb":"ping"}\n' % number for number in numbers)
        lost, answers = 0, []
        for length in bursts:
            lost += uart.burst(sent[:length])
            sent = sent[length:]
            answers += exchange(run, uart, b"")
        answers += exchange(run, uart, sent + b"\n" + b'{"id":1,"verb":"ping"}\n' * 2)
        served = [answer["id"] for answer in answers if answer["ok"] and answer["id"] != 1]
        assert served == [number for number in numbers if number in served]
        assert answers[-1]["id"] == 1
        if lost == 0:
            assert [answer["id"] for answer in answers] == [*numbers, 1, 1]
        else:
            assert {"id": None, "ok": False, "error": "bytes were lost; send it again"} in answers

    check()


@everywhere
def test_many_requests_at_once_are_answered_in_order_and_no_byte_is_lost(run: Run) -> None:
    uart = begin()
    uart.slow = True
    uart.arriving += b"".join(b'{"id":%d,"verb":"list"}\n' % number for number in range(30))
    for _ in range(400):
        CTL_PORT.wanted.store(1)
        run(serve_ctl)
        uart.drain()
    assert [json.loads(line)["id"] for line in uart.sent.splitlines()] == list(range(30))
    assert uart.lost == 0


@everywhere
def test_the_log_is_told_from_any_place_on_once(run: Run) -> None:
    uart = begin()
    LOG.zero()
    said = [f"line {number} " + "x" * 440 for number in range(160)]
    said[150] = '\x00\t"quoted" \\ \x7f\xff \\u0041'
    for line in said:
        LOG.ring.append(Level.NOTE, u64(1), line.encode("latin-1"))  # type: ignore[arg-type]
    told: list[str] = []
    place = 0
    while (answer := exchange(run, uart, b'{"verb":"log","from":%d}\n' % place)[0])["lines"]:
        told += answer["lines"]
        place = answer["next"]
    assert 100 < len(told) < 160 and told == said[-len(told) :]
    assert place == int(LOG.ring.end)
    for wrong in (place + 1, (1 << 64) - 1):
        answer = exchange(run, uart, b'{"verb":"log","from":%d}\n' % wrong)[0]
        assert (answer["lines"], answer["next"]) == ([], place)
    for between in range(place - 2000, place, 97):
        answer = exchange(run, uart, b'{"verb":"log","from":%d}\n' % between)[0]
        assert answer["lines"] == said[len(said) - len(answer["lines"]) :]


@everywhere
def test_exits_are_counted_by_reason(run: Run) -> None:
    uart = begin()
    POOL.zero()
    first = take_vcpus(u32(2))
    assert first is not None
    VMS[1].vcpu_first, VMS[1].vcpu_count, VMS[1].name.length = first, 2, 1
    for number in range(2):
        VCPUS[first + number].zero()
        VCPUS[first + number].vm, VCPUS[first + number].index = VMS[1], number
    VCPUS[first + 1].exits[ExitKind.CPUID.value] = 7
    VCPUS[first + 1].exits[ExitKind.HLT.value] = 1
    (answer,) = exchange(run, uart, b'{"verb":"stats","vm":1}\n')
    assert answer["vcpus"] == [{"index": 0, "exits": {}}, {"index": 1, "exits": {"CPUID": 7, "HLT": 1}}]
    VMS[1].zero()


@everywhere
def test_free_memory_is_told(run: Run) -> None:
    uart = begin()
    FRAMES.free_runs, FRAMES.free_frames = 3, 5
    assert exchange(run, uart, b'{"verb":"mem"}\n') == [
        {"id": None, "ok": True, "free": (6 << 20) + 5 * 4096, "runs": 6 << 20}
    ]


@everywhere
def test_pci_functions_are_told_with_their_bars(run: Run) -> None:
    uart = begin()
    card = PCI.functions[0]
    card.place = PciAddress(segment=u16(1), bus=u8(0x2A), device=u8(31), function=u8(7))
    card.vendor, card.device, card.class_code, card.interface, card.revision = 0x8086, 0x10D3, 0x0108, 2, 3
    card.subsystem_vendor, card.subsystem, card.interrupt_pin, card.interrupt_line = 0x1AF4, 0x1100, 1, 11
    card.msi, card.msix_vectors = 0xD0, 5
    card.bars[0].kind, card.bars[0].prefetchable = BarKind.MEMORY, True
    card.bars[0].address, card.bars[0].size = 1 << 45, 1 << 33
    card.bars[1].kind = BarKind.UPPER_HALF
    card.bars[2].kind, card.bars[2].size, card.bars[2].fault = BarKind.IO, 32, BarFault.UNASSIGNED
    PCI.function_count = FUNCTIONS_MAX
    (answer,) = exchange(run, uart, b'{"verb":"pci"}\n', 1000)
    assert len(answer["functions"]) == FUNCTIONS_MAX
    told = answer["functions"][0]
    bars = [
        {"bar": 0, "kind": "MEMORY", "address": 1 << 45, "size": 1 << 33, "prefetchable": 1, "usable": 1},
        {"bar": 2, "kind": "IO", "address": 0, "size": 32, "prefetchable": 0, "usable": 0},
    ]
    assert (told.pop("place"), told.pop("name"), told.pop("bars")) == ("0001:2a:1f.7", "NVMe disk", bars)
    assert told == {
        "vendor": 0x8086,
        "device": 0x10D3,
        "subsystem_vendor": 0x1AF4,
        "subsystem": 0x1100,
        "class": 0x0108,
        "interface": 2,
        "revision": 3,
        "owner": "NONE",
        "secondary": 0,
        "pin": 1,
        "line": 11,
        "msi": 1,
        "msix": 5,
    }
    PCI.zero()


@everywhere
def test_events_arrive_as_they_were_written(run: Run) -> None:
    uart = begin()
    memory = host.memory.allocate(TraceEvents.__layout__.size)
    RINGS[0].zero()
    ring_start(RINGS[0], phys(TraceEvents, memory), u64(4096))
    TRACE.on.store(1)
    for number in range(3000):
        trace(EventKind.WAKE, u32(number % 64), u32(0xFFFF_FFFF - number))
    answers = [exchange(run, uart, b'{"verb":"events","cpu":0}\n')[0] for _ in range(3)]
    events = [each for answer in answers for each in decode(answer["events"], 0, Clock(1_000_000_000, 0, 0))]
    assert [len(answer["events"]) > 0 for answer in answers] == [True, True, False]
    assert [(e.kind, e.vcpu, e.value) for e in events] == [
        (EventKind.WAKE, number % 64, 0xFFFF_FFFF - number) for number in range(3000)
    ]
    assert [e.ns for e in events] == sorted(e.ns for e in events)
    assert answers[-1]["lost"] == 0


@everywhere
def test_ports_of_networks_are_told(run: Run) -> None:
    uart = begin()
    assert exchange(run, uart, b'{"verb":"net"}\n', 1000) == [{"id": None, "ok": True, "ports": []}]
    for number in (4, 47):
        port = PORTS[number]
        port.is_open, port.owner, port.number, port.network = True, number // 3, number % 3, 3
        port.mac, port.plain_vlan = 0x02000000AB00 + number, 0xFFFF if number == 4 else 7
    port = PORTS[4]
    port.tag_count, port.tags[0], port.tags[1] = 2, 20, 30
    port.listening.store(u32(1))
    port.sent, port.sent_bytes, port.received, port.received_bytes = 5, 1 << 40, 7, 800
    port.drops[Drop.FULL.value] = 9
    (answer,) = exchange(run, uart, b'{"verb":"net"}\n', 1000)
    first, last = answer["ports"]
    assert {cause for cause, times in first.pop("dropped").items() if times} == {"FULL"}
    assert first == {
        **{"vm": 1, "device": 1, "network": 3, "mac": "02:00:00:00:ab:04", "vlan": None, "vlans": [20, 30]},
        **{"listening": 1, "sent": 5, "sent_bytes": 1 << 40, "received": 7, "received_bytes": 800},
    }
    assert (last["vm"], last["vlan"], last["vlans"], last["listening"]) == (15, 7, [], 0)
    assert set(last["dropped"]) == {cause.name for cause in Drop}


@everywhere
def test_disks_are_told_with_their_partitions(run: Run) -> None:
    uart = begin()
    for state in (DISKS, PARTITIONS):
        state.zero()
    assert exchange(run, uart, b'{"verb":"disks"}\n')[0]["disks"] == []
    for number in range(DISKS_MAX):
        disk = disk_add(DiskDriver.ATA, u8(0), u32(number))
        assert disk is not None
        disk.sectors, disk.block, disk.caches_writes = 2048 << number, 512, number == 0
        for place, byte in enumerate(b'A "disk"\\'):
            disk.model[place] = byte
    for number in range(PARTITIONS_MAX):
        partition = PARTITIONS.partitions[number]
        partition.disk, partition.number, partition.first, partition.sectors = 3, number + 1, 8 * number, 8
        partition.name[0] = 0x61
    PARTITIONS.partition_count = PARTITIONS_MAX
    (answer,) = exchange(run, uart, b'{"verb":"disks"}\n', 1000)
    assert len(answer["disks"]) == DISKS_MAX and len(answer["partitions"]) == PARTITIONS_MAX
    assert answer["disks"][0] == {
        "name": "ata0",
        "model": 'A "disk"\\',
        "serial": "",
        "size": 1 << 20,
        "block": 512,
        "cache": 1,
        "discards": 0,
        "read_only": 0,
        "gone": 0,
    }
    assert answer["partitions"][63] == {"disk": "ata3", "number": 64, "name": "a", "first": 504, "size": 4096}
    for state in (DISKS, PARTITIONS):
        state.zero()
