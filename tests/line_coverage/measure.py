"""Measuring coverage: the unit tests of ring-0 code in CPython and native, then the guest runs, two at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from codegen.ir.line_marks import Line
from tests.line_coverage import collect
from tests.line_coverage.figures import Measured, Ran, measured
from tests.line_coverage.functions import ROOT, all_functions
from tests.line_coverage.guest_images import OUTPUT, image, kernel_of_the_checks, lines_of
from tests.line_coverage.guest_run import GuestRun, Result, boot
from tests.line_coverage.guest_runs import guest_runs

TESTS = """
    acpi ahci ata boot_protocols check console cpu ctl decode devices drivers exits iommu lifecycle memory net pci
    posted sched shell smp storage svm time tlb trace turns virtio vmx
""".split()
BOOTING = (
    "tests/console/test_screen.py",
    "tests/ctl/test_life.py",
    "tests/trace/test_traced_machine.py",
    "tests/vmx/test_on_bochs.py",
)
VENDORS = ("vt-x", "amd-v")

Say = Callable[[str], None]


def measure(say: Say) -> tuple[list[Measured], Ran, list[str]]:
    """Every function, all lines that ran, and what went wrong: a coverage with failures is not one of what works."""
    ran = Ran()
    for vendor in VENDORS:
        ran.compiled.update(lines_of(image(vendor)))
    failures = run_tests(ran, say) + run_guests(guest_runs(), ran, say)
    return measured(all_functions(), ran), ran, failures


def run_tests(ran: Ran, say: Say) -> list[str]:
    """The unit tests with collection, in two processes."""
    parts = OUTPUT / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    folders = [f"tests/{name}" for name in TESTS]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        collect.__name__,
        "-n",
        "2",
        "--dist",
        "worksteal",
    ]
    command += [*folders, *(f"--ignore={file}" for file in BOOTING)]
    environment = {**os.environ, collect.FOLDER: str(parts)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    last = done.stdout.splitlines()[-1:]
    say(f"unit tests: {''.join(last)}")
    read_parts(parts, ran)
    return [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))] + (
        [f"the unit tests ended with status {done.returncode}"] if done.returncode else []
    )


def read_parts(folder: Path, ran: Ran) -> None:
    """What each process of the unit tests left."""
    for part in folder.glob("*.json"):
        for execution, lines in json.loads(part.read_text()).items():
            ran.lines[execution].update((file, line) for file, line in lines)


def run_guests(runs: Iterable[GuestRun], ran: Ran, say: Say) -> list[str]:
    """Two at a time; the images first, which are shared."""
    runs = list(runs)
    kernel_of_the_checks()
    for vendor, start in dict.fromkeys((run.vendor, run.start) for run in runs):
        image(vendor, start)

    def timed(run: GuestRun) -> tuple[GuestRun, Result, float]:
        begin = time.monotonic()
        return run, boot(run), time.monotonic() - begin

    failures = []
    lines: set[Line] = ran.lines["guest"]
    with ThreadPoolExecutor(2) as pool:
        for run, result, seconds in pool.map(timed, runs):
            new = len(result.lines - lines)
            lines |= result.lines
            say(f"{run.name}: {len(result.lines)} lines, {new} of them new, {seconds:.0f} s")
            if result.failure:
                failures.append(f"{run.name}: {result.failure}")
    return failures
