"""One vendor's half of docs/life-of-an-exit.md: each stage's Python lines, their IR, and what was executed for them."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from codegen.front.source import ROOT
from codegen.ir.nodes import Loc, Program
from codegen.ir.show import placed_lines
from codegen.program import lower
from codegen.show.debug_tree import DebugTree
from codegen.show.machine_code import instructions, named
from codegen.show.side_by_side import short
from hypervisor.image_program import image_sources
from tests.exit_path.stages import Step, divided, stages
from tests.exit_path.walk import host_of, walk_cpuid_exit

DOTTED = re.compile(r"@?[A-Za-z_]\w*(?:\.\w+)+")
RIP_RELATIVE = re.compile(r"\[rip ([+-]) (0x[0-9a-f]+|\d+)\]")
TABLE = re.compile(r"- (0x7f[0-9a-f]{6})\]")


class Page:
    """Everything that the lines of one vendor are made of."""

    def __init__(self, vendor: str, image: Path) -> None:
        self.program: Program = lower(image_sources(vendor, "release"))
        self.tree = DebugTree(image)
        self.host: ModuleType = host_of(vendor)
        named_so = Counter(function.name for function in self.program.functions.values())
        self.by_name = {f.name: symbol for symbol, f in self.program.functions.items() if named_so[f.name] == 1}
        path = walk_cpuid_exit(vendor, self.tree)
        self.steps = list(self.steps_of(path))
        skip = self.only("vcpu_skip_instruction")
        self.stages = divided(self.steps, stages(self.host.STUB, skip))

    def only(self, name: str) -> str:
        """The name of the one function of this image that implements a contract."""
        (found,) = [each.name for symbol, each in self.program.functions.items() if short(symbol) == name]
        return found

    def steps_of(self, path: list[int]) -> Iterator[Step]:
        known = {}
        for address in path:
            if address not in known:
                symbol = named(self.tree, address).partition("+")[0]
                known.update({one.address: Step(symbol, one) for one in instructions(self.tree, symbol)})
            yield known[address]

    def lines(self, steps: list[Step], behind: int) -> Iterator[str]:
        """Of one stage; `behind` is the address executed next."""
        previous: tuple[str, str, int] | None = None
        shown: set[tuple[str, int]] = set()
        for step, following in zip(steps, [*(s.one.address for s in steps[1:]), behind], strict=True):
            place = step.one.place
            if place is None or step.symbol == self.host.STUB:
                here = (step.symbol, "", 0)
            elif place.line == 0:
                here = previous or (step.function, place.file, 0)
            else:
                here = (step.function, place.file, place.line)
            if here != previous:
                yield from self.heading(*here, shown)
                previous = here
            yield f"          {self.text(step, following)}"

    def heading(self, function: str, file: str, line: int, shown: set[tuple[str, int]]) -> Iterator[str]:
        """The Python line, and once in a stage its IR."""
        if line == 0:
            yield f"{function}, assembly" if not file else f"{file}, {short(function)}"
            return
        source = (ROOT / file).read_text().splitlines()[line - 1].strip()
        yield f"{file}:{line}  {source}"
        if (function, line) not in shown:
            shown.add((function, line))
            for loc, text in self.intermediate(function):
                if loc.line == line and loc.file == file and text.strip() not in ("else:", "step:"):
                    yield f"     ir   {self.shortened(text.strip())}"

    def intermediate(self, function: str) -> list[tuple[Loc, str]]:
        """The IR of a symbol or a name; none where several functions have this name, as copies for each argument do."""
        found = self.program.functions.get(self.by_name.get(function, function))
        return list(placed_lines(found.body, 0)) if found is not None else []

    def shortened(self, text: str) -> str:
        """Symbols by their last part: the numbers that tell copies apart change with any other code."""
        known = {**self.program.functions, **self.program.tables, **self.program.data, **self.program.stubs}
        known.update(self.program.intrinsics)
        return DOTTED.sub(lambda found: short_symbol(found.group(), known), text)

    def text(self, step: Step, following: int) -> str:
        """An instruction without what moves when any other code changes: addresses have names, a jump says whether it
        was taken."""
        one, text = step.one, step.one.text
        after = one.address + len(one.content)
        if text.startswith("j"):
            mnemonic = text.split()[0]
            return mnemonic if mnemonic == "jmp" else f"{mnemonic}, {'taken' if following != after else 'not taken'}"
        if text.startswith("call ") and "[" not in text:
            return f"call {short(text.split()[1])}"
        text = RIP_RELATIVE.sub(lambda m: f"[{self.datum(after + int(m[1] + m[2], 0))}]", text)
        return TABLE.sub(lambda m: f"+ {self.datum((1 << 64) - int(m[1], 0))}]", text)

    def datum(self, address: int) -> str:
        name, plus, offset = named(self.tree, address).partition("+")
        return short(name) + plus + offset


def short_symbol(found: str, known: dict[str, object]) -> str:
    """What a symbol is called; anything else as it is."""
    at = "@" if found.startswith("@") else ""
    return at + short(found[len(at) :]) if found[len(at) :] in known else found


def main() -> None:
    """`python -m tests.exit_path.page VENDOR IMAGE`: stages with counts and lines, as JSON."""
    page = Page(sys.argv[1], Path(sys.argv[2]))
    parts = []
    for number, (stage, steps) in enumerate(page.stages):
        behind = page.stages[number + 1][1][0].one.address if number + 1 < len(page.stages) else 0
        parts.append([stage.title, stage.words, len(steps), list(page.lines(steps, behind))])
    json.dump(parts, sys.stdout)


if __name__ == "__main__":
    main()
