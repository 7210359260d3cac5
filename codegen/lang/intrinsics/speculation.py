"""Indexes that somebody else has chosen, kept inside a table also while the processor guesses (Spectre variant 1).

A comparison and a branch are no protection: the processor may run ahead with an index that the comparison is about to
refuse, and what it loads then leaves traces in the cache.
"""

from __future__ import annotations

from codegen.lang.ints import u64
from codegen.lang.routines import intrinsic


@intrinsic("cmpq $2, $1; sbbq $0, $0; andq $1, $0", "=&r,r,re,~{flags}")
def bounded_index(index: u64, count: u64) -> u64:
    """`index` where it is below `count`, else 0: computed from the borrow of a subtraction, without a branch to guess.
    It stands behind the comparison that refuses what lies outside."""
    return index if index < count else u64(0)


@intrinsic("", "=r,0")
def forget_range(value: u64) -> u64:
    """The same value, of which the compiler no longer knows what comparisons told about it: `forget_range(i) & MASK` is
    really computed, so that an index into a table of a power of two cannot leave it. No instruction."""
    return value
