"""`python -m tests.random_programs SEED` runs one program, and shrinks it when its executions differ.

`--count N` runs N programs from SEED on in `--workers` processes, and prints how often each IR node and each trap
occurred. A file's name instead of a seed runs the program in it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.random_programs.generate import generate
from tests.random_programs.shrink import shrink
from tests.random_programs.workers import report, run_seeds

KEPT = Path("build") / "random_programs"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.random_programs", description=__doc__)
    parser.add_argument("program", help="a seed, or a file with a program")
    parser.add_argument("--count", type=int, help="so many programs, from this seed on")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args()
    if options.count is not None:
        first = int(options.program)
        summary = run_seeds(range(first, first + options.count), options.workers)
        print(summary.table())
        return 1 if summary.failures else 0
    if options.program.isdigit():
        return run_one(generate(int(options.program)), f"program_{options.program}")
    return run_one(Path(options.program).read_text(), Path(options.program).stem)


def run_one(text: str, name: str) -> int:
    """Runs a program; what is left of one that fails is printed and kept."""
    with tempfile.TemporaryDirectory() as directory:
        tries = 0

        def failure(candidate: str) -> str | None:
            nonlocal tries
            tries += 1
            found = report(candidate, f"{name}_{tries}", Path(directory))["difference"]
            return None if found is None else str(found)

        found = failure(text)
        if found is None:
            print(f"{name}: all executions agree")
            return 0
        kind = kind_of(found)
        small = shrink(text, lambda candidate: kind_of(failure(candidate) or "") == kind)
        found = failure(small)
    KEPT.mkdir(parents=True, exist_ok=True)
    file = KEPT / f"{name}.py"
    file.write_text(small)
    print(f"{small}\n{file}: {found}")
    return 1


def kind_of(failure: str) -> str:
    """What stays the same while a program shrinks: which executions differ, and in what."""
    words = ("refuses", "CPython raises", "gave", "saw", "memory differs", "died")
    return next((word for word in words if word in failure), failure[:20])


if __name__ == "__main__":
    sys.exit(main())
