"""What becomes of a piece of work on a chain."""

from __future__ import annotations

from codegen.lang import Field, Struct, u32, u64


class Work(Struct):
    """Large requests are done in pieces."""

    finished: Field[bool]
    written: Field[u32]  # bytes in the chain, when finished
    moved: Field[u64]  # bytes in this piece
