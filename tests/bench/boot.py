"""Booting the payload under Keelback on a machine whose TSC counts instructions, and reading what it reports."""

from __future__ import annotations

import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

from boot.machines.emulator import start
from boot.machines.machine import Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Watch
from build import BUILD, build_images, load, write_archive, write_iso
from tests.bench.payload import build_payload
from tests.bench.samples import Run, VoidRun, read_run

MIB = 1 << 20
MACHINE_MEMORY = 256 * MIB
SECONDS = {"vt-x": 240.0, "amd-v": 120.0}
CONFIG = """[[vm]]
name = "bench"
kernel = "{kernel}"
memory = "16M"
vcpus = 1
"""
CLOCK_STARTS = re.compile(r"bench: its clock starts (\d+) TSC ticks after the loader's first instruction")


@dataclass(frozen=True)
class Measured:
    """One boot: the payload's run, and TSC ticks from the loader's first instruction to the guest's."""

    run: Run
    to_first_guest_instruction: int


def boot_payload(vendor: str, direct: bool) -> Measured:
    """`vendor` is "vt-x" (Bochs) or "amd-v" (QEMU); `direct` is QEMU's own loader in place of the ISO.

    Raises VoidRun when the run gives no numbers.
    """
    folder = BUILD / "bench" / vendor
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / f"bench-{vendor}.toml"
    config.write_text(CONFIG.format(kernel=build_payload(vendor, folder / "payload")))
    images = build_images("release")
    archive = write_archive(load(config), images)
    if direct:
        machine = machine_of(vendor, kernel=images[vendor], archive=archive)
    else:
        machine = machine_of(vendor, iso=write_iso(config, images, archive, None))
    console = run_to_the_end(machine, SECONDS[vendor])
    clock = CLOCK_STARTS.search(console)
    if clock is None:
        raise VoidRun(f"the monitor did not start the payload; the console's end:\n{console[-2000:]}")
    run = read_run(console)
    return Measured(run, int(clock.group(1)) + run.first_tsc)


def machine_of(
    vendor: str, kernel: Path | None = None, archive: Path | None = None, iso: Path | None = None
) -> Machine:
    """The emulator that has this vendor's extension."""
    host = Host.BOCHS if vendor == "vt-x" else Host.QEMU
    return Machine(
        host, iso=iso, kernel=kernel, archive=archive, memory=MACHINE_MEMORY, icount=host is Host.QEMU
    )


def run_to_the_end(machine: Machine, seconds: float) -> str:
    """The console's text up to the guest's power-off, a panic or the time limit."""
    text = io.BytesIO()
    with start(machine) as emulator:
        Session(emulator, Watch(), time.monotonic() + seconds, log=text).run()
    return text.getvalue().decode(errors="replace").replace("\r", "")
