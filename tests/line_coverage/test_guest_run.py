from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.ir.line_marks import REPORT
from hypervisor.image import build_images
from tests.line_coverage.functions import ROOT
from tests.line_coverage.guest_images import image
from tests.line_coverage.guest_run import boot
from tests.line_coverage.guest_runs import panics
from tests.line_coverage.record import GOAL

MONITOR = "tests/boot/broken_monitor.py"


def line_of(text: str) -> tuple[str, int]:
    source = Path(ROOT / MONITOR).read_text().splitlines()
    return MONITOR, next(number for number, line in enumerate(source, 1) if line.strip() == text)


def test_a_guest_run_reports_its_lines_up_to_the_panic_that_ends_it() -> None:
    result = boot(next(run for run in panics() if run.name == "panic-i"))
    assert result.failure == ""
    assert line_of("ud2()") in result.lines
    assert line_of("push_at(guard)") not in result.lines
    assert line_of("elif letter == INVALID_OPCODE:") in result.lines
    assert line_of("elif letter == NULL_REFERENCE:") not in result.lines
    files = {file for file, _ in result.lines}
    assert {"hypervisor/cpu/panic.py", "drivers/console/serial.py", "boot/entry/pvh.py"} <= files


def test_only_images_for_coverage_hold_its_code() -> None:
    assert REPORT.encode() in image("amd-v", "tests.boot.broken_monitor").read_bytes()
    for made in build_images().values():
        assert REPORT.encode() not in made.read_bytes()


@pytest.mark.long
def test_the_whole_measurement_reaches_the_goal() -> None:
    command = [sys.executable, "build.py", "coverage"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = re.findall(r"^(?:hypervisor|drivers)/, all of it +\d+ of +\d+ +([\d.]+)%", done.stdout, re.MULTILINE)
    assert len(figures) == 2 and all(float(percent) >= GOAL for percent in figures)
