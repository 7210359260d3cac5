"""Multiplying by a fraction without a division: how every tick is converted."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, intrinsic, u32, u64


@intrinsic("mulq $3", "={ax},={dx},{ax},r,~{flags}")
def multiply_wide(a: u64, b: u64) -> tuple[u64, u64]:
    """The 128-bit product: low half, high half."""
    product = int(a) * int(b)
    return u64(product & (1 << 64) - 1), u64(product >> 64)


class Ratio(Struct):
    """value * multiplier / 2**shift; shift is 1 to 63."""

    multiplier: Field[u64]
    shift: Field[u32]


@fn(unchecked=True)
def scale(value: u64, ratio: Ratio) -> u64:
    """`value` converted, rounded down; results beyond 64 bits wrap."""
    low, high = multiply_wide(value, ratio.multiplier)
    return low >> ratio.shift | high << (64 - ratio.shift)


@fn
def set_ratio(ratio: Ratio, numerator: u64, denominator: u64) -> None:
    """numerator / denominator, as exactly as 64 bits allow. Neither may be 0; both stay below 2**62."""
    shift = u32(numerator.leading_zeros())  # so far the numerator can move up; at least 2
    ratio.multiplier = (numerator << shift) // denominator
    ratio.shift = shift
