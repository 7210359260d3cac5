"""A choice of mistakes, each tried in the world that its file belongs to; worlds run one after the other."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

from tests.front.mutations.kinds import ROOT, Mutant, all_mutants, chosen

WORLD_OF = {
    "hypervisor/vcpu/svm/": "amd-v",
    "hypervisor/exits/decode/length.py": "amd-v",
    "boot/bios/": "bios",
    "boot/load/": "bios",
    "boot/uefi/": "uefi",
}
BUILD_TIME = ("hypervisor/config/", "hypervisor/devices/acpi/", "hypervisor/disk_image/", "boot/image/", "drivers/net/")
"""Where layouts are used by plain Python only, which no world compiles; and drivers that no image has yet."""


SEED = 20261125
QUOTAS = {
    "width": (42, 8), "address": (8, 2), "misspelt": (22, 3), "member": (32, 3), "access": (6, 0), "return": (16, 0),
    "result": (18, 2), "none": (8, 0), "argument": (8, 2), "keyword": (7, 3), "operator": (5, 0), "literal": (5, 0),
}  # fmt: skip
"""How many of a kind: in bodies of `@fn`s, and elsewhere."""


def choice(seed: int = SEED, times: int = 1) -> list[Mutant]:
    """The mistakes of one run: 200, or so many times more."""
    everything = {mutant.key: mutant for mutant in all_mutants() if world_of(mutant) is not None}.values()
    found: list[Mutant] = []
    for position, body in enumerate((True, False)):
        quotas = {kind: times * quota[position] for kind, quota in QUOTAS.items()}
        found += chosen([mutant for mutant in everything if mutant.body == body], quotas, seed)
    return found


def world_of(mutant: Mutant) -> str | None:
    if mutant.file.startswith(BUILD_TIME):
        return None
    return next((world for prefix, world in WORLD_OF.items() if mutant.file.startswith(prefix)), "vt-x")


def outcomes(mutants: list[Mutant]) -> dict[str, dict[str, Any]]:
    """By key: kind, outcome ("refused", "equivalent", "accepted", "traceback", "ended") and detail."""
    by_world: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_world.setdefault(str(world_of(mutant)), []).append(mutant)
    found = {}
    for world, ours in sorted(by_world.items()):
        lines = "".join(json.dumps(dataclasses.asdict(mutant)) + "\n" for mutant in ours)
        command = [sys.executable, "-m", "tests.front.mutations.worker", world]
        made = subprocess.run(command, cwd=ROOT, input=lines, capture_output=True, text=True, timeout=1800, check=False)
        assert made.returncode == 0, made.stderr
        found.update({outcome["key"]: outcome for outcome in map(json.loads, made.stdout.splitlines())})
    return found
