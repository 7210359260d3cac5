"""From the payload's lines to numbers: each operation's cost is the value that nearly all of its samples have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.bench.payload import MARK, OPERATIONS, SAMPLES

LEAST_AGREEING = 58  # of SAMPLES: the others met a timer


class NotMeasured(Exception):
    """There is no result; the message says why."""


class VoidRun(NotMeasured):
    """The samples disagree too much, or are not all there: nothing was measured."""


@dataclass(frozen=True)
class Run:
    """`costs` are instructions by operation, `empty` subtracted; `first_tsc` is the guest's TSC at its first one."""

    costs: dict[str, int]
    first_tsc: int


def read_run(console: str) -> Run:
    """The payload's report in the console's text. Raises VoidRun."""
    mark = MARK.decode()
    lines = [line[len(mark) :].split() for line in console.splitlines() if line.startswith(mark)]
    if len(lines) != 1 + len(OPERATIONS) or any(len(words) != SAMPLES for words in lines[1:]):
        raise VoidRun(f"the payload did not report all samples; the console's end:\n{console[-2000:]}")
    samples = {name: [int(word, 16) for word in words] for name, words in zip(OPERATIONS, lines[1:], strict=True)}
    modes = {name: mode(name, values) for name, values in samples.items()}
    empty = modes.pop("empty")
    high, low = lines[0]
    return Run({name: value - empty for name, value in modes.items()}, int(high + low, 16))


def mode(name: str, samples: list[int]) -> int:
    """The most frequent value. Raises VoidRun when it is not that of nearly all."""
    value, count = Counter(samples).most_common(1)[0]
    if count < LEAST_AGREEING:
        raise VoidRun(f"{name}: only {count} of {len(samples)} samples agree: {sorted(Counter(samples).items())}")
    return value
