"""Programs in worker processes: a child for each program, so that a crash or an endless loop costs one program."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 60
"""CPU time of one program: a hundred times what it needs."""


@dataclass
class Summary:
    """What many programs did. `failures` by seed; `nodes` and `traps` count over all."""

    programs: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    nodes: Counter[str] = field(default_factory=Counter)
    traps: Counter[str] = field(default_factory=Counter)

    def add(self, seed: int, report: dict[str, Any]) -> None:
        self.programs += 1
        if report["difference"] is not None:
            self.failures[seed] = report["difference"]
        self.nodes.update(report["nodes"])
        self.traps.update(report["traps"])

    def table(self) -> str:
        """The counts, most frequent first."""
        lines = [f"{self.programs} programs, {len(self.failures)} with a difference"]
        for title, counts in (("in the IR", self.nodes), ("calls that ended so", self.traps)):
            lines += [f"{title}:", *(f"{count:>10}  {name}" for name, count in counts.most_common())]
        lines += [f"seed {seed}: {text}\n    {command(seed)}" for seed, text in self.failures.items()]
        return "\n".join(lines)


def command(seed: int) -> str:
    """What runs this program alone, and shrinks it."""
    return f"build/venv/bin/python -m tests.random_programs {seed}"


def run_seeds(seeds: Iterable[int], workers: int) -> Summary:
    """Runs the programs of these seeds in so many processes."""
    every = list(seeds)
    summary = Summary()
    with contextlib.ExitStack() as stack:
        # Files, not pipes: a worker does not wait for its reports to be read.
        outputs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(workers)]
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.random_programs.workers", *map(str, every[number::workers])],
                stdout=output,
                cwd=Path(__file__).resolve().parents[2],
            )
            for number, output in enumerate(outputs)
        ]
        for process, output in zip(started, outputs, strict=True):
            if process.wait() != 0:
                raise RuntimeError(f"a worker ended with {process.returncode}")
            output.seek(0)
            for line in output:
                seed, report = json.loads(line)
                summary.add(seed, report)
    return summary


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` gives as JSON, in a child of this process; a text when the child died."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            content = json.dumps(work()).encode()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(content)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"the program's process died of {signal.Signals(os.WTERMSIG(status)).name}"
    return json.loads(content) if content else "the program's process ended without an answer"


def report_of(text: str, file: Path) -> dict[str, Any]:
    """Runs one program in this process; what stands in a report."""
    from tests.random_programs.execute import NotAProgram, difference, interpreted, load, nodes, traps

    try:
        loaded = load(text, file)
    except NotAProgram as refused:
        return {"difference": f"the compiler refuses it\n{refused}", "nodes": {}, "traps": {}}
    try:
        expected = interpreted(loaded)
    except Exception as error:
        return {"difference": f"CPython raises {error!r}", "nodes": {}, "traps": {}}
    found = difference(loaded, expected)
    return {
        "difference": None if found is None else str(found),
        "nodes": nodes(loaded),
        "traps": traps(expected),
    }


def report(text: str, name: str, directory: Path) -> dict[str, Any]:
    """The same in a child."""
    answer = in_child(lambda: report_of(text, directory / f"{name}.py"))
    return answer if isinstance(answer, dict) else {"difference": answer, "nodes": {}, "traps": {}}


def reports(seeds: Iterable[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Of the programs of these seeds, one after the other."""
    from tests.random_programs import execute  # noqa: F401  (LLVM is loaded once, and the children inherit it)
    from tests.random_programs.generate import generate

    with tempfile.TemporaryDirectory() as directory:
        for seed in seeds:
            yield seed, report(generate(seed), f"program_{seed}", Path(directory))


if __name__ == "__main__":
    for line in reports(map(int, sys.argv[1:])):
        print(json.dumps(line), flush=True)
