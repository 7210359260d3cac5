"""The pipeline: from functions of the language to a linked file. The passes, in order, one line each."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from codegen.back.compile import compile_program
from codegen.back.llvm_text import ModuleText
from codegen.front.lower import lower_program
from codegen.incremental.build import IncrementalBuild
from codegen.incremental.memo import load_memo
from codegen.ir.line_marks import with_reports
from codegen.ir.nodes import Program
from codegen.ir.partition import partition
from codegen.ir.show import show_function
from codegen.ir.verify import verify
from codegen.link.efi import link_efi
from codegen.link.flat import FlatImage, FlatLayout, link_flat32
from codegen.link.image import ImageLayout, link_elf
from codegen.link.symbols import write_symbols
from codegen.sources import CompileErrors as CompileErrors
from codegen.sources import Sources as Sources


def lower(sources: Sources) -> Program:
    """The verified IR. Raises CompileErrors, and BadAssembly for a stub."""
    program, diagnostics = lower_program(sources.roots, sources.modules, sources.target_info())
    if diagnostics:
        raise CompileErrors(diagnostics)
    verify(program)
    return program


def build_object(sources: Sources, output: Path) -> Path:
    """The object file. Raises what `lower` does, and BadAssembly for an intrinsic."""
    output.parent.mkdir(parents=True, exist_ok=True)
    program = lower(sources)
    if sources.coverage:
        program, lines = with_reports(program)
        output.with_suffix(".lines").write_text("".join(f"{file}:{line}\n" for file, line in lines))
    compiled = compile_program(program, sources.target, level=sources.level, debug=sources.debug)
    output.write_bytes(compiled.content)
    return output


def build_image(sources: Sources, layout: ImageLayout, output: Path) -> Path:
    """An ELF image, and beside it its symbol file (`.sym`) and what the next build remembers of this one (`.memo`).

    Raises what `build_object` does, and LinkError.
    """
    if sources.coverage:  # numbers its lines through the whole program
        objects = [build_object(sources, output.with_suffix(".o"))]
    else:
        objects = build_units(sources, output.with_suffix(".memo"))
    link_elf(objects, output, layout)
    write_symbols(output, objects, output.with_suffix(".sym"))
    return output


def build_units(sources: Sources, remembered: Path) -> list[Path]:
    """The program's units and what they share, as objects in the order of linking."""
    memo = load_memo(remembered)
    build = IncrementalBuild(sources, memo)
    units = partition(build.summaries(), build.entries())
    objects = build.objects(units)
    memo.save(remembered)
    return objects


def build_flat(sources: Sources, layout: FlatLayout, output: Path) -> FlatImage:
    """Flat 32-bit code; `output` is its ELF file."""
    return link_flat32([build_object(sources, output.with_suffix(".o"))], output, layout)


def build_efi(sources: Sources, entry: str, output: Path) -> Path:
    """A UEFI application that starts at the exported function `entry`."""
    return link_efi([build_object(sources, output.with_suffix(".obj"))], output, entry)


def dump(sources: Sources, stage: str, name: str) -> str:
    """One function at one stage: "tree", "ir", "ll" (as printed), "opt" (as optimised) or "asm".

    `name` is its symbol, module.qualname. KeyError when the program has no such function, or no such stage.
    """
    program = lower(sources)
    if name not in program.functions:
        raise KeyError(f"the program has no function {name}")
    return STAGES[stage](sources, program, name)


def _tree(sources: Sources, program: Program, name: str) -> str:
    source = textwrap.dedent(inspect.getsource(program.functions[name].origin.function))
    return ast.dump(ast.parse(source), indent=2)


def _ir(sources: Sources, program: Program, name: str) -> str:
    return show_function(program.functions[name])


def _llvm(sources: Sources, program: Program, name: str) -> str:
    return llvm_function(ModuleText(program, sources.target, debug=False).text(), name)


def _optimised(sources: Sources, program: Program, name: str) -> str:
    made = compile_program(program, sources.target, level=sources.level, debug=False, form="llvm")
    return llvm_function(made.content.decode(), name)


def _assembly(sources: Sources, program: Program, name: str) -> str:
    made = compile_program(program, sources.target, level=sources.level, debug=False, form="assembly")
    return assembly_function(made.content.decode(), name)


STAGES: dict[str, Callable[[Sources, Program, str], str]] = {
    "tree": _tree, "ir": _ir, "ll": _llvm, "opt": _optimised, "asm": _assembly
}  # fmt: skip


def llvm_function(text: str, name: str) -> str:
    """The definition of one function; empty when it was inlined everywhere."""
    found = re.search(rf'^define [^\n]*@"?{re.escape(name)}"?\(.*?^}}\n', text, re.DOTALL | re.MULTILINE)
    return found.group() if found else ""


def assembly_function(text: str, name: str) -> str:
    """The same of a target's assembly."""
    found = re.search(rf'^"?{re.escape(name)}"?:.*?(?=^\.Lfunc_end|\Z)', text, re.DOTALL | re.MULTILINE)
    return found.group() if found else ""
