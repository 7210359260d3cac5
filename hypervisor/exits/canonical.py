"""Canonical addresses: bits 63 to 47 are equal (48-bit linear addresses; guests see no LA57)."""

from __future__ import annotations

from codegen.lang import fn, u64


@fn
def is_canonical(address: u64) -> bool:
    """Whether hardware accepts `address` as a linear address."""
    top = address >> 47
    return top == 0 or top == 0x1_FFFF
