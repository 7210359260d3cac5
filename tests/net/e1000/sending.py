"""The half of the model that sends: descriptors are fetched and carried out in order (3.3 to 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.net.e1000.packets import summed

if TYPE_CHECKING:
    from tests.net.e1000.card import Card

TDBAL, TDBAH, TDLEN, TDH, TDT, TCTL = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x400
TXDW = 1


class Sender:
    """`wire` has what was sent. `lazy`: only `work` sends."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.wire: list[bytes] = []
        self.lazy = False
        self.doorbells = 0
        self.contexts = 0
        self.reset()

    def reset(self) -> None:
        self.context: tuple[int, int] | None = None
        self.frame = bytearray()
        self.first: int | None = None  # second word of the frame's first descriptor

    def changed(self) -> None:
        """TCTL was written."""
        self.frame.clear()
        self.first = None

    def doorbell(self) -> None:
        self.doorbells += 1
        if not self.lazy:
            self.work(1 << 20)

    def work(self, descriptors: int) -> None:
        """Carry out so many, if the card can."""
        regs = self.card.regs
        while descriptors and regs[TDH] != regs[TDT]:
            if not regs[TCTL] & 2 or self.card.hung or not self.card.masters or not self.card.status() & 2:
                return
            place = (regs[TDBAL] | regs[TDBAH] << 32) + regs[TDH] * 16
            raw = self.card.dma_read(place, 16)
            low, high = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")
            assert high >> 32 & 0xF == 0, "a descriptor that is done already"
            self.carry_out(low, high)
            regs[TDH] = (regs[TDH] + 1) % (regs[TDLEN] // 16)
            if high >> 27 & 1:  # RS
                self.card.dma_write(place + 12, bytes([raw[12] | 1]))
                self.card.cause(TXDW)
            descriptors -= 1

    def carry_out(self, low: int, high: int) -> None:
        assert high >> 29 & 1, "an old descriptor"
        if high >> 20 & 15 == 0:
            assert self.first is None, "a context inside of a frame"
            self.context = low, high
            self.contexts += 1
            return
        assert high >> 20 & 15 == 1
        length = high & 0xFFFFF
        assert 0 < length <= 16288 and high >> 25 & 1, "no data, too much, or no CRC"
        if self.first is None:
            self.first = high
        assert (high ^ self.first) >> 26 & 1 == 0, "TSE differs within a frame"
        self.frame += self.card.dma_read(low, length)
        if high >> 24 & 1:
            assert high >> 27 & 1, "nobody will hear that this frame is finished"
            frame, options, segment = bytes(self.frame), self.first >> 40 & 3, self.first >> 26 & 1
            self.frame.clear()
            self.first = None
            self.wire += self.segments(frame, options) if segment else [self.whole(frame, options)]

    def whole(self, frame: bytes, options: int) -> bytes:
        """14 to 1518 bytes; a frame below 60 is padded by the card, but not reliably."""
        assert 60 <= len(frame) <= 1518, len(frame)
        return checksummed(frame, options, *self.fields()[:6]) if options else frame

    def fields(self) -> tuple[int, ...]:
        assert self.context is not None
        low, high = self.context
        places = [low & 0xFF, low >> 8 & 0xFF, low >> 16 & 0xFFFF, low >> 32 & 0xFF, low >> 40 & 0xFF, low >> 48]
        return (*places, high >> 40 & 0xFF, high >> 48, high & 0xFFFFF, high >> 24 & 7)

    def segments(self, frame: bytes, options: int) -> list[bytes]:
        """3.5: each has the header, with lengths, number, flags and checksums of its own."""
        *places, header_bytes, mss, payload, command = self.fields()
        ip, tcp = places[0], places[3]
        assert command >> 2 & 1 and command & 1, "no context for segments of TCP"
        assert len(frame) == header_bytes + payload and mss > 0, (len(frame), header_bytes, payload)
        ipv4 = command >> 1 & 1
        out = []
        data = frame[header_bytes:]
        for number, at in enumerate(range(0, payload, mss)):
            piece = data[at : at + mss]
            header = bytearray(frame[:header_bytes])
            if ipv4:
                put(header, ip + 2, header_bytes - ip + len(piece))
                put(header, ip + 4, int.from_bytes(header[ip + 4 : ip + 6], "big") + number & 0xFFFF)
            else:
                put(header, ip + 4, header_bytes - ip - 40 + len(piece))
            sequence = int.from_bytes(header[tcp + 4 : tcp + 8], "big") + at & 0xFFFF_FFFF
            header[tcp + 4 : tcp + 8] = sequence.to_bytes(4, "big")
            if at + mss < payload:
                header[tcp + 13] &= ~0x09  # FIN and PSH are the last one's
            length = header_bytes - tcp + len(piece)
            offset = places[4]
            put(header, offset, summed(bytes(header[offset : offset + 2]) + length.to_bytes(2, "big")))
            out.append(checksummed(bytes(header) + piece, options, *places))
        return out


def put(header: bytearray, at: int, word: int) -> None:
    header[at : at + 2] = word.to_bytes(2, "big")


def checksummed(frame: bytes, options: int, ip: int, ip_at: int, ip_end: int, start: int, at: int, end: int) -> bytes:
    """By a context (3.3.6): from start to end (0: the frame's), what lies at the place itself included."""
    out = bytearray(frame)
    for wanted, first, place, last in ((options & 1, ip, ip_at, ip_end), (options >> 1, start, at, end)):
        if wanted:
            assert first <= place < len(out) - 1
            stop = last + 1 if last else len(out)
            put(out, place, summed(bytes(out[first:stop])) ^ 0xFFFF or 0xFFFF)
    return bytes(out)
