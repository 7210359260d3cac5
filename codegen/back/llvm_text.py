"""A program, or one unit of it, as an LLVM module: the text that LLVM parses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from codegen.back import arithmetic, control, memory  # noqa: F401  (they register the printers of their nodes)
from codegen.back.data import print_data, print_stub, print_table
from codegen.back.debug_info import DebugInfo
from codegen.back.declarations import print_declarations
from codegen.back.errors import UndefinedSymbol
from codegen.back.hardware import Intrinsics
from codegen.back.runtime import runtime_text
from codegen.back.sites import BUILTINS, TRAP, Sites
from codegen.back.target import Target
from codegen.back.type_text import register_type
from codegen.back.writer import Writer
from codegen.ir.nodes import Declaration, Function, Program
from codegen.ir.partition import Unit

FUNCTION = 'nounwind noredzone null_pointer_is_valid noimplicitfloat "frame-pointer"="non-leaf" "no-stack-arg-probe"'
FUNCTION_GROUP = "#0"
ALWAYS_INLINE = "alwaysinline"
_PLAIN_NAME = re.compile(r"[A-Za-z$._][A-Za-z$._0-9]*")


class ModuleText:
    """Prints one program, or one `unit` of it, for one target. `text()` once; `sites` and `intrinsics` then say what
    was numbered.

    A whole program is a closed world: only exported functions and shared data can be seen from outside. A unit defines
    its own functions and the byte strings that they use, and declares whatever else they refer to. `optimised`: LLVM
    will be asked to optimise. `inline_once`: its inliner will not run, so functions of a unit that are called once are
    marked for the one that only follows marks.
    """

    def __init__(
        self,
        program: Program,
        target: Target,
        debug: bool = True,
        host_per_cpu: int = 0,
        unit: Unit | None = None,
        optimised: bool = True,
        inline_once: bool = False,
    ) -> None:
        self.program = program
        self.target = target
        self.optimised = optimised
        self.debug = DebugInfo(self, unit is not None) if debug else None
        self.sites = Sites(self, unit)
        self.intrinsics = Intrinsics(self)
        self.used_builtins: set[str] = set()
        self.host_per_cpu = f"inttoptr (i64 {host_per_cpu} to ptr)"
        self.referred: dict[str, None] = {}
        self._unit = unit
        self._inline_once = inline_once
        self._calls: Counter[str] = Counter()
        self._declarations: dict[str, None] = {}

    def text(self, extra: str = "") -> str:
        """The module, with `extra` definitions behind it."""
        program, unit = self.program, self._unit
        names = program.functions if unit is None else (*unit.own, *unit.copies)
        printed = [self._function(program.functions[name]) for name in names]
        functions = [line for name, lines in zip(names, printed, strict=True) for line in self._marked(name, lines)]
        if unit is None:
            data = [print_data(self, each) for each in program.data.values() if self._host_place(each.symbol) is None]
            data += [print_table(self, table) for table in program.tables.values()]
            if not self.target.host:
                data += [print_stub(self, stub) for stub in program.stubs.values()]
            data += [
                f"{self.quote(name)} = external hidden global i8" for name in self.referred if self.is_foreign(name)
            ]
            data += [*self.sites.tables(), runtime_text(self.target)]
        else:
            data = print_declarations(self, unit)
        return self.module([*data, *functions, extra])

    def module(self, definitions: Iterable[str]) -> str:
        """A module of these definitions and whatever all modules share."""
        lines = [
            f'target triple = "{self.target.triple}"',
            *definitions,
            *self._declarations,
            f"declare i32 @memcmp(ptr, ptr, i{self.target.pointer_bits})",
            f"attributes {FUNCTION_GROUP} = {{ {FUNCTION} }}",
            *(self.debug.metadata() if self.debug else ()),
        ]
        return "\n".join(lines) + "\n"

    def declare(self, declaration: str) -> None:
        self._declarations[declaration] = None

    @staticmethod
    def quote(name: str) -> str:
        return f"@{name}" if _PLAIN_NAME.fullmatch(name) else f'@"{name}"'

    def symbol(self, name: str) -> str:
        """The address of data, of a table or of a function; of a symbol of the linker when the program has none."""
        place = self._host_place(name)
        if place is not None:
            return f"inttoptr (i64 {place} to ptr)"
        if self.target.host and self.is_foreign(name):
            raise UndefinedSymbol(f"{name} has no address on the host")
        self.referred[name] = None
        return self.quote(name)

    def is_foreign(self, name: str) -> bool:
        """Whether a symbol comes from the linker."""
        program = self.program
        known = (program.data, program.functions, program.declarations, program.tables, program.stubs, BUILTINS)
        return not any(name in each for each in known)

    def callee(self, name: str) -> str:
        """The address of what is called directly."""
        if name in BUILTINS:
            self.used_builtins.add(name)
        elif not any(name in each for each in (self.program.functions, self.program.declarations, self.program.stubs)):
            raise UndefinedSymbol(f"{name} is called, but the program has no such function")
        self.referred[name] = None
        self._calls[name] += 1
        return self.quote(name)

    def convention(self, name: str) -> str:
        function = self.program.functions.get(name)
        text = self.target.entry_convention if function and function.exported else self.target.convention
        return f"{text} " if text else ""

    def _host_place(self, name: str) -> int | None:
        """Where the host keeps this data, if it is the same memory that CPython uses."""
        data = self.program.data.get(name)
        if not self.target.host or data is None or data.host is None:
            return None
        return data.host()

    def _function(self, function: Function) -> list[str]:
        w = Writer(self, function)
        parameters = []
        for number, parameter in enumerate(function.parameters):
            type_ = register_type(parameter.type)
            parameters.append(f"{type_} %p{number}")
            # Without a location: debuggers stop behind these.
            w.lines.append(f"  store {type_} %p{number}, ptr {memory.local_address(w, parameter)}")
        w.statements(function.body)
        words = [
            f"define {self._linkage(function)}{self.convention(function.symbol)}{register_type(function.result)}",
            f"{self.quote(function.symbol)}({', '.join(parameters)}) {FUNCTION_GROUP}",
            *attributes(function),
        ]
        if function.noinline or function.symbol == TRAP:
            words.append("noinline")
        if function.inline and not self.target.host:
            words.append(ALWAYS_INLINE)
        if section := self._section(function):
            words.append(f'section "{section}"')
        if self.debug:
            words.append(f"!dbg !{w.scope}")
        return [f"{' '.join(words)} {{", *w.finish(), "}"]

    def _marked(self, name: str, lines: list[str]) -> list[str]:
        """The printed function, when all calls of the module are known."""
        unit = self._unit
        if not self._inline_once or unit is None or self._calls[name] != 1 or name in unit.shared:
            return lines
        apart = self.program.functions[name].noinline or name in unit.copies or ALWAYS_INLINE in lines[0]
        marked = lines[0].replace(FUNCTION_GROUP, f"{FUNCTION_GROUP} {ALWAYS_INLINE}", 1)
        return lines if apart else [marked, *lines[1:]]

    def _linkage(self, function: Function) -> str:
        if self._unit is None:
            return "" if function.exported and not self.target.host else "internal "
        if function.symbol in self._unit.copies:
            return "available_externally hidden "
        return "hidden " if function.symbol in self._unit.shared else "internal "

    def _section(self, function: Function) -> str:
        """In a unit each function has a section of its own, so that the linker drops what is inlined everywhere."""
        if self.target.host or self._unit is not None and function.symbol in self._unit.copies:
            return ""
        if function.section != ".text" or self._unit is None:
            return function.section if function.section != ".text" else ""
        return f".text.{'hot.' if function.hot else ''}{function.symbol}"


def attributes(function: Function | Declaration) -> list[str]:
    """What definition and declaration say alike. Code is optimised for size, but for hot functions."""
    if function.cold or function.symbol == TRAP:
        words = ["cold minsize optsize"]
    else:
        words = [] if function.hot else ["optsize"]
    return [*words, "noreturn"] if function.noreturn else words
