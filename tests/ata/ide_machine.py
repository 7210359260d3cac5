"""A machine with an IDE controller: PIIX3, or one in native mode."""

from __future__ import annotations

from typing import Any

from drivers.storage.ata.ata import ata_collect, ata_submit, ata_tick
from drivers.storage.ata.start import ata_start
from tests.ata.bench import Bench, Driver
from tests.ata.disk_model import DiskModel
from tests.ata.execution import Run, begin, plug_in
from tests.ata.ide_model import Atapi, Channel, Drive, Place
from tests.ata.services import Services
from tests.pci.machine import IO, Function, Region

MASTER = 0xC000
NATIVE = {0: Region(IO, 8, 0xD000), 1: Region(IO, 4, 0xD100), 2: Region(IO, 8, 0xD200), 3: Region(IO, 4, 0xD300)}
DRIVER = Driver(ata_submit, ata_collect, ata_tick)


class IdeMachine:
    def __init__(
        self,
        run: Run,
        *places: Place,
        native: bool = False,
        floating: int = 0xFF,
        simplex: bool = False,
    ) -> None:
        begin()
        self.run = run
        self.services = Services()
        drives = (*places, None, None, None, None)
        self.channels = [
            Channel(self.services, drives[i : i + 2], floating, simplex)  # type: ignore[arg-type]
            for i in (0, 2)
        ]
        regions = {4: Region(IO, 16, MASTER), **(NATIVE if native else {})}
        self.function = Function(0x7010_8086, 0x0101_80 | (5 if native else 0), regions)
        self.services.masters = lambda: bool(self.function.bytes[4] & 4)
        spots = ((0xD000, 0xD102), (0xD200, 0xD302)) if native else ((0x1F0, 0x3F6), (0x170, 0x376))
        for i, (channel, (command, control)) in enumerate(zip(self.channels, spots, strict=True)):
            channel.place(command, control, MASTER + 8 * i)
        self.pci = plug_in(self.function)

    def start(self) -> Any:
        return self.run(ata_start, self.pci)

    def work(self) -> bool:
        return any([channel.work() for channel in self.channels])

    def bench(self) -> Bench:
        return Bench(self.run, self.services, DRIVER, self.work)


def started(run: Run, *places: Place, **how: Any) -> tuple[IdeMachine, Bench]:
    machine = IdeMachine(run, *places, **how)
    assert machine.start() is None
    return machine, machine.bench()


__all__ = ["Atapi", "DiskModel", "Drive", "IdeMachine", "started"]
