"""The driver of the e1000 as CPython and as native code: `@everywhere` runs a test in both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import Hva, bind, host, storage, u8, u16, u32, u64
from codegen.lang import memory as arena
from drivers.interrupt.message import message_address, message_data
from drivers.net.e1000.interrupt import e1000_connect, e1000_interrupt, e1000_line
from drivers.net.e1000.receive import e1000_receive, e1000_receive_done
from drivers.net.e1000.room import e1000_room
from drivers.net.e1000.send import e1000_send
from drivers.net.e1000.start import e1000_start
from drivers.net.e1000.state import E1000, NEVER, E1000Controller
from drivers.net.e1000.tick import e1000_tick
from drivers.net.frame import Frame
from drivers.net.port import NET, NetPort
from drivers.pci.address import PciAddress
from drivers.pci.config_ports import config_ports_lock, config_ports_unlock
from drivers.pci.enumerate import read_header
from drivers.pci.functions import PCI, PciFunction
from drivers.pci.quiet import pci_quiet
from drivers.pci.windows import WINDOWS, windows_use_ports
from tests.net.e1000 import contracts
from tests.net.e1000.card import Card
from tests.net.e1000.contracts import Surroundings
from tests.pci import contracts as pci_contracts
from tests.pci.fronts import Ports
from tests.pci.machine import Host

NAMES = "address context interrupt link receive reset room segments send setup start state stop tick".split()
MODULES = [
    *(importlib.import_module(f"drivers.net.e1000.{name}") for name in NAMES),
    *(importlib.import_module(f"drivers.net.{name}") for name in ("checksum", "fault", "port")),
    *(importlib.import_module(f"drivers.pci.{name}") for name in ("config", "config_ports", "msi", "quiet", "windows")),
    importlib.import_module("drivers.acpi.root"),
    contracts,
    pci_contracts,
]
Run = Callable[..., Any]
FRAME = storage(Frame)


@functools.cache
def native_module() -> NativeModule:
    program, diagnostics = lower_program(module_functions(MODULES), MODULES, host_target())
    assert not diagnostics, "\n".join(diagnostic.render() for diagnostic in diagnostics)
    return compile_native(program, 2)


def in_cpython(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def natively(function: Any, *arguments: Any) -> Any:
    return native_module().call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])
both_cards = pytest.mark.parametrize("device", [0x100E, 0x10D3])


def begin(pieces: int = 100) -> Surroundings:
    """A machine with memory and a clock."""
    host.reset()
    for state in (PCI, WINDOWS, NET, E1000):
        state.zero()
    bind(config_ports_lock, pci_contracts.take)
    bind(config_ports_unlock, pci_contracts.give)
    return Surroundings(pieces)


def plug_in(*cards: Card) -> list[PciFunction]:
    """Found, and quiet as at the machine's start."""
    Ports(Host({0: {(2 + i, 0): card.function for i, card in enumerate(cards)}}))
    windows_use_ports()
    functions = [PCI.functions[i] for i in range(len(cards))]
    for i, function in enumerate(functions):
        function.place = PciAddress(device=u8(2 + i))
        read_header(function)
        pci_quiet(function)
    return functions


class Driver:
    """Card number 0, started, and what its user does."""

    def __init__(self, run: Run, card: Card) -> None:
        self.run = run
        self.card = card
        (self.function,) = plug_in(card)
        fault = run(e1000_start, self.function)
        assert fault is None, fault

    @property
    def state(self) -> E1000Controller:
        return E1000.controllers[0]

    @property
    def port(self) -> NetPort:
        return NET.ports[0]

    def count(self, name: str) -> int:
        return int(getattr(self.state.counters, name))

    def room(self) -> Hva | None:
        found: Hva | None = self.run(e1000_room, u32(0))
        return found

    def send(self, data: bytes, checksum: tuple[int, int] | None = None, segment: int = 0, mss: int = 0) -> bool:
        """False when there is no room."""
        place = self.room()
        if place is None:
            return False
        arena.write(int(place), data)
        self.send_at(place, len(data), checksum, segment, mss)
        return True

    def send_at(
        self, place: Hva, length: int, checksum: tuple[int, int] | None = None, segment: int = 0, mss: int = 0
    ) -> None:
        FRAME.zero()
        FRAME.at = place
        FRAME.bytes = u32(length)
        FRAME.checksum_wanted = checksum is not None
        if checksum is not None:
            FRAME.checksum_start, FRAME.checksum_offset = u16(checksum[0]), u16(checksum[1])
        FRAME.segment = u8(segment)
        FRAME.segment_bytes = u16(mss)
        self.run(e1000_send, u32(0), FRAME)

    def take(self) -> tuple[bytes, bool] | None:
        """The next frame, still held, and whether its checksum is known to be good."""
        if not self.run(e1000_receive, u32(0), FRAME):
            return None
        assert not FRAME.checksum_wanted and FRAME.segment == 0
        return bytes_at(FRAME.at, int(FRAME.bytes)), bool(FRAME.checksum_good)

    def done(self) -> None:
        self.run(e1000_receive_done, u32(0))

    def receive(self) -> list[bytes]:
        """All that there are."""
        out = []
        while (found := self.take()) is not None:
            out.append(found[0])
            self.done()
        return out

    def interrupt(self) -> bool:
        return bool(self.run(e1000_interrupt, u32(0)))

    def connect(self, vector: int = 0x51) -> bool:
        address = message_address(u32(3))
        assert address is not None
        return bool(self.run(e1000_connect, u32(0), address, message_data(u8(vector))))

    def line(self) -> int:
        return int(self.run(e1000_line, u32(0)))

    def tick(self, after: int = 0) -> int:
        """Its answer; `after` ns later."""
        self.card.around.now += after
        return int(self.run(e1000_tick, u32(0), u64(self.card.around.now)))

    def tick_for(self, ns: int) -> None:
        """As often as it wants to, for so long."""
        end = self.card.around.now + ns
        due = self.tick()
        while due < end:
            due = self.tick(max(due - self.card.around.now, 0))
        self.card.around.now = end
        if due != NEVER:
            self.tick()


def bytes_at(place: Hva, length: int) -> bytes:
    return arena.read(int(place), length)


def start(run: Run, device: int = 0x100E) -> Driver:
    """A driver of a card with nothing special."""
    return Driver(run, Card(begin(), device))
