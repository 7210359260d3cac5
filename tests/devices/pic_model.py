"""An 8259A pair written from the datasheet, for comparison: one object an input, priorities by sorting."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Chip:
    elcr_mask: int
    vector: int = 0
    mask: int = 0xFF
    lowest: int = 7
    request: set[int] = field(default_factory=set)
    service: set[int] = field(default_factory=set)
    lines: set[int] = field(default_factory=set)
    level: set[int] = field(default_factory=set)
    words: list[str] = field(default_factory=list)  # initialisation words still to come
    icw4: bool = False
    auto_eoi: bool = False
    rotate_auto: bool = False
    nested_special: bool = False
    special_mask: bool = False
    read_service: bool = False
    poll: bool = False

    def order(self) -> list[int]:
        return [(self.lowest + 1 + i) % 8 for i in range(8)]

    def masked(self, number: int) -> bool:
        return bool(self.mask >> number & 1)

    def best(self) -> int | None:
        for number in self.order():
            blocks = number in self.service and not (self.special_mask and self.masked(number))
            if blocks and not (self.nested_special and self.elcr_mask == 0xF8 and number == 2):
                return None
            if number in self.request and not self.masked(number):
                return number
        return None

    def bits(self, numbers: set[int]) -> int:
        return sum(1 << number for number in numbers)


class PicModel:
    def __init__(self) -> None:
        self.chips = (Chip(0xF8), Chip(0xDE))

    def settle(self) -> None:
        master, slave = self.chips
        if slave.best() is None:
            master.request.discard(2)
        else:
            master.request.add(2)

    @property
    def interrupt(self) -> bool:
        return self.chips[0].best() is not None

    def line(self, irq: int, up: bool) -> None:
        if irq == 2:
            return
        chip, number = self.chips[irq // 8], irq % 8
        if up and (number in chip.level or number not in chip.lines):
            chip.request.add(number)
        if not up and number in chip.level:
            chip.request.discard(number)
        (chip.lines.add if up else chip.lines.discard)(number)
        self.settle()

    def accept(self, chip: Chip, number: int) -> None:
        if number not in chip.level and not (chip is self.chips[0] and number == 2):
            chip.request.discard(number)
        if not chip.auto_eoi:
            chip.service.add(number)
        elif chip.rotate_auto:
            chip.lowest = number

    def acknowledge(self) -> int:
        master, slave = self.chips
        number = master.best()
        if number is None:
            return master.vector + 7
        vector = master.vector + number
        if number == 2:
            inner = slave.best()
            vector = slave.vector + (7 if inner is None else inner)
            if inner is not None:
                self.accept(slave, inner)
        self.accept(master, number)
        self.settle()
        return vector

    def read(self, index: int, data: bool) -> int:
        chip = self.chips[index]
        if chip.poll:
            chip.poll = False
            number = chip.best()
            if number is None:
                return 0
            self.accept(chip, number)
            self.settle()
            return 0x80 + number
        if data:
            return chip.mask
        return chip.bits(chip.service if chip.read_service else chip.request)

    def write_data(self, index: int, value: int) -> None:
        chip = self.chips[index]
        word = chip.words.pop(0) if chip.words else "mask"
        if word == "mask":
            chip.mask = value
        elif word == "icw2":
            chip.vector = value & 0xF8
        elif word == "icw4":
            chip.auto_eoi = bool(value & 2)
            chip.nested_special = bool(value & 16)
        self.settle()

    def write_command(self, index: int, value: int) -> None:
        chip = self.chips[index]
        if value & 0x10:
            fresh = Chip(chip.elcr_mask, vector=chip.vector, mask=0, lines=chip.lines, level=chip.level)
            fresh.request = chip.lines & chip.level
            fresh.words = ["icw2"] + ([] if value & 2 else ["icw3"]) + (["icw4"] if value & 1 else [])
            self.chips = (fresh, self.chips[1]) if index == 0 else (self.chips[0], fresh)
        elif value & 8:
            chip.poll = bool(value & 4)
            if value & 2:
                chip.read_service = bool(value & 1)
            if value & 0x40:
                chip.special_mask = bool(value & 0x20)
        else:
            self.end(chip, value >> 5, value & 7)
        self.settle()

    def end(self, chip: Chip, command: int, number: int) -> None:
        if command in (1, 5):
            for candidate in chip.order():
                if candidate in chip.service and not (chip.special_mask and chip.masked(candidate)):
                    chip.service.discard(candidate)
                    if command == 5:
                        chip.lowest = candidate
                    return
        elif command in (3, 7):
            chip.service.discard(number)
        if command in (6, 7):
            chip.lowest = number
        if command in (0, 4):
            chip.rotate_auto = command == 4

    def write_elcr(self, index: int, value: int) -> None:
        chip = self.chips[index]
        chip.level = {number for number in range(8) if value & chip.elcr_mask & 1 << number}
        chip.request = (chip.request - chip.level) | (chip.lines & chip.level)
        self.settle()
