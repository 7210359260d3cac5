"""`build.py run`, as a user types it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"qemu": 240, "bochs": 600}
"""Seconds, several times what a boot takes on a machine that does nothing else."""
COMMAND = [sys.executable, str(ROOT / "build.py"), "run"]


@dataclass(frozen=True)
class Run:
    """How it ended, and what the console said."""

    status: int
    console: str
    messages: str

    def monitor_lines(self) -> list[str]:
        return [line for line in self.console.splitlines() if line.startswith("keelback: ")]


def run(config: Path, host: str, expect: str, *options: str) -> Run:
    """Boot `config` until `expect` has come; `options` go to build.py."""
    log = config.with_suffix(".log")
    arguments = [str(config), "--host", host, "--expect", expect, "--timeout", str(LIMITS[host]), "--log", str(log)]
    done = subprocess.run(
        [*COMMAND, *arguments, *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    console = log.read_text(errors="replace").replace("\r", "") if log.exists() else ""
    return Run(done.returncode, console, done.stderr)
