"""The exercise of docs/first-hour.md, done in a copy of the checkout: every file, every patch, every command."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.tutorial.page import PAGE, ROOT, Step, changes, commands, first_missing, steps

SECONDS = 400
NOT_COPIED = shutil.ignore_patterns(".git", "build", "__pycache__", ".*_cache", ".hypothesis")
STAMP = "import build, json; build.STAMP.write_text(json.dumps(build.set_up_keys()))"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources that counts as set up. Nothing in it leads to what the real one has been set up with, so
    that no step can spoil that: its environment is a new one that only reads the packages of ours."""
    copy = tmp_path_factory.mktemp("first-hour") / "keelback"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    environment = copy / "build" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    subprocess.run([environment / "bin" / "python", "-c", STAMP], cwd=copy, check=True)
    return copy


def take(step: Step, checkout: Path) -> None:
    """One step, as a reader would take it."""
    if step.kind == "file":
        (checkout / step.name).write_text(step.text)
    elif step.kind == "diff":
        for name, old, new in changes(step.text):
            text = (checkout / name).read_text()
            assert text.count(old) == 1, f"{name} has this {text.count(old)} times, so {PAGE.name} is stale:\n{old}"
            (checkout / name).write_text(text.replace(old, new))
    else:
        for command, shown in commands(step.text):
            done = subprocess.run(
                command, shell=True, cwd=checkout, timeout=SECONDS, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
            printed = done.stdout.replace("\r", "").splitlines()
            missing = first_missing(shown, printed)
            assert missing is None, f"$ {command}\nmissing: {missing}\nprinted:\n" + "\n".join(printed[-60:])


def test_every_step_does_what_the_page_says(checkout: Path) -> None:
    taken = steps()
    assert {step.kind for step in taken} == {"file", "diff", "console"}
    for step in taken:
        take(step, checkout)


def test_python_of_the_page_is_formatted_and_clean(tmp_path: Path) -> None:
    for step in steps():
        if step.name.endswith(".py"):
            path = tmp_path / Path(step.name).name
            path.write_text(step.text)
            ruff = str(Path(sys.executable).parent / "ruff")
            settings = ["--config", str(ROOT / "pyproject.toml")]
            assert subprocess.run([ruff, "format", "--check", *settings, path]).returncode == 0
            assert subprocess.run([ruff, "check", *settings, path]).returncode == 0


@pytest.mark.parametrize(
    "shown, printed, missing",
    [
        (["a", "b"], ["a", "b"], None),
        (["…", "b", "…"], ["a", "b", "c"], None),
        (["a…", "…"], ["abc", "d"], None),
        (["a"], ["a", "b"], "the end, but more was printed: b"),
        (["…", "b", "a", "…"], ["a", "b", "c"], "a"),
        (["b", "…"], ["a", "b"], "b"),
    ],
)
def test_what_was_printed_is_held_against_the_page(shown: list[str], printed: list[str], missing: str | None) -> None:
    assert first_missing(shown, printed) == missing
