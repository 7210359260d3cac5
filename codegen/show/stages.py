"""One function after one pass: the tree, the IR, LLVM as printed and as optimised, the target's assembly."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable

from codegen.back.compile import compile_program
from codegen.back.llvm_text import ModuleText
from codegen.ir.nodes import Program
from codegen.ir.show import show_function
from codegen.program import Sources, lower
from codegen.show.names import NoSuchFunction, find_symbol


def show_stages(sources: Sources, wanted: str, stages: list[str]) -> str:
    """The function after each of the passes named, one behind another. Raises NoSuchFunction."""
    program = lower(sources)
    symbol = find_symbol(program, wanted)
    if symbol not in program.functions:
        raise NoSuchFunction(f"{symbol} is assembly: it has no tree, IR or LLVM; look at it without --dump")
    parts = []
    for stage in stages:
        text = STAGES[stage](sources, program, symbol).rstrip("\n")
        parts.append(f"; {stage}: {symbol}\n{text or '; inlined everywhere: nothing is left of it here'}\n")
    return "\n".join(parts)


def _tree(sources: Sources, program: Program, symbol: str) -> str:
    source = textwrap.dedent(inspect.getsource(program.functions[symbol].origin.function))
    return ast.dump(ast.parse(source), indent=2)


def _ir(sources: Sources, program: Program, symbol: str) -> str:
    return show_function(program.functions[symbol])


def _llvm(sources: Sources, program: Program, symbol: str) -> str:
    return llvm_function(ModuleText(program, sources.target, debug=False).text(), symbol)


def _optimised(sources: Sources, program: Program, symbol: str) -> str:
    made = compile_program(program, sources.target, level=sources.level, debug=False, form="llvm")
    return llvm_function(made.content.decode(), symbol)


def _assembly(sources: Sources, program: Program, symbol: str) -> str:
    made = compile_program(program, sources.target, level=sources.level, debug=False, form="assembly")
    return assembly_function(made.content.decode(), symbol)


STAGES: dict[str, Callable[[Sources, Program, str], str]] = {
    "tree": _tree, "ir": _ir, "ll": _llvm, "opt": _optimised, "asm": _assembly
}  # fmt: skip


def llvm_function(text: str, symbol: str) -> str:
    """The definition of one function; empty when it was inlined everywhere."""
    found = re.search(rf'^define [^\n]*@"?{re.escape(symbol)}"?\(.*?^}}\n', text, re.DOTALL | re.MULTILINE)
    return found.group() if found else ""


def assembly_function(text: str, symbol: str) -> str:
    """The same of a target's assembly."""
    found = re.search(rf'^"?{re.escape(symbol)}"?:.*?(?=^\.Lfunc_end|\Z)', text, re.DOTALL | re.MULTILINE)
    return found.group() if found else ""
