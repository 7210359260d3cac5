"""What a loader needs of its firmware. `boot/bios` and `boot/uefi` implement these."""

from __future__ import annotations

from typing import Never

from codegen.lang import Hpa, Span, contract, u8, u32, u64


@contract
def show_byte(byte: u8) -> None:
    """Put one character on the screen, and once on COM1; 10 starts a new line."""
    ...


@contract
def read_key() -> u8:
    """The ASCII code of a key that was pressed, 0 when none was. Does not wait."""
    ...


@contract
def pause_milliseconds(count: u32) -> None:
    """Let time pass."""
    ...


@contract
def read_medium(offset: u64, target: Span) -> bool:
    """Fill `target` from byte `offset` (a multiple of 2048) of the boot medium. False when the medium fails."""
    ...


@contract
def claim_memory(base: Hpa, size: u64) -> bool:
    """Take free memory (whole pages) for good. False when the firmware has taken it meanwhile."""
    ...


@contract
def release_memory(base: Hpa, size: u64) -> None:
    """Give back what `claim_memory` took."""
    ...


@contract
def halt() -> Never:
    """Stop for good, with the message left on the screen."""
    ...
