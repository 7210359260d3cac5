"""A machine with VMs of our own kernels, and what the monitor in it measures of them (timed_monitor.py)."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from boot.image.iso import build_iso
from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.image import REPOSITORY
from tests.guests_boot.archive import archive_of

ROOTS = ("tests.boot.timed_monitor", "hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")
KERNELS = {"up": "tests.guests.kernel", "smp": "tests.guests.smp.kernel"}
IPS = 20_000_000  # of Bochs: a request is 60,000 instructions, of which the monitor takes 3 %
SECONDS = 120
USED = re.compile(r"used by \d+: (\d+) of (\d+) us")
COUNTED = re.compile(r"counted by VM \d+: (\d+) of (\d+) ticks")


@dataclass(frozen=True)
class Shares:
    """Parts of one processor: `used` is what each vCPU was charged, `counted` what each VM's guest, if it counts,
    executed itself. `text` is the console's end."""

    used: list[float]
    counted: list[float]
    text: str


def built(folder: Path, profile: str, *vendors: str) -> Path:
    """The monitor and the guests' kernels, in `folder`."""
    for vendor in vendors:
        command = [sys.executable, "-m", "hypervisor.image_program", vendor, profile, str(folder / f"{vendor}.elf")]
        subprocess.run([*command, *ROOTS], cwd=REPOSITORY, check=True)
    for name, module in KERNELS.items():
        subprocess.run([sys.executable, "-m", module, str(folder / name)], check=True, cwd=REPOSITORY)
    return folder


def measured(folder: Path, *vms: str, memory: int = 512 * MIB, cpus: int = 1, host: Host = Host.QEMU) -> Shares:
    """What VMs with these keys have had behind their start."""
    vm = '[[vm]]\nname = "vm{}"\nmemory = "32M"\n{}\n'
    (folder / "vms.toml").write_text("".join(vm.format(i, keys) for i, keys in enumerate(vms)))
    archive = archive_of(folder / "vms.toml", folder)
    if host is Host.QEMU:
        machine = Machine(host, kernel=folder / "amd-v.elf", archive=archive, memory=memory, cpus=cpus, icount=True)
    else:
        images = {vendor: folder / f"{vendor}.elf" for vendor in ("vt-x", "amd-v")}
        iso = build_iso(images, archive, folder / "iso")
        machine = Machine(host, iso=iso, memory=memory, cpus=cpus, ips=IPS)
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"switches: "), time.monotonic() + SECONDS)
        assert session.run() is Outcome.FOUND, session.tail()
        text = session.tail()
    return Shares(parts(USED, text), parts(COUNTED, text), text)


def parts(pattern: re.Pattern[str], text: str) -> list[float]:
    """Quotients of the two numbers of each match."""
    return [int(part) / int(whole) for part, whole in pattern.findall(text)]
