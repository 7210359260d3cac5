"""The guest kernel, compiled once, and booted under the monitor by `build.py run`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[[vm]]
name = "checks"
kernel = "{kernel}"
cmdline = "{command_line}"
memory = "32M"
vcpus = 1
"""

Boot = Callable[[str, str, str], list[str]]


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output: Path = tmp_path_factory.mktemp("guest") / "checks.elf"
    subprocess.run([sys.executable, "-m", "tests.guests.kernel", str(output)], check=True, cwd=ROOT)
    return output


@pytest.fixture(scope="session")
def boot(kernel: Path, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    """Boot on a host with a command line until a text appears; the lines of the console."""

    def run(host: str, command_line: str, text: str) -> list[str]:
        scratch = tmp_path_factory.mktemp("boot")
        config, log = scratch / "checks.toml", scratch / "log"
        config.write_text(CONFIG.format(kernel=kernel, command_line=command_line))
        command = [sys.executable, "build.py", "run", str(config), "--host", host, "--memory", "256M"]
        command += ["--expect", text, "--timeout", "90", "--log", str(log)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
        if not log.exists():
            pytest.fail(done.stdout + done.stderr)
        return log.read_text(errors="replace").replace("\r", "").splitlines()

    return run
