"""A machine with an AHCI controller, and its driver as CPython and as native code."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.storage.ahci.ahci import ahci_collect, ahci_submit, ahci_tick
from drivers.storage.ahci.start import ahci_start
from tests.ahci.ahci_model import Device, Hba
from tests.ata.bench import Bench, Driver
from tests.ata.execution import Run, begin, in_cpython, native_module, plug_in
from tests.ata.services import Services
from tests.pci.machine import MEMORY, Function, Region

MODULES = ("drivers.storage.ahci.start", "drivers.storage.ahci.ahci")
DRIVER = Driver(ahci_submit, ahci_collect, ahci_tick)
BASE = 0xFEB0_0000
_ = MEMORY


def natively(function: Any, *arguments: Any) -> Any:
    return native_module(MODULES).call(function, *arguments)


everywhere = pytest.mark.parametrize("run", [in_cpython, natively])


class AhciMachine:
    """While the driver starts, disks work by themselves: each look at the clock lets them."""

    def __init__(self, run: Run, *devices: Device, bar: int = 0x2000, **how: Any) -> None:
        begin()
        self.run = run
        self.services = Clock()
        self.hba = Hba(self.services, list(devices), **how)
        self.hba.place(BASE, bar)
        self.function = Function(0x2922_8086, 0x0106_01, {5: Region(0, bar, BASE)})
        self.msi = self.function.add_capability(5, b"\x80\0" + bytes(14), b"\x01\0" + b"\xff" * 10)
        self.services.masters = lambda: bool(self.function.bytes[4] & 4)
        self.pci = plug_in(self.function)

    def start(self) -> Any:
        self.services.idle = self.hba.work
        found = self.run(ahci_start, self.pci)
        self.services.idle = None
        return found

    def bench(self) -> Bench:
        return Bench(self.run, self.services, DRIVER, self.hba.work)


class Clock(Services):
    idle: Any = None

    def read(self, offset: int, width: int, /) -> int:
        if offset == 0 and self.idle is not None:
            self.idle()
        return super().read(offset, width)


def started(run: Run, *devices: Device, **how: Any) -> tuple[AhciMachine, Bench]:
    machine = AhciMachine(run, *devices, **how)
    assert machine.start() is None
    return machine, machine.bench()
