"""A kernel's demands on guest memory, in terms that all boot protocols share."""

from dataclasses import dataclass

from hypervisor.config.model import KernelKind

LOW_MEMORY_END = 0xA0000
HIGH_MEMORY = 0x100000


class BadKernel(Exception):
    """A file that is no kernel, or a broken one; the message continues the sentence `FILE ...`."""


@dataclass(frozen=True)
class Range:
    """Guest-physical bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    def overlaps(self, other: "Range") -> bool:
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return f"{self.start:#x}..{self.end:#x}"


VIDEO_HOLE = Range(LOW_MEMORY_END, HIGH_MEMORY)


@dataclass(frozen=True)
class KernelImage:
    """`ranges` is what the kernel occupies in guest-physical memory, `max_cmdline` bytes is what it accepts."""

    kind: KernelKind
    detail: str
    ranges: tuple[Range, ...]
    max_cmdline: int

    @property
    def end(self) -> int:
        """Bytes of memory, from address 0, that the kernel needs before any initrd or module."""
        return max(part.end for part in self.ranges)


def check_ranges(ranges: tuple[Range, ...]) -> None:
    """BadKernel if two parts would lie on each other, or one where no RAM is."""
    if not ranges:
        raise BadKernel("loads nothing")
    ordered = sorted(ranges, key=lambda part: part.start)
    for below, above in zip(ordered, ordered[1:], strict=False):
        if below.overlaps(above):
            raise BadKernel(f"has overlapping segments ({below} and {above})")
    for part in ordered:
        if part.overlaps(VIDEO_HOLE):
            raise BadKernel(f"loads to {part}, but {VIDEO_HOLE} is no RAM")
