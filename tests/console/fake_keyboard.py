"""An 8042 and a keyboard in plain Python, after the PS/2 reference; what is missing or broken is chosen."""

from __future__ import annotations

from codegen.lang import host


class FakeKeyboard:
    def __init__(self, plugged: bool = True, translates: bool = True, dead: bool = False) -> None:
        self.plugged = plugged
        self.translates = translates
        self.dead = dead  # the controller takes bytes and never answers
        self.configuration = 0x30
        self.waiting = bytearray(b"\x9c")  # a key that was let go before we came
        self.argument_for = 0
        self.told: list[int] = []
        self.mouse = False
        host.bus.map_ports(0x60, 5, self)

    def read(self, offset: int, width: int, /) -> int:
        assert width == 1
        if offset == 0:
            return self.waiting.pop(0) if self.waiting else 0
        assert offset == 4
        return 0x14 | bool(self.waiting) | (0x20 if self.mouse else 0)

    def answer(self, *values: int) -> None:
        if not self.dead:
            self.waiting += bytes(values)

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width == 1
        if offset == 4:
            self.argument_for = 0
            match value:
                case 0x20:
                    self.answer(self.configuration & (0xFF if self.translates else 0xBF))
                case 0x60:
                    self.argument_for = value
                case 0xAA:
                    self.configuration = 0x30
                    self.answer(0x55)
                case 0xAE:
                    self.configuration &= ~0x10
                case 0xAD:
                    self.configuration |= 0x10
        elif self.argument_for == 0x60:
            self.configuration = value
            self.argument_for = 0
        else:
            self.told.append(value)
            if self.plugged:
                self.answer(0xFE if len(self.told) == 1 else 0xFA)
