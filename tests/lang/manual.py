"""docs/language.md taken apart: chapters, their examples, and what each line promises."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "language.md"
FENCE = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMISE = re.compile(r"^(?P<call>[a-z_]\w*\(.*\))  # -> (?P<result>.+)$")
COMPLAINT = re.compile(r"  # (?P<kind>error|TypeError): (?P<text>.+)$")
HEAD = "from __future__ import annotations\n\n"


@dataclass(slots=True)
class Refused:
    """An example that must be refused. `complaints` are (line of the example from 1, kind, message)."""

    text: str
    complaints: list[tuple[int, str, str]]


@dataclass(slots=True)
class Chapter:
    """`module` is all good examples together; `promises` are calls with the results that the page states."""

    title: str
    module: str = HEAD
    promises: list[tuple[str, str]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As part of a module's name."""
        return re.sub(r"\W+", "_", self.title.lower()).strip("_")

    def without_promises(self) -> str:
        """The module as it is imported."""
        return "".join(line for line in self.module.splitlines(True) if not PROMISE.match(line.rstrip("\n")))


def chapters() -> list[Chapter]:
    """Those with examples, in the order of the page."""
    found = []
    for part in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        chapter = Chapter(title)
        for kind, text in FENCE.findall(body):
            add(chapter, kind, text)
        if chapter.module != HEAD:
            found.append(chapter)
    return found


def add(chapter: Chapter, kind: str, text: str) -> None:
    """One example. ValueError for a kind that nothing runs."""
    if kind == "refused":
        numbered = enumerate(text.splitlines(), 1)
        complaints = [(n, m["kind"], m["text"]) for n, line in numbered if (m := COMPLAINT.search(line))]
        chapter.refused.append(Refused(text, complaints))
    elif kind == "":
        chapter.module += text + "\n\n"
        matches = filter(None, map(PROMISE.match, text.splitlines()))
        chapter.promises += [(match["call"], match["result"]) for match in matches]
    else:
        raise ValueError(f"{chapter.title}: an example of kind {kind!r}")
