"""The MSR policy: each MSR that a guest may touch, with its reader and writer. Nothing else reaches a real RDMSR
(XSA-333)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codegen.lang import u32, u64
from hypervisor.vcpu.vcpu import Vcpu

Reader = Callable[[Vcpu, u32], u64 | None]  # None: hardware would raise #GP
Writer = Callable[[Vcpu, u32, u64], bool]  # False: hardware would raise #GP


@dataclass(frozen=True)
class MsrRange:
    """Consecutive MSRs with one meaning."""

    first: int
    count: int
    read: Reader
    write: Writer


RANGES: list[MsrRange] = []


def msr(first: int, read: Reader, write: Writer, count: int = 1) -> None:
    """Add MSRs `first` to `first + count - 1` to the policy; a build error when one is there already."""
    for other in RANGES:
        if first < other.first + other.count and other.first < first + count:
            raise ValueError(f"MSR {first:#x} is in the policy twice")
    RANGES.append(MsrRange(first, count, read, write))


# Windows of MSR numbers that the dispatch table covers: first number and length. Each entry is a byte.
WINDOWS = (
    (0x0, 0x400),
    (0x6E0, 1),
    (0x800, 0x40),
    (0x4B56_4D00, 0x10),
    (0xC000_0080, 0x90),
    (0xC001_0000, 0x160),
    (0xC001_1000, 0x40),
)


def dispatch_table() -> tuple[list[int], list[Reader], list[Writer]]:
    """For every MSR of the windows the index of its range plus 1 (0: unknown), with the readers and writers by that
    index."""
    size = sum(length for _first, length in WINDOWS)
    classes = [0] * size
    for index, entry in enumerate(RANGES):
        for number in range(entry.first, entry.first + entry.count):
            position = 0
            for first, length in WINDOWS:
                if first <= number < first + length:
                    classes[position + number - first] = index + 1
                    break
                position += length
            else:
                raise ValueError(f"MSR {number:#x} lies in no window of the dispatch table")
    return classes, [entry.read for entry in RANGES], [entry.write for entry in RANGES]
