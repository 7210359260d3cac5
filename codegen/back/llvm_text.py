"""A program as one LLVM module: the text that LLVM parses."""

from __future__ import annotations

import re

from codegen.back import arithmetic, control, memory  # noqa: F401  (they register the printers of their nodes)
from codegen.back.data import print_data, print_stub, print_table
from codegen.back.debug_info import DebugInfo
from codegen.back.errors import UndefinedSymbol
from codegen.back.hardware import Intrinsics
from codegen.back.runtime import runtime_text
from codegen.back.sites import BUILTINS, TRAP, Sites
from codegen.back.target import Target
from codegen.back.type_text import register_type
from codegen.back.writer import Writer
from codegen.ir.nodes import Function, Program

FUNCTION = 'nounwind noredzone null_pointer_is_valid noimplicitfloat "frame-pointer"="non-leaf" "no-stack-arg-probe"'
_PLAIN_NAME = re.compile(r"[A-Za-z$._][A-Za-z$._0-9]*")


class ModuleText:
    """Prints one program for one target. `text()` once; `sites` and `intrinsics` then say what was numbered."""

    def __init__(self, program: Program, target: Target, debug: bool = True, host_per_cpu: int = 0) -> None:
        self.program = program
        self.target = target
        self.debug = DebugInfo(self) if debug else None
        self.sites = Sites(self)
        self.intrinsics = Intrinsics(self)
        self.used_builtins: set[str] = set()
        self.host_per_cpu = f"inttoptr (i64 {host_per_cpu} to ptr)"
        self._declarations: dict[str, None] = {}
        self._external: dict[str, None] = {}

    def text(self, extra: str = "") -> str:
        """The module, with `extra` definitions behind it."""
        functions = [line for function in self.program.functions.values() for line in self._function(function)]
        data = [print_data(self, each) for each in self.program.data.values() if self._host_place(each.symbol) is None]
        data += [print_table(self, table) for table in self.program.tables.values()]
        if not self.target.host:
            data += [print_stub(self, stub) for stub in self.program.stubs.values()]
        sites = self.sites.tables()
        external = [f"{self.quote(name)} = external hidden global i8" for name in self._external]
        size = f"i{self.target.pointer_bits}"
        lines = [
            f'target triple = "{self.target.triple}"',
            *external,
            *data,
            *functions,
            *sites,
            *self._declarations,
            f"declare i32 @memcmp(ptr, ptr, {size})",
            f"attributes #0 = {{ {FUNCTION} }}",
            runtime_text(self.target),
            extra,
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
        known = (self.program.data, self.program.functions, self.program.tables, self.program.stubs)
        if not any(name in each for each in known):
            if self.target.host:
                raise UndefinedSymbol(f"{name} has no address on the host")
            self._external[name] = None
        return self.quote(name)

    def callee(self, name: str) -> str:
        """The address of what is called directly."""
        if name in BUILTINS:
            self.used_builtins.add(name)
        elif name not in self.program.functions and name not in self.program.stubs:
            raise UndefinedSymbol(f"{name} is called, but the program has no such function")
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
            w.emit(f"store {type_} %p{number}, ptr {memory.local_address(w, parameter)}", function.loc)
        if self.debug:
            self.debug.declare_locals(w)
        w.statements(function.body)
        words = [
            "define" if function.exported and not self.target.host else "define internal",
            f"{self.convention(function.symbol)}{register_type(function.result)}",
            f"{self.quote(function.symbol)}({', '.join(parameters)}) #0",
        ]
        if function.noinline or function.symbol == TRAP:
            words.append("noinline")
        if function.inline and not self.target.host:
            words.append("alwaysinline")
        if function.cold or function.symbol == TRAP:
            words.append("cold minsize optsize")
        if function.noreturn:
            words.append("noreturn")
        if function.section != ".text" and not self.target.host:
            words.append(f'section "{function.section}"')
        if self.debug:
            words.append(f"!dbg !{w.scope}")
        return [f"{' '.join(words)} {{", *w.finish(), "}"]
