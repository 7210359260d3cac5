"""What becomes of a piece of work on a chain."""

from __future__ import annotations

from codegen.lang import Field, Struct, u32, u64


class Work(Struct):
    """Large requests are done in pieces; those that a disk of the machine does go on behind the guest's back."""

    queue: Field[u32]  # the chain's,
    head: Field[u32]  # and its first descriptor
    finished: Field[bool]
    begun: Field[bool]  # the chain is given back later
    stalled: Field[bool]  # nothing was done, as the device has no room for more before something else has ended
    written: Field[u32]  # bytes in the chain, when finished
    moved: Field[u64]  # bytes in this piece
