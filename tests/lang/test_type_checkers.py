"""mypy --strict and pyright accept the language as it is written, and refuse every planted mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = Path("tests/lang/checked/good.py")
MISTAKES = Path("tests/lang/checked/mistakes.py")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, text=True, capture_output=True, timeout=300)


def mypy_errors(*files: Path, cache: Path) -> set[tuple[str, int]]:
    options = ("--strict", f"--cache-dir={cache}", "--no-error-summary", "--hide-error-context")
    lines = run("mypy", *options, *map(str, files)).stdout.splitlines()
    errors = [line.split(":", 3) for line in lines if ": error: " in line]
    return {(Path(file).name, int(number)) for file, number, *_ in errors}


def pyright_errors(*files: Path) -> set[tuple[str, int]]:
    report = json.loads(run("basedpyright", "--outputjson", *map(str, files)).stdout)
    return {
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1)
        for found in report["generalDiagnostics"]
        # An unused or unknown variable is how the mistake was planted, not the mistake.
        if found["severity"] == "error" and not found.get("rule", "").startswith(("reportUnused", "reportUnknown"))
    }


def planted() -> set[tuple[str, int]]:
    lines = (ROOT / MISTAKES).read_text(encoding="utf-8").splitlines()
    return {(MISTAKES.name, number) for number, line in enumerate(lines, 1) if line.endswith("# E")}


def test_both_accept_a_tour_and_refuse_exactly_the_mistakes(tmp_path: Path) -> None:
    assert len(planted()) > 60
    assert mypy_errors(GOOD, MISTAKES, cache=tmp_path) == planted()
    assert pyright_errors(GOOD, MISTAKES) == planted()


def test_the_language_itself_is_typed(tmp_path: Path) -> None:
    done = run("mypy", "--strict", f"--cache-dir={tmp_path}", "codegen/lang")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ("good",))
def test_the_tour_runs(name: str) -> None:
    script = (
        f"import tests.lang.checked.{name} as g; from codegen.lang import u32, u64\n"
        "g.choose(); assert g.twice(u32(3)) == u64(6) and g.vcpu_run(g.STATE) == u32(7)\n"
        "assert g.STATE.timer.regs.rip == 2 and g.last(g.STATE) is g.STATE\n"
        "assert g.STATE.timer.arm(u64(0x1234)) == 1 and g.STATE.timer.deadline == 0x1000\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
