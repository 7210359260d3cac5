"""The host's bus: devices in plain Python behind physical addresses and I/O ports."""

from __future__ import annotations

from typing import Literal, Protocol

from codegen.lang.addresses import Hpa

Space = Literal["mmio", "port"]


class Device(Protocol):
    """What stands behind a range: offsets count from the range's start, widths are in bytes (1, 2, 4, 8)."""

    def read(self, offset: int, width: int, /) -> int:
        """The value, below 2 ** (8 * width)."""
        ...

    def write(self, offset: int, width: int, value: int, /) -> None:
        """Take the value."""
        ...


class Bus:
    """Where nothing is mapped, reads give all ones and writes are lost, as on a PC."""

    def __init__(self) -> None:
        self._ranges: dict[Space, list[tuple[int, int, Device]]] = {"mmio": [], "port": []}

    def map_mmio(self, hpa: Hpa, size: int, device: Device) -> None:
        """`device` answers at `size` bytes from `hpa`. ValueError when they are taken."""
        if type(hpa) is not Hpa:
            raise TypeError(f"Hpa expected, not {type(hpa).__name__}")
        self._map("mmio", int(hpa), size, device)

    def map_ports(self, port: int, count: int, device: Device) -> None:
        """`device` answers at `count` ports from `port`. ValueError when they are taken."""
        self._map("port", int(port), count, device)

    def reset(self) -> None:
        """No devices."""
        for ranges in self._ranges.values():
            ranges.clear()

    def read(self, space: Space, address: int, width: int) -> int:
        """An access of `width` bytes; an access across the end of a range meets nothing."""
        for start, end, device in self._ranges[space]:
            if start <= address and address + width <= end:
                value = int(device.read(address - start, width))
                if not 0 <= value < 1 << 8 * width:
                    raise ValueError(f"{device!r} gave {value:#x} for {width} bytes at offset {address - start:#x}")
                return value
        return (1 << 8 * width) - 1

    def write(self, space: Space, address: int, width: int, value: int) -> None:
        """An access of `width` bytes."""
        for start, end, device in self._ranges[space]:
            if start <= address and address + width <= end:
                device.write(address - start, width, value)
                return

    def _map(self, space: Space, start: int, size: int, device: Device) -> None:
        for other_start, other_end, other in self._ranges[space]:
            if start < other_end and other_start < start + size:
                raise ValueError(f"{space} {start:#x} is taken by {other!r}")
        self._ranges[space].append((start, start + size, device))
