"""Booting the payload under Keelback on a machine whose TSC counts instructions, and reading what it reports."""

from __future__ import annotations

import io
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

from boot.machines.emulator import start
from boot.machines.machine import Host, Machine
from boot.machines.run import SUCCESS, Request, run_machine
from boot.machines.session import Session
from boot.machines.watch import Watch
from build import BUILD, Failure, build_images, load, write_archive, write_iso
from tests.bench.payload import MARK, build_payload
from tests.bench.samples import NotMeasured, Run, VoidRun, read_run

MIB = 1 << 20
SECONDS = 300.0
CONFIG = """[[vm]]
name = "bench"
kernel = "{kernel}"
memory = "16M"
vcpus = 1
"""
FIRMWARE = re.compile(r"loading took (\d+) TSC ticks of firmware")
CLOCK_STARTS = re.compile(r"bench: its clock starts (\d+) TSC ticks after the loader's first instruction")

# What the payload runs on: Bochs always counts instructions, QEMU when it is asked to.
VT_X = Machine(Host.BOCHS, iso=Path(), memory=256 * MIB)
AMD_V = Machine(Host.QEMU, iso=Path(), memory=256 * MIB, icount=True)
AMD_V_WITH_NEXT_RIP = Machine(Host.BOCHS, iso=Path(), memory=256 * MIB, cpu="ryzen")


@dataclass(frozen=True)
class Measured:
    """One boot: the payload's run, and TSC ticks from the loader's first instruction to the guest's, of which
    `in_firmware` were spent in the loader's calls of the firmware."""

    run: Run
    to_first_guest_instruction: int
    in_firmware: int


def boot_iso(vendor: str, machine: Machine) -> Measured:
    """The payload from an ISO on `machine`, which has the extension "vt-x" or "amd-v". Raises VoidRun."""
    config = write_config(vendor)
    images, archive = prepare(config)
    return measure_on(replace(machine, iso=write_iso(config, images, archive, None)))


def boot_directly(vendor: str, machine: Machine) -> Measured:
    """The same through QEMU's own loader. Raises VoidRun."""
    return measure_on(direct_machine(vendor, machine))


def direct_machine(vendor: str, machine: Machine) -> Machine:
    """`machine` with image and payload for QEMU's own loader."""
    images, archive = prepare(write_config(vendor))
    return replace(machine, iso=None, kernel=images[vendor], archive=archive)


def see_guest(config: Path) -> None:
    """Boots the payload for AMD-V through QEMU's own loader, until its report begins. Raises NotMeasured."""
    images, archive = prepare(config)
    machine = Machine(Host.QEMU, kernel=images["amd-v"], archive=archive, memory=256 * MIB)
    if run_machine(machine, Request(f"bench:{MARK.decode()}", SECONDS, None, ("bench",))) != SUCCESS:
        raise NotMeasured("the guest printed nothing")


def write_config(vendor: str) -> Path:
    """The payload for a monitor on `vendor`, and its configuration, in a folder of this vendor."""
    folder = BUILD / "bench" / vendor
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / f"bench-{vendor}.toml"
    config.write_text(CONFIG.format(kernel=build_payload(vendor, folder / "payload")))
    return config


def prepare(config: Path) -> tuple[dict[str, Path], Path]:
    """The images and the archive."""
    try:
        images = build_images("release")
        return images, write_archive(load(config), images)
    except Failure as error:
        raise NotMeasured(str(error)) from None


def measure_on(machine: Machine) -> Measured:
    """Run `machine` to the payload's power-off, a panic or the time limit. Raises VoidRun without the numbers."""
    text = io.BytesIO()
    with start(machine) as emulator:
        Session(emulator, Watch(), time.monotonic() + SECONDS, log=text).run()
    console = text.getvalue().decode(errors="replace").replace("\r", "")
    clock, firmware = CLOCK_STARTS.search(console), FIRMWARE.search(console)
    if clock is None or firmware is None:
        raise VoidRun(f"the monitor did not start the payload; the console's end:\n{console[-2000:]}")
    run = read_run(console)
    return Measured(run, int(clock.group(1)) + run.first_tsc, int(firmware.group(1)))
