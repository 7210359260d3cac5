"""A mistake in a module of the monitor ends the build with a diagnostic, not with a traceback."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MISTAKES = {
    "a misspelt import": (
        "hypervisor/exits/hlt.py",
        "from codegen.lang import",
        "from codegen.lagn import",
        "error: there is no module `codegen.lagn`\n",
        "help: did you mean `codegen.lang`?",
    ),
    "a register outside its block": (
        "drivers/timer/pit.py",
        "size=4",
        "size=1",
        "is not inside the block of 0x1 bytes\n",
        "^^^",
    ),
    "a file that is no Python": (
        "hypervisor/vcpu/run.py",
        "@fn\n",
        "@fn(\n",
        "error: this is no Python: ",
        "^",
    ),
    "a type that does not match": (
        "drivers/interrupt/lapic_driver.py",
        "initial_count.write(ticks)",
        "initial_count.write(u64(ticks))",
        "expected `u32`, found `u64`\n",
        "note: expected `u32` because of this declaration\n",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_image_program_shows_the_mistake(mistake: str, tmp_path: Path) -> None:
    file, right, wrong, message, more = MISTAKES[mistake]
    for package in ("boot", "codegen", "drivers", "hypervisor"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    text = (tmp_path / file).read_text()
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong, 1))
    command = [sys.executable, "-m", "hypervisor.image_program", "vt-x", "release", str(tmp_path / "vt-x.elf")]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 1
    assert made.stdout.startswith(f"{file}:"), made.stdout + made.stderr
    assert message in made.stdout
    assert more in made.stdout
    assert "Traceback" not in made.stdout + made.stderr
