"""Each bug planted in the back end is found by one of the first programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.random_programs.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = 40


def test_every_planted_bug_is_found() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.random_programs.seeded", str(PROGRAMS)],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert set(found) == {bug.name for bug in BUGS} and len(found) >= 40
    assert [name for name, programs in found.items() if programs is None] == []


def test_a_right_back_end_is_not_found_wrong() -> None:
    code = (
        "from pathlib import Path; import tempfile\n"
        "from tests.random_programs.bugs import Bug\n"
        "from tests.random_programs.execute import interpreted, load\n"
        "from tests.random_programs.generate import generate\n"
        "from tests.random_programs.seeded import finds\n"
        "loaded = load(generate(1), Path(tempfile.mkdtemp()) / 'program_1.py')\n"
        "print(finds(loaded, interpreted(loaded), Bug('none', lambda: None)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False\n"
