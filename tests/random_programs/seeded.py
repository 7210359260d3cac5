"""`python -m tests.random_programs.seeded COUNT` prints, as JSON, which program finds each bug of `bugs`.

Each program runs once under CPython; then, in a child process for each bug not found yet, in native code compiled by
a back end with that bug.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.random_programs import workers
from tests.random_programs.bugs import BUGS, Bug
from tests.random_programs.execute import Loaded, Step, compare, interpreted, load, native
from tests.random_programs.generate import generate


def finds(loaded: Loaded, expected: list[Step], bug: Bug) -> bool:
    """Whether native code of a wrong back end differs, or does not even end well."""

    def work() -> bool:
        bug.plant()
        return compare(loaded, expected, native(loaded, bug.level), bug.level) is not None

    return workers.in_child(work) is not False


def found_by(seeds: range, names: set[str]) -> dict[str, int | None]:
    """For each of the bugs the number of programs that it took; None when none found it."""
    left = [bug for bug in BUGS if bug.name in names]
    found: dict[str, int | None] = {bug.name: None for bug in left}
    with tempfile.TemporaryDirectory() as directory:
        for number, seed in enumerate(seeds):
            if not left:
                break
            loaded = load(generate(seed), Path(directory) / f"program_{seed}.py")
            expected = interpreted(loaded)
            for bug in [bug for bug in left if finds(loaded, expected, bug)]:
                found[bug.name] = number + 1
                left.remove(bug)
    return found


if __name__ == "__main__":
    workers.SECONDS = 10
    print(json.dumps(found_by(range(int(sys.argv[1])), {bug.name for bug in BUGS}), indent=1))
