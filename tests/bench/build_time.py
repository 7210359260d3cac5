"""How long a build takes: from nothing, after a change of one function, and without a change; best of five.

Seconds of two machines do not compare, so each time also stands as a multiple of a C compile job of the same run.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from build import ROOT
from hypervisor.image import SOURCES
from tests.bench.boot import write_config
from tests.bench.samples import NotMeasured

ROUNDS = 5
CHANGED = "hypervisor/exits/hlt.py"
BEHIND = "    vcpu.state = VcpuState.HALTED\n"
CHANGE = "    assert vcpu.exit.instruction_length != {number}\n"
BUILD = "from hypervisor.image import build_images; build_images()"
RUN = "import sys; from pathlib import Path; from tests.bench.boot import see_guest; see_guest(Path(sys.argv[1]))"
NUMBERS = itertools.count(100)
C_FUNCTIONS = 1500
C_FUNCTION = """
unsigned f{n}(unsigned *p, unsigned a) {{
    unsigned sum = {n};
    for (unsigned i = 0; i < a; i++) {{
        if (p[i] > sum) sum += p[i] * {n}u; else sum ^= p[i] >> (i & 7);
        switch (sum & 3) {{ case 0: p[i] = sum; break; case 1: sum += a; break; default: p[i] -= {n}; }}
    }}
    return sum;
}}
"""


class BuildFailed(NotMeasured):
    """A build ended with an error; the message is its output."""


def build_times(say: Callable[[str], None]) -> dict[str, float]:
    """Seconds by what was built: "full", "one-function", "no-change", "edit-to-guest"; and "c-job", the unit."""
    config = write_config("amd-v")
    with copied_sources() as copy:
        say("from nothing ...")
        times = {"full": best(lambda: full_build(copy))}
        say("after a change of one function, and without one ...")
        times["one-function"] = best(lambda: after_change(copy, lambda: build(copy)))
        times["no-change"] = best(lambda: seconds(lambda: build(copy)))
        times["edit-to-guest"] = best(lambda: after_change(copy, lambda: run_guest(copy, config)))
        source = copy / "job.c"
        source.write_text("".join(C_FUNCTION.format(n=n) for n in range(C_FUNCTIONS)))
        times["c-job"] = best(lambda: seconds(lambda: compile_c(source)))
    return times


def best(measure: Callable[[], float]) -> float:
    """Of ROUNDS measurements, the one that the machine disturbed least."""
    return min(measure() for _ in range(ROUNDS))


def seconds(work: Callable[[], None]) -> float:
    """Wall time."""
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


@contextmanager
def copied_sources() -> Iterator[Path]:
    """A place where sources may change, with nothing that was built before."""
    with tempfile.TemporaryDirectory(prefix="keelback-bench-") as folder:
        copy = Path(folder)
        for name in {*(source.split("/")[0] for source in SOURCES), "tests"}:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "build.py", copy)
        shutil.copy(ROOT / "pyproject.toml", copy)
        yield copy


def full_build(copy: Path) -> float:
    """Both images, with no object, no memo and no image of an earlier build."""
    for product in ("image", "objects"):
        shutil.rmtree(copy / "build" / product, ignore_errors=True)
    return seconds(lambda: build(copy))


def after_change(copy: Path, work: Callable[[], None]) -> float:
    """The time of `work` behind another change each time of one function that both images have."""
    text = (ROOT / CHANGED).read_text()
    if BEHIND not in text:
        raise BuildFailed(f"{CHANGED} has changed: choose another function to measure with")
    (copy / CHANGED).write_text(text.replace(BEHIND, BEHIND + CHANGE.format(number=next(NUMBERS))))
    return seconds(work)


def build(copy: Path) -> None:
    """Both images, as build.py makes them."""
    run([sys.executable, "-c", BUILD], copy)


def run_guest(copy: Path, config: Path) -> None:
    """Both images, and a machine until its guest has printed something."""
    run([sys.executable, "-c", RUN, str(config)], copy)


def compile_c(source: Path) -> None:
    """The C job."""
    run(["gcc", "-O2", "-c", str(source), "-o", str(source.with_suffix(".o"))], source.parent)


def run(command: list[str], folder: Path) -> None:
    """Raises BuildFailed with the command's output."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise BuildFailed(done.stdout)
