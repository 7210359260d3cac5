"""docs/life-of-an-exit.md, from both images: `./build.py document` writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from codegen.front.source import ROOT
from hypervisor.image import build_images
from tests.bench.counts import read_record

NAMES = {"vt-x": "VT-x", "amd-v": "AMD-V"}
# What the emulator's clock counts beside the monitor's instructions: Bochs the guest's CPUID too; QEMU not, because it
# takes back an instruction that it breaks off.
GUESTS_OWN = {"vt-x": 1, "amd-v": 0}

HEAD = """# Life of an exit

Made from both images by `./build.py document`. A guest executes CPUID with EAX = 0; nothing else is waiting. These are
all the instructions that the monitor executes until the guest runs again, in their order, each below the line of Python
that it comes from and that line's IR (once in a stage). `./build.py dump FUNCTION` shows a whole function like this,
with addresses.

The path is not recorded: `tests/exit_path/` follows it through the machine code, from the vCPU and the control
structure as they are at such an exit, and comes to the counts that the emulators measure (`tests/bench/counts.toml`).

On AMD-V the processor does not save where the next instruction begins (QEMU's does not), so that *Decode* reads the
guest's bytes at RIP and finds a CPUID of two bytes there.

"""


@dataclass(frozen=True, slots=True)
class Part:
    """A stage on one vendor."""

    title: str
    words: str
    count: int
    lines: list[str]


def life_page() -> str:
    """The whole page. Builds the images where they are not current."""
    images = build_images("release")
    children = {
        vendor: subprocess.Popen(
            [sys.executable, "-m", "tests.exit_path.page", vendor, str(image)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for vendor, image in images.items()
    }  # fmt: skip
    halves = {vendor: read(child) for vendor, child in children.items()}
    return HEAD + summary(halves) + "".join(half(vendor, parts) for vendor, parts in halves.items())


def read(child: subprocess.Popen[str]) -> list[Part]:
    """What a child printed; its own message stands on standard error."""
    text = child.communicate()[0]
    if child.returncode:
        raise RuntimeError(f"{child.args!r} failed")
    return [Part(*part) for part in json.loads(text)]


def summary(halves: dict[str, list[Part]]) -> str:
    """Instructions by stage and vendor, and what was measured."""
    rows = [f"| stage | {' | '.join(NAMES[vendor] for vendor in halves)} |", "|---|---:|---:|"]
    for stages in zip(*halves.values(), strict=True):
        rows.append(f"| {stages[0].title} | {' | '.join(str(part.count) for part in stages)} |")
    rows.append(f"| the monitor's | {' | '.join(str(total(parts)) for parts in halves.values())} |")
    recorded = {vendor: counts["cpuid"] for vendor, counts in read_record().items()}
    rows.append(f"| with the guest's CPUID, as measured | {' | '.join(str(recorded[v]) for v in halves)} |")
    return "\n".join(rows) + "\n"


def total(parts: list[Part]) -> int:
    """The monitor's instructions."""
    return sum(part.count for part in parts)


def half(vendor: str, parts: list[Part]) -> str:
    """One vendor's stages."""
    text = f"\n## {NAMES[vendor]}\n"
    for number, part in enumerate(parts, 1):
        text += f"\n### {number}. {part.title}: {part.count} instructions\n\n{part.words}\n\n```\n"
        text += "\n".join(part.lines) + "\n```\n"
    return text
