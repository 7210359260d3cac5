"""The SMP guest, compiled once, and booted under the monitor by `build.py run`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guests.smp.processor import COUNT

ROOT = Path(__file__).resolve().parents[3]
VM = """
[[vm]]
name = "{name}"
kernel = "{kernel}"
cmdline = "{command_line}"
memory = "32M"
vcpus = {vcpus}
restart_limit = 32
"""
HOST_CPUS = (1, 2, 4)

# Host, its processors, the command line of each VM by its name, and the text that ends the run: the console's lines.
BootSmp = Callable[[str, int, dict[str, str], str], list[str]]


@pytest.fixture(scope="session")
def smp_kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output: Path = tmp_path_factory.mktemp("guest") / "smp.elf"
    subprocess.run([sys.executable, "-m", "tests.guests.smp.kernel", str(output)], check=True, cwd=ROOT)
    return output


@pytest.fixture(scope="session")
def boot_smp(smp_kernel: Path, tmp_path_factory: pytest.TempPathFactory) -> BootSmp:
    def run(host: str, cpus: int, command_lines: dict[str, str], text: str) -> list[str]:
        scratch = tmp_path_factory.mktemp("boot")
        config, log = scratch / "smp.toml", scratch / "log"
        vms = (
            VM.format(name=name, kernel=smp_kernel, command_line=line, vcpus=COUNT)
            for name, line in command_lines.items()
        )
        config.write_text("".join(vms))
        command = [sys.executable, "build.py", "run", str(config), "--host", host, "--memory", "256M"]
        command += ["--cpus", str(cpus), "--expect", text, "--timeout", "300", "--log", str(log)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        if not log.exists():
            pytest.fail(done.stdout + done.stderr)
        return log.read_text(errors="replace").replace("\r", "").splitlines()

    return run
