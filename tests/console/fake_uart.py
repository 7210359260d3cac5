"""A 16550 in plain Python: what was sent, what is to be received, and which interrupt it would raise."""

from __future__ import annotations

from codegen.lang import host

COM1 = 0x3F8


class FakeUart:
    def __init__(self, slow: bool = False, port: int = COM1) -> None:
        self.sent = bytearray()
        self.arriving = bytearray()
        self.fifo = 0
        self.slow = slow  # the FIFO drains by `drain` only
        self.registers = dict.fromkeys(range(8), 0)
        self.divisor = [0, 0]
        self.lost = 0
        self.overrun = False
        host.bus.map_ports(port, 8, self)

    @property
    def latched(self) -> bool:
        return bool(self.registers[3] & 0x80)

    def drain(self) -> None:
        self.fifo = 0

    def burst(self, data: bytes) -> int:
        """These bytes arrive faster than anybody reads: those that find the FIFO full are lost. How many were."""
        fit = max(16 - len(self.arriving), 0)
        self.arriving += data[:fit]
        self.overrun |= len(data) > fit
        return max(len(data) - fit, 0)

    def interrupt(self) -> bool:
        enabled = self.registers[1]
        return bool(enabled & 1 and self.arriving) or bool(enabled & 2 and self.fifo == 0)

    def read(self, offset: int, width: int, /) -> int:
        assert width == 1
        if offset == 0 and not self.latched:
            return self.arriving.pop(0) if self.arriving else 0
        if offset == 2:
            return 0xC0 | (0 if self.interrupt() else 1)
        if offset == 5:
            overrun, self.overrun = self.overrun, False
            return (0x60 if self.fifo == 0 else 0) | bool(self.arriving) | overrun << 1
        return self.registers[offset]

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width == 1
        if offset < 2 and self.latched:
            self.divisor[offset] = value
        elif offset == 0:
            if self.fifo == 16:
                self.lost += 1
            else:
                self.sent.append(value)
                self.fifo += self.slow
        else:
            self.registers[offset] = value
