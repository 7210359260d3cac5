"""What the monitor says while a test plays its guest: its lines go to an emulator's debug port, in both executions."""

from __future__ import annotations

from codegen.lang import host
from drivers.console.debug_port import DEBUG_PORT
from hypervisor.console.console import CONSOLE


class MonitorLog:
    """Attached once per machine, after `new_machine`."""

    def __init__(self) -> None:
        self._said = bytearray()
        CONSOLE.debug_port = True
        host.bus.map_ports(DEBUG_PORT, 1, self)

    def read(self, offset: int, width: int, /) -> int:
        return DEBUG_PORT

    def write(self, offset: int, width: int, value: int, /) -> None:
        self._said.append(value)

    def lines(self) -> list[str]:
        """Without the prefix that each has."""
        return [line.removeprefix("keelback: ") for line in self._said.decode().splitlines()]
