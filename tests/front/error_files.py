"""The files in errors/: programs with mistakes, and below each line with one what is reported there.

    x = u64(n)
#       ^^^^^^ error: `x` is `u32`, not `u64`
#       note: `x` got the type `u32` here: `x` in `x = n`
#       help: a local has one type: use another name

The carets stand under the fragment. A fragment at the margin, where no caret fits, is quoted: "# at `x`: error: ...".
In files called declarations_*, a mistake ends the module: each part behind a line "# ----" runs alone, after the first.

`python -m tests.front.error_files` writes the marks anew after a deliberate change of wording.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from codegen.asm.stub import assemble_stub
from codegen.front.build_time import diagnose
from codegen.front.diagnostics import Diagnostic, Label
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import TargetInfo
from codegen.front.source import lines_of
from codegen.ir.nodes import Loc

FOLDER = Path(__file__).parent / "errors"
FILES = sorted(FOLDER.glob("*.py"))
MARK = re.compile(r"#\s*(\^+(\.\.\.)? error: |note: |help: |at `.*`: error: )")
SEPARATOR = "# ----"


def diagnostics_of(path: Path) -> list[Diagnostic]:
    return declared(path) if path.stem.startswith("declarations") else lowered(path)


def lowered(path: Path) -> list[Diagnostic]:
    with module_of(path) as module:
        run(path.read_text(), path, module)
        target = TargetInfo(assemble=assemble_stub)
        return lower_program(module_functions([module]), [module], target)[1]


def declared(path: Path) -> list[Diagnostic]:
    first, *parts = parts_of(path)
    found = []
    for part in parts:
        with module_of(path) as module:
            run(first, path, module)
            try:
                run(part, path, module)
            except Exception as error:
                diagnostic = diagnose(error)
                assert diagnostic is not None
                found.append(diagnostic)
    return found


def run(text: str, path: Path, module: ModuleType) -> None:
    exec(compile(text, path, "exec", dont_inherit=True), vars(module))


def parts_of(path: Path) -> list[str]:
    """Each with so many empty lines before it that its line numbers are the file's."""
    parts = [""]
    for number, line in enumerate(path.read_text().splitlines()):
        if line == SEPARATOR:
            parts.append("\n" * number)
        parts[-1] += line + "\n"
    return parts


@contextmanager
def module_of(path: Path) -> Iterator[ModuleType]:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    try:
        yield module
    finally:
        del sys.modules[path.stem]


def marked(path: Path, diagnostics: list[Diagnostic]) -> list[str]:
    """The file's lines with the marks that the diagnostics ask for."""
    by_line: dict[int, list[str]] = {}
    for diagnostic in sorted(diagnostics, key=lambda d: (d.loc.line, d.loc.column)):
        by_line.setdefault(diagnostic.loc.line, []).extend(mark(diagnostic))
    text = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not MARK.match(line):
            text.append(line)
        text += by_line.get(number, [])
    return text


def mark(diagnostic: Diagnostic) -> list[str]:
    """The lines below the source line."""
    loc = diagnostic.loc
    pad = "#" + " " * max(1, loc.column - 2)
    if loc.column == 1:
        first = f"# at `{fragment(loc)}`: error: {diagnostic.message}"
    else:
        first = f"#{' ' * (loc.column - 2)}{'^' * len(fragment(loc))}{more(loc)} error: {diagnostic.message}"
    first = first.replace("\n", " ")
    return [first, *(f"{pad}note: {told(label)}" for label in diagnostic.labels), *help_of(diagnostic, pad)]


def help_of(diagnostic: Diagnostic, pad: str) -> list[str]:
    return [f"{pad}help: {diagnostic.help}"] if diagnostic.help else []


def told(label: Label) -> str:
    return f"{label.text}: `{fragment(label.loc)}{more(label.loc)}` in `{line_of(label.loc).strip()}`"


def fragment(loc: Loc) -> str:
    end = loc.end_column if loc.end_line == loc.line else len(line_of(loc)) + 1
    return line_of(loc)[loc.column - 1 : end - 1]


def more(loc: Loc) -> str:
    return "..." if loc.end_line > loc.line else ""


def line_of(loc: Loc) -> str:
    return lines_of(str(Path(__file__).resolve().parents[2] / loc.file))[loc.line - 1]


if __name__ == "__main__":
    for file in FILES:
        file.write_text("\n".join(marked(file, diagnostics_of(file))) + "\n")
