import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("codegen", "drivers", "hypervisor", "boot", "build.py")
SECONDS = 600


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_mypy_strict_accepts_every_source() -> None:
    result = run(sys.executable, "-m", "mypy", "--cache-dir", "build/mypy", *SOURCES)
    assert result.returncode == 0, result.stdout + result.stderr


def test_pyright_accepts_every_source() -> None:
    result = run(str(Path(sys.executable).parent / "basedpyright"))
    assert result.returncode == 0, result.stdout + result.stderr


def test_ruff_accepts_and_has_formatted_every_source() -> None:
    ruff = str(Path(sys.executable).parent / "ruff")
    found = run(ruff, "check", *SOURCES)
    assert found.returncode == 0, found.stdout
    unformatted = run(ruff, "format", "--check", *SOURCES)
    assert unformatted.returncode == 0, unformatted.stdout
