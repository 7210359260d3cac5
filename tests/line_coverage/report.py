"""The report: figures as text, and every source line with the executions that ran it as one HTML page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from tests.line_coverage.figures import EXECUTIONS, Figure, Measured, Ran, by_folder, figure
from tests.line_coverage.functions import FOLDERS, ROOT, all_files, build_time_of


@dataclass(frozen=True)
class SourceLine:
    """`kind` is "ran", "missed", "build" or "build-missed", or empty for a line that holds no statement."""

    number: int
    text: str
    kind: str
    executions: frozenset[str]


@dataclass(frozen=True)
class SourceFile:
    name: str
    figure: Figure
    lines: list[SourceLine]


def figures_text(functions: list[Measured], ran: Ran) -> list[str]:
    """A line per folder, and the sums."""
    rows = [row(name, group) for name, group in by_folder(functions).items()]
    for top in FOLDERS:
        rows.append(row(f"{top}/, all of it", [each for each in functions if each.function.file.startswith(f"{top}/")]))
    rows.append(row("total", functions))
    build = build_time_figure(ran)
    rows.append(f"{'(build-time Python in these folders)':36} {build.ran:5} of {build.of:5} {build.percent:6.1f}%")
    return rows


def row(name: str, group: list[Measured]) -> str:
    whole = figure(group)
    shares = "  ".join(f"{execution} {figure(group, execution).percent:3.0f}%" for execution in EXECUTIONS)
    return f"{name:36} {whole.ran:5} of {whole.of:5} {whole.percent:6.1f}%   {shares}"


def build_time_figure(ran: Ran) -> Figure:
    """Statements outside of ring-0 functions, which only CPython runs: counted apart."""
    total = Figure()
    for file in all_files():
        statements = build_time_of(file)
        hits = {statements[line] for line in statements if (file, line) in ran.lines["cpython"]}
        total += Figure(len(hits), len(set(statements.values())))
    return total


def write_report(functions: list[Measured], ran: Ran, output: Path) -> Path:
    """One page that needs no other file."""
    by_file: dict[str, list[Measured]] = defaultdict(list)
    for each in functions:
        by_file[each.function.file].append(each)
    files = [source_file(file, by_file[file], ran) for file in all_files()]
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    page = environment.get_template("report.html.j2").render(
        figures="\n".join(figures_text(functions, ran)),
        files=files,
        initials={"cpython": "c", "native": "n", "guest": "g"},
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page)
    return output


def source_file(file: str, functions: Iterable[Measured], ran: Ran) -> SourceFile:
    functions = list(functions)
    kinds: dict[int, tuple[str, frozenset[str]]] = {}
    build = build_time_of(file)
    hits = {build[line] for line in build if (file, line) in ran.lines["cpython"]}
    for line in set(build.values()):
        kinds[line] = ("build", frozenset({"cpython"})) if line in hits else ("build-missed", frozenset())
    for each in functions:
        for line in each.lines:
            by = each.ran.get(line, frozenset())
            kinds[line] = ("ran" if by else "missed", by)
    text = (ROOT / file).read_text().splitlines()
    nothing = ("", frozenset[str]())
    lines = [SourceLine(number, each, *kinds.get(number, nothing)) for number, each in enumerate(text, 1)]
    return SourceFile(file, figure(functions), lines)
