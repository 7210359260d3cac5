"""What earlier builds of one output found, by digests of all that it follows from."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path

from codegen.back.sites import Site
from codegen.front.source import shown_path, source_of
from codegen.incremental.outline import Outline, digest, outline
from codegen.ir.nodes import Loc
from codegen.ir.summary import Summary


@dataclass(frozen=True, slots=True)
class FunctionMemo:
    """`calls` are the edges of the call graph with their places; `evaluated` the functions that CPython ran while this
    one was lowered, with the digests of their text."""

    summary: Summary
    calls: tuple[tuple[str, Loc], ...]
    evaluated: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class UnitMemo:
    """The object's file and the trap sites in it."""

    file: Path
    sites: tuple[Site, ...]


@dataclass(slots=True)
class Memo:
    """`files` by path, with the digest of the content; `functions` and `units` by digest. What a build did not use is
    forgotten when it is saved."""

    files: dict[str, tuple[str, Outline]] = field(default_factory=dict)
    functions: dict[str, FunctionMemo] = field(default_factory=dict)
    units: dict[str, UnitMemo] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def outline(self, path: str) -> Outline:
        """Of a file as it was when this was first asked."""
        if path in self.used:
            return self.files[path][1]
        text = Path(path).read_bytes()
        content = digest(shown_path(path), text)
        known = self.files.get(path)
        if known is None or known[0] != content:
            known = self.files[path] = content, outline(source_of(path), text)
        self.used.add(path)
        return known[1]

    def save(self, file: Path) -> None:
        """Replaces the file, at once."""
        kept = Memo(
            {key: value for key, value in self.files.items() if key in self.used},
            {key: value for key, value in self.functions.items() if key in self.used},
            {key: value for key, value in self.units.items() if key in self.used},
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        written = file.with_suffix(f".{os.getpid()}")
        written.write_bytes(pickle.dumps(kept))
        written.replace(file)


def load_memo(file: Path) -> Memo:
    """An empty one when there is none, or when it was written by another version of the compiler."""
    try:
        memo = pickle.loads(file.read_bytes())
    except Exception:  # whatever an unfinished or foreign file makes pickle raise
        return Memo()
    return memo if isinstance(memo, Memo) else Memo()
