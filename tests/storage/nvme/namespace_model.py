"""What an NVMe controller says of itself and of its namespaces, and what they hold, in plain Python (NVM Express base
1.4, chapter 5.15)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Namespace:
    """`cached` is what reads see; `durable` what is left when the power fails."""

    blocks: int = 4096
    block_log2: int = 9
    metadata: int = 0
    format: int = 0
    formats: int = 1  # NLBAF, and 1
    protected: bool = False
    says_blocks: int | None = None  # what Identify tells instead
    says_log2: int | None = None
    cached: bytearray = field(init=False)
    durable: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.cached = bytearray(self.blocks << self.block_log2)
        self.durable = bytearray(len(self.cached))

    def identify(self) -> bytes:
        data = bytearray(4096)
        blocks = self.blocks if self.says_blocks is None else self.says_blocks
        for at in (0, 8, 16):
            data[at : at + 8] = blocks.to_bytes(8, "little")
        data[25] = self.formats - 1
        data[26] = self.format & 15 | self.format >> 4 << 5
        data[99] = self.protected
        for number in range(64):
            data[128 + 4 * number + 2] = 77  # no such format: each is another
        log2 = self.block_log2 if self.says_log2 is None else self.says_log2
        at = 128 + 4 * self.format
        data[at : at + 4] = self.metadata.to_bytes(2, "little") + bytes([log2, 0])
        return bytes(data)

    def flush(self) -> None:
        self.durable[:] = self.cached

    def lose_power(self, chance: random.Random) -> None:
        """Of what was not flushed, some has reached the medium, and some has not."""
        size = 1 << self.block_log2
        for at in range(0, len(self.cached), size):
            if chance.random() < 0.5:
                self.durable[at : at + size] = self.cached[at : at + size]
        self.cached[:] = self.durable


@dataclass
class Kind:
    """What a controller is like."""

    namespaces: dict[int, Namespace] = field(default_factory=lambda: {1: Namespace()})
    last_entry: int = 1023
    stride: int = 0
    patience: int = 2  # CAP.TO
    smallest_page: int = 0
    nvm_commands: bool = True
    version: int = 0x0001_0400
    queues: int = 16  # that it grants
    creates: int = 16  # pairs that it then makes
    mdts: int = 0
    oncs: int = 0x0C
    vwc: int = 1
    kind: int = 0
    last_namespace: int | None = None  # NN
    listed: list[int] | None = None  # instead of the numbers that there are
    model: bytes = b"QEMU NVMe Ctrl".ljust(40)
    serial: bytes = b"S3R1AL".ljust(20)
    ready_after: int = 3_000_000  # ns
    stopped_after: int = 2_000_000

    def capability(self) -> int:
        value = self.last_entry | 1 << 16 | self.patience << 24 | self.stride << 32
        return value | self.nvm_commands << 37 | self.smallest_page << 48 | self.smallest_page << 52

    def identify(self) -> bytes:
        data = bytearray(4096)
        data[4:24] = self.serial
        data[24:64] = self.model
        data[77] = self.mdts
        data[111] = self.kind
        data[512:514] = b"\x66\x44"
        last = max(self.namespaces, default=0) if self.last_namespace is None else self.last_namespace
        data[516:520] = last.to_bytes(4, "little")
        data[520:522] = self.oncs.to_bytes(2, "little")
        data[525] = self.vwc
        return bytes(data)

    def list_after(self, number: int) -> bytes:
        numbers = sorted(self.namespaces) if self.listed is None else self.listed
        words = [each for each in numbers if each > number or self.listed is not None][:1024]
        return b"".join(each.to_bytes(4, "little") for each in words).ljust(4096, b"\0")
