"""All that `build.py bench` prints: exits, boot, wake-ups, image sizes and build times, one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from build import build_images
from codegen.inspect.machine_code import read_code
from tests.bench import boot
from tests.bench.boot import Measured
from tests.bench.build_time import build_times
from tests.bench.counts import exit_counts, write_record
from tests.bench.image_size import loadable_bytes
from tests.bench.rep_iterations import count_iterations
from tests.bench.samples import Run
from tests.bench.wake import OTHERS, wake_delays
from tests.image.entry_points import entry_points

# Where a processor that does not save the next RIP, such as QEMU's, makes us decode the instruction.
DECODED = ("cpuid", "rdmsr", "hypercall")

Row = dict[str, Any]


def measure(say: Callable[[str], None], record: bool = False) -> list[Row]:
    """Rows of name, host ("vt-x" or "amd-v"; "both" where it is all the same), unit and value. `say` gets progress;
    `record` makes the exits' counts the recorded ones. Raises NotMeasured."""
    say("building both images in a copy of the sources, and a C program for comparison ...")
    times = build_times(say)
    rows = [row(f"build/{name}", "both", "seconds", round(seconds, 2)) for name, seconds in times.items()]
    rows += [
        row(f"build/{name}", "both", "C jobs", round(seconds / times["c-job"], 2)) for name, seconds in times.items()
    ]
    for host, image in build_images("release").items():
        rows.append(row("image/loadable", host, "bytes", loadable_bytes(image)))
        rows += [row(f"stack/{each.name}", host, "bytes", each.depth) for each in entry_points(read_code(image))]
    say("VT-x on Bochs ...")
    vt_x = boot.boot_iso("vt-x", boot.VT_X)
    say("AMD-V on QEMU ...")
    amd_v = boot.boot_directly("amd-v", boot.AMD_V)
    amd_v_iso = boot.boot_iso("amd-v", boot.AMD_V)
    say("AMD-V on Bochs, where the processor saves the next RIP ...")
    next_rip = boot.boot_iso("amd-v", boot.AMD_V_WITH_NEXT_RIP)
    rows += exit_rows("vt-x", vt_x.run) + exit_rows("amd-v", amd_v.run)
    rows += decoder_rows(amd_v.run, next_rip.run)
    first = "boot/first-guest-instruction"
    rows += boot_rows(first, "amd-v", amd_v)
    say("REP iterations of the direct boot ...")
    iterations = count_iterations(boot.direct_machine("amd-v", boot.AMD_V))
    rows.append(row(f"{first}/rep-iterations", "amd-v", "instructions", iterations.total))
    rows += boot_rows(f"{first}-iso", "amd-v", amd_v_iso) + boot_rows(f"{first}-iso", "vt-x", vt_x)
    say("wake-ups of a real-time guest beside others ...")
    rows += wake_rows("vt-x") + wake_rows("amd-v")
    if record:
        write_record({"vt-x": exit_counts(vt_x.run), "amd-v": exit_counts(amd_v.run)})
    return rows


def boot_rows(name: str, host: str, measured: Measured) -> list[Row]:
    """From the loader's first instruction to the guest's, and how much of it the firmware took (the menu's wait is in
    neither)."""
    return [
        row(name, host, "instructions", measured.to_first_guest_instruction),
        row(f"{name}/firmware", host, "instructions", measured.in_firmware),
    ]


def exit_rows(host: str, run: Run) -> list[Row]:
    """Instructions per guest operation."""
    return [row(f"exit/{name}", host, "instructions", cost) for name, cost in run.costs.items()]


def wake_rows(host: str) -> list[Row]:
    """The latest wake-up of a pinned real-time guest, from the moment that it asked its timer for to its handler."""
    return [row(f"wake/real-time/{n}-busy", host, "instructions", max(wake_delays(host, n))) for n in OTHERS]


def decoder_rows(decoding: Run, next_rip: Run) -> list[Row]:
    """How much of AMD-V's counts on QEMU is spent on finding the instruction's length."""
    return [
        row(f"exit/{name}/decoder", "amd-v", "instructions", decoding.costs[name] - next_rip.costs[name])
        for name in DECODED
    ]


def row(name: str, host: str, unit: str, value: float) -> Row:
    """One line of the result."""
    return {"name": name, "host": host, "unit": unit, "value": value}
