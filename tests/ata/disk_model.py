"""An ATA disk: what it keeps, what it says of itself, what it loses with its power (ATA/ATAPI-7, ACS-2)."""

from __future__ import annotations

from dataclasses import dataclass, field


def swapped(text: bytes, length: int) -> bytes:
    padded = text.ljust(length)
    return b"".join(padded[i + 1 : i + 2] + padded[i : i + 1] for i in range(0, length, 2))


class MediaError(Exception):
    """Sectors that cannot be read or written."""


@dataclass
class DiskModel:
    """`block` bytes a sector. With a write cache, what was not flushed is lost at `lose_power`."""

    sectors: int = 4096
    block: int = 512
    wide: bool = True
    cache: bool = True
    queue: int = 0
    trim: bool = True
    mode: bool = True
    summed: bool = True
    model: bytes = b"KEELBACK DISK"
    serial: bytes = b"  S-0042"
    patches: dict[int, int] = field(default_factory=dict)  # words of the identification
    bad: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.durable: dict[int, bytes] = {}
        self.cached: dict[int, bytes] = {}
        self.flushes = 0
        self.trims: list[tuple[int, int]] = []

    def identify(self) -> bytes:
        words = [0] * 256
        words[0] = 0x0040
        words[49] = 0x0F00
        words[53] = 7
        narrow = min(self.sectors, 0x0FFF_FFFF)
        words[60], words[61] = narrow & 0xFFFF, narrow >> 16
        words[63] = 0x0407 if self.mode else 0x0007
        if self.queue:
            words[75] = self.queue - 1
            words[76] = 0x0106
        words[80] = 0x00F0
        words[82] = 0x20 if self.cache else 0
        words[83] = 0x4000 | 0x1000 | (0x2400 if self.wide else 0)
        words[84] = 0x4000
        words[85] = words[82]
        words[86] = words[83] & 0x3FFF
        words[87] = 0x4000
        words[88] = 0x003F
        if self.wide:
            for i in range(4):
                words[100 + i] = self.sectors >> 16 * i & 0xFFFF
        if self.block != 512:
            words[106] = 0x5000
            words[117], words[118] = self.block // 2 & 0xFFFF, self.block // 2 >> 16
        words[169] = 1 if self.trim else 0
        for number, value in self.patches.items():
            words[number] = value
        data = bytearray(b"".join(word.to_bytes(2, "little") for word in words))
        data[20:40] = swapped(self.serial, 20)
        data[54:94] = swapped(self.model, 40)
        if self.summed:
            data[510] = 0xA5
            data[511] = -sum(data[:511]) & 0xFF
        return bytes(data)

    def check(self, lba: int, count: int) -> None:
        if lba + count > self.sectors or any(lba + i in self.bad for i in range(count)):
            raise MediaError

    def read(self, lba: int, count: int) -> bytes:
        self.check(lba, count)
        blank = bytes(self.block)
        return b"".join(self.cached.get(lba + i, self.durable.get(lba + i, blank)) for i in range(count))

    def write(self, lba: int, data: bytes) -> None:
        count = len(data) // self.block
        self.check(lba, count)
        target = self.cached if self.cache else self.durable
        for i in range(count):
            target[lba + i] = data[i * self.block : (i + 1) * self.block]

    def flush(self) -> None:
        self.flushes += 1
        self.durable.update(self.cached)
        self.cached.clear()

    def lose_power(self) -> None:
        self.cached.clear()

    def discard(self, payload: bytes) -> None:
        for i in range(0, len(payload), 8):
            entry = int.from_bytes(payload[i : i + 8], "little")
            lba, count = entry & (1 << 48) - 1, entry >> 48
            if count:
                if lba + count > self.sectors:
                    raise MediaError
                self.trims.append((lba, count))
                for number in [n for n in {**self.durable, **self.cached} if lba <= n < lba + count]:
                    self.durable.pop(number, None)
                    self.cached.pop(number, None)
