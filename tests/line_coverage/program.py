"""A small program of the language, for the tests of coverage."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, fn, range, static, storage, u32


class Colour(HwEnum, repr=u32):
    RED = 0
    GREEN = 1
    BLUE = 2


class Counter(Struct):
    value: Field[u32]
    entered: Field[u32]

    @fn
    def __enter__(self) -> None:
        self.entered += 1

    @fn
    def __exit__(self, *_: object) -> None:
        self.entered -= 1


COUNTER = storage(Counter)


@fn
def weigh(value: u32) -> u32:
    """Branches, loops, a scope and statements of several lines."""
    total = u32(0)
    if value == 0:
        return total
    with COUNTER:
        for i in range(value):
            if i == 7:
                continue
            total += (
                i
                + 1
            )  # fmt: skip
            if total > 20:
                break
    while (
        total > 30
        and value > 9
    ):  # fmt: skip
        total -= 1
    for step in static((1, 2)):
        total += step
    return total


@fn
def name(colour: Colour) -> u32:
    match colour:
        case Colour.RED:
            return u32(10)
        case Colour.GREEN:
            return u32(20)
        case _:
            COUNTER.value += 1
    return u32(30)


@fn
def never_called() -> u32:
    return u32(1)
