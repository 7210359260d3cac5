"""`python -m tests.front.mutations.witness`: for each accepted mistake not on record, the test that fails on it.

Tests run in a copy of the sources with the mistake; those that name the changed module come first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.front.mutations.campaign import choice, outcomes
from tests.front.mutations.kinds import ROOT, TYPED, Mutant
from tests.front.mutations.record import accepted, write

COPIED = ("boot", "codegen", "docs", "drivers", "examples", "hypervisor", "tests")
SHARED = ("venv", "guests")
SECONDS = 300


class Copy:
    """The sources at another place; what is built there is not mixed with what is built here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("build.py", "pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "build").mkdir()
        for name in SHARED:
            # Hard links: what a test in the copy removes is still there for us.
            shutil.copytree(ROOT / "build" / name, folder / "build" / name, symlinks=True, copy_function=os.link)

    def fails(self, mutant: Mutant, test: str) -> bool:
        """Whether it passes, and fails with the mistake."""
        return self.failing([test]) is None and self.failing_with(mutant, [test]) is not None

    def failing_with(self, mutant: Mutant, tests: list[str]) -> str | None:
        """The first of the tests that fails with the mistake, or None."""
        place = self.folder / mutant.file
        original = place.read_bytes()
        place.write_bytes(mutant.applied(original))
        try:
            return self.failing(tests)
        finally:
            place.write_bytes(original)

    def failing(self, tests: list[str]) -> str | None:
        """The first of the tests that fails, or None."""
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=no", *tests]
        try:
            made = subprocess.run(
                command, cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return None
        found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", made.stdout, re.MULTILINE)
        return None if found is None else found[1]


def tests_for(mutant: Mutant) -> Iterator[list[str]]:
    """Groups of test files, the nearest to the module first: by its name, then by its package's."""
    module = mutant.file.removesuffix(".py").replace("/", ".")
    package, _, name = module.rpartition(".")
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    own = {f for f in files if re.search(rf"{module}\b|from {package} import .*\b{name}\b", f.read_text())}
    near = {f for f in files if package in f.read_text()} - own
    rest = {f for f in files if f.parent.name in (package.rpartition(".")[2], package.split(".")[1:][:1])} - own - near
    for group in (own, near, rest):
        quick = sorted(str(f.relative_to(ROOT)) for f in group if "_on_" not in f.name and "mutations" not in f.name)
        if quick:
            yield quick


def main() -> int:
    mutants = {mutant.key: mutant for mutant in choice()}
    found = outcomes(list(mutants.values()))
    wanted = [key for key, outcome in found.items() if outcome["outcome"] == "accepted" and outcome["kind"] in TYPED]
    known = {key: entry for key, entry in accepted().items() if key in wanted}
    missing = 0
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        copy = Copy(Path(folder))
        for key in wanted:
            if key in known:
                continue
            tests = (copy.failing_with(mutants[key], group) for group in tests_for(mutants[key]))
            test = next((test for test in tests if test is not None and copy.failing([test]) is None), None)
            print(f"{key}\n    {test}", flush=True)
            if test is None:
                missing += 1
            else:
                known[key] = {"test": test}
                write(known)
    write(known)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
