"""LLVM's products by content, in build/objects: what was made once of a text is never made again.

LLVM runs in a child process, which it ends at inline assembly that it cannot read.

Two builds at the same time share the work: each takes the texts that the other has not begun.
"""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from codegen.back.target import Target
from codegen.incremental.shared_work import make_all

_REPOSITORY = Path(__file__).resolve().parents[2]
_OBJECTS = _REPOSITORY / "build" / "objects"


class ChildFailed(Exception):
    """LLVM's message, or its status where it said nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """LLVM text to optimise at `level` 0 to 3; `form` is "object", "assembly" or "llvm" (optimised text). `quick`: by
    the few passes that pay for code which seldom runs, instead of all of the level's."""

    text: str
    target: Target
    level: int
    form: str = "object"
    quick: bool = False

    def key(self) -> str:
        """Of everything that the product depends on."""
        settings = f"{_emitter()} {self.target} {self.level} {self.form} {self.quick}\n"
        return hashlib.sha256((settings + self.text).encode()).hexdigest()


@cache
def _emitter() -> str:
    """LLVM, and what we ask it to do."""
    return f"{version('llvmlite')} {hashlib.sha256(Path(__file__).with_name('emit.py').read_bytes()).hexdigest()}"


def compile_jobs(jobs: Sequence[Job]) -> list[Path]:
    """The files of these jobs, in their order; what is missing is made in one child process. Raises ChildFailed."""
    files = [_OBJECTS / job.key() for job in jobs]
    missing = {file: job for file, job in zip(files, jobs, strict=True) if not file.exists()}
    if missing:
        _OBJECTS.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=pickle.dumps(missing),
            capture_output=True,
            cwd=_REPOSITORY,
            check=False,
        )
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip()
            raise ChildFailed(message or f"LLVM ended with status {done.returncode}")
    return files


def main() -> None:
    """The child: missing files and their jobs on standard input."""
    missing: dict[Path, Job] = pickle.load(sys.stdin.buffer)
    from codegen.back.emit import emit  # LLVM is 180 MB; only the child needs it

    make_all(missing, lambda job: emit(job.text, job.target, job.level, job.form, job.quick))


if __name__ == "__main__":
    main()
