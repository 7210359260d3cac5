"""The record of what each exit costs: a change that makes one dearer must change the record too, on purpose."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.bench.samples import Run

RECORD = Path(__file__).with_name("counts.toml")
EXITS = ("cpuid", "port-read", "rdmsr", "hypercall", "lapic-mmio")
HEADER = """\
# Instructions per guest operation, written by `./build.py bench --record`: the guest's own, and all that the monitor
# executes for it. Counts, not times. tests/bench/test_counts.py fails when one is higher.
"""

Counts = dict[str, dict[str, int]]  # by host, by exit


def exit_counts(run: Run) -> dict[str, int]:
    """The recorded part of a run."""
    return {name: run.costs[name] for name in EXITS}


def read_record() -> Counts:
    """The record; empty for a host that is not in it."""
    return tomllib.loads(RECORD.read_text()) if RECORD.exists() else {}


def write_record(measured: Counts) -> None:
    """Replace the record."""
    parts = [HEADER]
    for host, counts in measured.items():
        parts.append(f"\n[{host}]\n" + "".join(f"{name} = {count}\n" for name, count in counts.items()))
    RECORD.write_text("".join(parts))


def differences(recorded: dict[str, int], measured: dict[str, int]) -> tuple[list[str], list[str]]:
    """What became dearer (or is not recorded), and what became cheaper, in words."""
    dearer, cheaper = [], []
    for name, count in measured.items():
        known = recorded.get(name)
        if known is None or count > known:
            dearer.append(f"exit/{name}: {count} instructions, recorded {known}")
        elif count < known:
            cheaper.append(f"exit/{name}: {count} instructions, recorded {known}")
    return dearer, cheaper
