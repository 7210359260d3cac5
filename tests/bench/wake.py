"""How late the timer of a pinned real-time guest wakes it while others keep its processor busy."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from dataclasses import replace

from boot.machines.emulator import start
from boot.machines.machine import Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from build import BUILD, ROOT, write_iso
from tests.bench.boot import AMD_V, SECONDS, VT_X, prepare
from tests.bench.samples import VoidRun
from tests.guests.wakes import SAMPLES

OTHERS = (0, 1, 4, 12)
BOUND = 6000  # instructions, whatever the others do, and however many they are
MACHINES = {"vt-x": VT_X, "amd-v": AMD_V}
REAL_TIME = """[[vm]]
name = "realtime"
kernel = "{kernel}"
cmdline = "late-wakes"
memory = "16M"
budget = "1ms"
period = "5ms"
cpus = [0]
order = 2
delay = "300ms"
"""
BUSY = """[[vm]]
name = "busy{number}"
kernel = "{kernel}"
cmdline = "exit-storm"
memory = "16M"
cpus = [0]
"""
LATE = re.compile(r"guest: woke late by ([0-9a-f]+)")


def wake_delays(host: str, others: int) -> list[int]:
    """Instructions from the programmed moment to the guest's handler, of SAMPLES wake-ups, beside so many guests that
    do nothing but exit. Raises NotMeasured."""
    folder = BUILD / "bench" / "wake"
    folder.mkdir(parents=True, exist_ok=True)
    kernel = folder / "guest"
    subprocess.run([sys.executable, "-m", "tests.guests.kernel", str(kernel)], check=True, cwd=ROOT)
    config = folder / f"wake-{host}-{others}.toml"
    busy = "".join(BUSY.format(number=number, kernel=kernel) for number in range(others))
    config.write_text(REAL_TIME.format(kernel=kernel) + busy)
    machine = MACHINES[host]
    images, archive = prepare(config)
    if machine.host is Host.QEMU:
        machine = replace(machine, iso=None, kernel=images[host], archive=archive)
    else:
        machine = replace(machine, iso=write_iso(config, images, archive, None))
    return delays_on(machine)


def delays_on(machine: Machine) -> list[int]:
    """Of each wake-up. Raises VoidRun."""
    text = io.BytesIO()
    with start(machine) as emulator:
        outcome = Session(emulator, Watch(b"end of wakes"), time.monotonic() + SECONDS, log=text).run()
    console = text.getvalue().decode(errors="replace")
    delays = [int(value, 16) for value in LATE.findall(console)]
    if outcome is not Outcome.FOUND or len(delays) != SAMPLES:
        raise VoidRun(f"the guest did not report all wake-ups; the console's end:\n{console[-2000:]}")
    return delays
