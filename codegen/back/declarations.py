"""What units refer to without defining it, and the modules that define it for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codegen.back.data import byte_string, print_data, print_literal, print_stub, print_table
from codegen.back.runtime import runtime_text
from codegen.back.sites import BUILTINS, Site, print_shared_sites
from codegen.back.type_text import register_type
from codegen.ir.nodes import Data, Declaration
from codegen.ir.partition import Unit

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText

FOLDED_SIZE = 4096
"""Bytes of a constant up to which units see its contents, so that LLVM can compute with them."""


def print_declarations(module: ModuleText, unit: Unit) -> list[str]:
    """One for each symbol that the printed functions refer to, sorted."""
    defined = {*unit.own, *unit.copies}
    return [print_declaration(module, name) for name in sorted(module.referred) if name not in defined]


def print_declaration(module: ModuleText, name: str) -> str:
    """Whatever the name stands for; the linker's own symbols are bytes somewhere."""
    from codegen.back.llvm_text import attributes  # the two print one another's parts

    program, quoted = module.program, module.quote(name)
    if (function := program.declarations.get(name)) is not None:
        return " ".join([f"declare hidden {signature(module, function)} #0", *attributes(function)])
    if (data := program.data.get(name)) is not None:
        return print_literal(module, data) if data.literal else declare_data(module, data)
    if (table := program.tables.get(name)) is not None:
        return f"{quoted} = external hidden constant [{len(table.entries)} x ptr]"
    if name in BUILTINS:
        return f"declare hidden {module.target.convention} {BUILTINS[name]} {quoted}(i32) #0"
    kind = "constant" if name in program.stubs else "global"
    return f"{quoted} = external hidden {kind} i8"


def signature(module: ModuleText, function: Declaration) -> str:
    """Result, name and parameters as LLVM declares them."""
    parameters = ", ".join(map(register_type, function.parameters))
    return f"{register_type(function.result)} {module.quote(function.symbol)}({parameters})"


def declare_data(module: ModuleText, data: Data) -> str:
    """Size and alignment, which LLVM uses; of small constants the contents too."""
    kind = "constant" if data.constant else "global"
    type_ = f"[{data.size} x i8]"
    if data.contents is not None and data.size <= FOLDED_SIZE and not data.relocations and not data.hidden:
        type_ = f"{type_} {byte_string(data.contents)}"
        return f"{module.quote(data.symbol)} = available_externally hidden {kind} {type_}, align {data.align}"
    return f"{module.quote(data.symbol)} = external hidden {kind} {type_}, align {data.align}"


# ---- the modules behind all units


def shared_module(module: ModuleText) -> str:
    """Definitions of the program's static memory, tables and stubs, for its units; and LLVM's own memory functions."""
    program = module.program
    definitions = [
        print_data(module, each, shared=True) for _, each in sorted(program.data.items()) if not each.literal
    ]
    definitions += [print_table(module, table, shared=True) for _, table in sorted(program.tables.items())]
    definitions += [print_stub(module, stub) for _, stub in sorted(program.stubs.items())]
    defined = {*program.data, *program.tables, *program.stubs}
    declared = [print_declaration(module, name) for name in sorted(module.referred) if name not in defined]
    return module.module([*declared, *definitions, runtime_text(module.target)])


def sites_module(module: ModuleText, units: Sequence[tuple[str, Sequence[Site]]]) -> str:
    """The tables of all units' trap sites."""
    return module.module(print_shared_sites(units, module.target.convention))
