"""The machine that compiled code meets under CPython: physical memory, a bus with devices, and a processor."""

from __future__ import annotations

from codegen.lang import memory as arena
from codegen.lang.addresses import Hpa
from codegen.lang.bus import Bus, Device
from codegen.lang.ints import make
from codegen.lang.processor import Cpu, GeneralProtection, Halted

__all__ = ["Bus", "Cpu", "Device", "GeneralProtection", "Halted", "PhysicalMemory", "bus", "cpu", "memory", "reset"]


class PhysicalMemory:
    """RAM from Hpa(0) to `size`, in bytes."""

    size = arena.PHYSICAL[1] - arena.PHYSICAL[0]

    def address(self, hpa: Hpa, length: int) -> int:
        """The real address of so many bytes. BadAddress when they are not all RAM."""
        if type(hpa) is not Hpa:
            raise TypeError(f"Hpa expected, not {type(hpa).__name__}")
        start = int(hpa)
        if start + length > self.size:
            raise arena.BadAddress(f"{length} bytes at {hpa!r} are not RAM")
        return arena.physical.start + start

    def read(self, hpa: Hpa, length: int) -> bytes:
        """So many bytes."""
        return arena.read(self.address(hpa, length), length)

    def write(self, hpa: Hpa, data: bytes) -> None:
        """All of `data`."""
        arena.write(self.address(hpa, len(data)), data)

    def allocate(self, size: int, align: int = 4096) -> Hpa:
        """Zeroed RAM that no other call gets until `reset`; never Hpa(0). MemoryError when none is left."""
        if arena.physical.top == arena.physical.start:
            arena.physical.allocate(4096, 4096)
        found: Hpa = make(Hpa, arena.physical.allocate(size, align) - arena.physical.start)
        return found

    def reset(self) -> None:
        """All RAM to zero, all of it free."""
        arena.physical.clear()
        arena.physical.top = arena.physical.start


memory = PhysicalMemory()
bus = Bus()
cpu = Cpu()


def reset() -> None:
    """A fresh machine: memory and storage zeroed, no devices, the processor as after start-up."""
    memory.reset()
    arena.zeroed.clear()
    bus.reset()
    cpu.reset()
