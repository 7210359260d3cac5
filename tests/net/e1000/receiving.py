"""The half of the model that receives: filters, checks, and descriptors that it fills (3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.net.e1000.packets import ip_is_right, take_apart, transport_is_right

if TYPE_CHECKING:
    from tests.net.e1000.card import Card

RDBAL, RDBAH, RDLEN, RDH, RDT, RCTL = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818, 0x100
RXCSUM, RAL, RAH = 0x5000, 0x5400, 0x5404
RXO, RXT0 = 1 << 6, 1 << 7
DD, EOP, IXSM, UDPCS, TCPCS, IPCS = 1, 2, 4, 0x10, 0x20, 0x40
TCPE, IPE = 0x20, 0x40


class Receiver:
    """`tails`: writes of RDT since it was enabled."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.tails = 0

    def changed(self) -> None:
        """RCTL was written."""
        self.tails = 0
        assert self.card.regs[RCTL] >> 16 & 3 == 0 and self.card.regs[RCTL] >> 25 & 1 == 0, "not 2048 bytes"

    def tail_moved(self) -> None:
        """The buffers up to the tail are the card's: their descriptors must be clear and their addresses right."""
        self.tails += 1

    def accepts(self, frame: bytes) -> bool:
        control = self.card.regs[RCTL]
        if not control & 2 or len(frame) > 1518 and not control & 0x20:
            return False
        own = (self.card.regs[RAL] | (self.card.regs[RAH] & 0xFFFF) << 32).to_bytes(6, "little")
        if frame[:6] == b"\xff" * 6:
            return bool(control >> 15 & 1)
        if frame[0] & 1:
            return bool(control >> 4 & 1)
        return frame[:6] == own or bool(control >> 3 & 1)

    def arrive(self, frame: bytes) -> bool:
        """From the wire; whether it found a buffer."""
        if not self.card.masters or not self.card.status() & 2 or not self.accepts(frame):
            return False
        if not self.card.regs[RCTL] >> 26 & 1:
            frame += b"CRC!"
        status, errors = self.look(frame)
        return self.fill([(frame, status | EOP | DD, errors)])

    def look(self, frame: bytes) -> tuple[int, int]:
        """What of its checksums is known (3.2.9): of VLAN-tagged ones too, on both families."""
        wanted = self.card.regs[RXCSUM] & 0x200
        parts = take_apart(frame)
        if not wanted or parts is None:
            return IXSM, 0
        status = TCPCS | (UDPCS if parts.protocol == 17 and self.card.express else 0)
        status |= IPCS if parts.version == 4 else 0
        errors = (0 if transport_is_right(frame, parts) else TCPE) | (0 if ip_is_right(frame, parts) else IPE)
        return status, errors

    def fill(self, parts: list[tuple[bytes, int, int]]) -> bool:
        """Descriptors with these data, status and errors, whatever they are; all or nothing."""
        return self.fill_raw([(data, len(data), status, errors) for data, status, errors in parts])

    def fill_raw(self, parts: list[tuple[bytes, int, int, int]]) -> bool:
        """The same with a length that may be a lie."""
        regs = self.card.regs
        count = regs[RDLEN] // 16 or 1
        if not regs[RCTL] & 2 or (regs[RDT] - regs[RDH]) % count < len(parts):
            self.card.missed += 1
            self.card.cause(RXO)
            return False
        for data, length, status, errors in parts:
            place = (regs[RDBAL] | regs[RDBAH] << 32) + regs[RDH] * 16
            descriptor = self.card.dma_read(place, 16)
            assert descriptor[12] == 0, "a buffer that was not given back whole"
            self.card.dma_write(int.from_bytes(descriptor[:8], "little"), data)
            word = length | 0xC5C5 << 16 | status << 32 | errors << 40
            self.card.dma_write(place + 8, word.to_bytes(8, "little"))
            regs[RDH] = (regs[RDH] + 1) % count
        self.card.cause(RXT0)
        return True
