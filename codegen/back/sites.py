"""Trap sites: the number that a failed check passes to `trap`, and the read-only tables that turn it into words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codegen.back.data import byte_string
from codegen.ir.nodes import Loc
from codegen.ir.partition import Unit

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText

TRAP = "trap"
BUILTINS = {"trap_site_line": "i32", "trap_site_file": "{ ptr, i64 }", "trap_site_kind": "{ ptr, i64 }"}
"""Functions of (site: u32) that the program may call without defining them: line as u32, file and kind as Spans.

An unknown site has line 0 and empty spans.
"""

# A site is one 32-bit word, so that thousands of checks cost little: line, file number, kind number.
LINE_BITS, FILE_BITS = 16, 10


Site = tuple[str, str, int]
"""Kind of check, file, line."""


class Sites:
    """The sites of one module, numbered from 0 in the order in which they are printed; those of a unit from the value
    of a symbol (`base_symbol`), as many units share the tables.
    """

    def __init__(self, module: ModuleText, unit: Unit | None = None) -> None:
        self._module = module
        self._base = base_symbol(unit.name) if unit is not None else ""
        self.all: list[Site] = []
        self._numbers: dict[Site, int] = {}

    def number(self, kind: str, loc: Loc) -> int:
        """The site of this kind of check at this line; checks of one line and kind are one site."""
        key = (kind, loc.file, loc.line)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.all)
            self.all.append(key)
        return number

    def call(self, site: int) -> str:
        """The call of a failed check. A program without a `trap` function executes UD2."""
        module = self._module
        if module.target.host:
            return f"call void @host_leave(i32 {site})"
        if TRAP not in module.program.functions and TRAP not in module.program.declarations:
            module.declare("declare void @llvm.trap() cold noreturn nounwind")
            return "call void @llvm.trap()"
        number = str(site)
        if self._base:
            place = f"getelementptr (i8, ptr {module.symbol(self._base)}, i64 {site})"
            number = f"trunc (i64 ptrtoint (ptr {place} to i64) to i32)"
        return f"call {module.convention(TRAP)}void {module.callee(TRAP)}(i32 {number})"

    def tables(self) -> list[str]:
        """The definitions of the builtins and their tables, of what the program really calls."""
        return site_tables(self.all, self._module.used_builtins, self._module.target.convention)


def base_symbol(unit: str) -> str:
    """Its value is the number of the unit's first site."""
    return f"sites.{unit}"


def print_shared_sites(units: Sequence[tuple[str, Sequence[Site]]], convention: str) -> list[str]:
    """The tables of many units, in this order, and the symbols that say where each unit's sites begin."""
    lines, sites = [], list[Site]()
    for unit, own in units:
        symbol = f"\\22{base_symbol(unit)}\\22"
        lines += [
            f'module asm ".globl {symbol}"',
            f'module asm ".hidden {symbol}"',
            f'module asm "{symbol} = {len(sites)}"',
        ]
        sites += own
    tables = site_tables(sites, set(BUILTINS), convention)
    return lines + [line.replace("define internal", "define hidden") for line in tables]


def site_tables(sites: Sequence[Site], used: set[str], convention: str) -> list[str]:
    """The tables of these sites, and the builtins named that look into them."""
    if not used:
        return []
    files = sorted({file for _, file, _ in sites})
    kinds = sorted({kind for kind, _, _ in sites})
    if len(files) >= 1 << FILE_BITS or len(kinds) >= 1 << (32 - LINE_BITS - FILE_BITS):
        raise OverflowError(f"{len(files)} files and {len(kinds)} kinds of traps do not fit the site table")
    file_number = {file: number for number, file in enumerate(files)}
    kind_number = {kind: number for number, kind in enumerate(kinds)}
    words = [
        min(line, 0xFFFF) | file_number[file] << LINE_BITS | kind_number[kind] << LINE_BITS + FILE_BITS
        for kind, file, line in sites
    ]
    table = f"[{len(words)} x i32] [{', '.join(f'i32 {word}' for word in words)}]"
    lines = [f"@trap_sites = internal constant {table}"]
    lines += _spans("trap_files", files)
    lines += _spans("trap_kinds", kinds)
    if "trap_site_line" in used:
        lines += _lookup("trap_site_line", convention, len(words), 0, LINE_BITS, None)
    if "trap_site_file" in used:
        lines += _lookup("trap_site_file", convention, len(words), LINE_BITS, FILE_BITS, "trap_files")
    if "trap_site_kind" in used:
        lines += _lookup("trap_site_kind", convention, len(words), LINE_BITS + FILE_BITS, 6, "trap_kinds")
    return lines


def _spans(name: str, texts: list[str]) -> list[str]:
    """A table of Spans and the bytes that they refer to."""
    encoded = [text.encode() for text in texts]
    lines = [
        f"@{name}.{n} = internal constant [{len(text)} x i8] {byte_string(text)}" for n, text in enumerate(encoded)
    ]
    items = ", ".join(f"{{ ptr, i64 }} {{ ptr @{name}.{n}, i64 {len(text)} }}" for n, text in enumerate(encoded))
    return [*lines, f"@{name} = internal constant [{len(encoded)} x {{ ptr, i64 }}] [{items}]"]


def _lookup(name: str, convention: str, count: int, shift: int, bits: int, table: str | None) -> list[str]:
    """A function that reads a part of a site's word, and the table that this part is an index of."""
    result, zero = ("i32", "0") if table is None else ("{ ptr, i64 }", "zeroinitializer")
    lines = [
        f'define internal {convention} {result} @"{name}"(i32 %site) #0 noinline {{',
        f"  %known = icmp ult i32 %site, {count}",
        "  br i1 %known, label %read, label %unknown",
        "unknown:",
        f"  ret {result} {zero}",
        "read:",
        "  %index = zext i32 %site to i64",
        "  %place = getelementptr i32, ptr @trap_sites, i64 %index",
        "  %word = load i32, ptr %place",
        f"  %high = lshr i32 %word, {shift}",
        f"  %part = and i32 %high, {(1 << bits) - 1}",
    ]
    if table is None:
        return [*lines, "  ret i32 %part", "}"]
    lines += [
        "  %number = zext i32 %part to i64",
        f"  %entry = getelementptr {{ ptr, i64 }}, ptr @{table}, i64 %number",
        "  %span = load { ptr, i64 }, ptr %entry",
        "  ret { ptr, i64 } %span",
        "}",
    ]
    return lines
