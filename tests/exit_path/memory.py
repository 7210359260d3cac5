"""What the walked path reads and writes: the image, the host's arena where the language keeps its structs, a stack."""

from __future__ import annotations

from codegen.lang import memory
from codegen.show.debug_tree import DebugTree
from hypervisor.memory.image_layout import PHYSICAL_MAP_BASE


class Memory:
    """The stack is 0 where nobody has written. Writes stay here."""

    def __init__(self, image: DebugTree, stack: tuple[int, int]) -> None:
        self._image = image
        self._stack = stack
        self._written: dict[int, int] = {}

    def read(self, address: int, size: int) -> int:
        """Little-endian."""
        found = bytearray(self._before(address, size))
        for index in range(size):
            found[index] = self._written.get(address + index, found[index])
        return int.from_bytes(found, "little")

    def write(self, address: int, size: int, value: int) -> None:
        """The low `size` bytes of `value`."""
        for index, byte in enumerate((value & (1 << 8 * size) - 1).to_bytes(size, "little")):
            self._written[address + index] = byte

    def _before(self, address: int, size: int) -> bytes:
        low, high = self._stack
        if low <= address < high:
            return bytes(size)
        if PHYSICAL_MAP_BASE <= address < PHYSICAL_MAP_BASE + memory.PHYSICAL[1]:
            return memory.read(address - PHYSICAL_MAP_BASE + memory.physical.start, size)
        try:
            return memory.read(address, size)
        except memory.BadAddress:
            return self._image.content(address, size)
