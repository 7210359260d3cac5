"""Zeroing memory that changes its owner, eight bytes at a time."""

from __future__ import annotations

from codegen.lang import Hpa, Hva, fn, intrinsic, phys_span, u64
from codegen.lang import memory as arena


@intrinsic("rep stosq", "={di},={cx},{di},{cx},{ax},~{memory}")
def store_zeros(address: Hva, words: u64, zero: u64) -> tuple[u64, u64]:
    """REP STOSQ: `words` eight-byte words of `zero` (which must be 0) from `address`."""
    arena.write(int(address), bytes(8 * int(words)))
    return u64(int(address) + 8 * int(words)), u64(0)


@fn
def scrub(hpa: Hpa, length: u64) -> None:
    """Zero `length` bytes, a multiple of 8, of RAM."""
    store_zeros(phys_span(hpa, length).address(), length >> 3, u64(0))
