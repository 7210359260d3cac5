"""docs/first-hour.md as steps: files to write, patches to apply, commands with what they print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-hour.md"
FENCE = re.compile(r"^```(\w+) *(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LEFT_OUT = "…"


@dataclass(frozen=True, slots=True)
class Step:
    """`kind` is file, diff or console; `name` is the file's path."""

    kind: str
    name: str
    text: str


def steps() -> list[Step]:
    """In the order of the page. ValueError for a block that nothing runs."""
    found = []
    for language, name, text in FENCE.findall(PAGE.read_text()):
        kind = "file" if name else language
        if kind not in ("file", "diff", "console"):
            raise ValueError(f"a block of {language} is neither a file nor a step")
        found.append(Step(kind, name, text))
    return found


def changes(text: str) -> list[tuple[str, str, str]]:
    """The hunks of a diff block: the file, what stands in it, and what shall stand there. Places are found by the text:
    the page shows no line numbers, which change with any other change."""
    found: list[tuple[str, str, str]] = []
    path = ""
    for line in text.splitlines(keepends=True):
        mark, rest = line[:1], line[1:] or "\n"
        if line.startswith("+++ b/"):
            path = line[len("+++ b/") :].strip()
        elif line.startswith("@@"):
            found.append((path, "", ""))
        elif not line.startswith("--- "):
            file, old, new = found[-1]
            found[-1] = file, old + (rest if mark != "+" else ""), new + (rest if mark != "-" else "")
    return found


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that the page shows below it."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def first_missing(shown: list[str], printed: list[str]) -> str | None:
    """The first line of the page that was not printed where it belongs. A line `…` stands for any number of lines, `…`
    at the end of a line or inside it for any text."""
    at, free = 0, False
    for line in shown:
        if line == LEFT_OUT:
            free = True
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split(LEFT_OUT))))
        candidates = range(at, len(printed) if free else min(at + 1, len(printed)))
        place = next((number for number in candidates if pattern.fullmatch(printed[number])), None)
        if place is None:
            return line
        at, free = place + 1, False
    return None if free or at == len(printed) else f"the end, but more was printed: {printed[at]}"
