"""The front end's entry: roots and modules in, a program in IR and the diagnostics out."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from codegen.front import (
    atomics,
    attributes,
    calls,
    conditions,
    control,
    loops,
    memory,
    operators,
    statements,
    static,
    tuples,
)
from codegen.front.declared import annotation_place, wrong_signature
from codegen.front.diagnostics import Diagnostic, Label, refuse
from codegen.front.function import FunctionLowering, Variable
from codegen.front.lowering import lower_body
from codegen.front.names import Outside
from codegen.front.objects import type_of
from codegen.front.program import Callee, ProgramLowering, TargetInfo, is_symbol, place_of
from codegen.front.recursion import recursion
from codegen.front.source import definition, shown_path
from codegen.front.structs import cell_type
from codegen.front.types import NEVER, NONE, quoted
from codegen.ir import nodes as ir
from codegen.ir.cold import cold_functions
from codegen.lang.routines import ContractFn, Fn, StubFn
from codegen.lang.structs import Struct

RULES = (atomics, attributes, calls, conditions, control, loops, memory, operators, statements, static, tuples)
"""Modules whose rules register themselves when imported."""


def lower_program(
    roots: Sequence[Fn | StubFn], modules: Sequence[ModuleType], target: TargetInfo
) -> tuple[ir.Program, list[Diagnostic]]:
    """Everything that the roots reach. With diagnostics, the program is incomplete and must not be used."""
    program = begin_program(roots, modules, target)
    for root in roots:
        with_diagnostic(program, root)
    while program.queue:
        routine, symbol = program.queue.pop(0)
        lower_function(program, routine, symbol)
    program.diagnostics.extend(recursion(program.calls))
    make_cold(program.program, cold_functions(program.program.declarations, program.calls))
    return program.program, unique(program.diagnostics)


def make_cold(program: ir.Program, symbols: set[str]) -> None:
    """These functions are cold, and whoever calls them knows."""
    for symbol in symbols:
        program.declarations[symbol] = replace(program.declarations[symbol], cold=True)
        if symbol in program.functions:
            program.functions[symbol] = replace(program.functions[symbol], cold=True)


def begin_program(roots: Sequence[Fn | StubFn], modules: Sequence[ModuleType], target: TargetInfo) -> ProgramLowering:
    """A program of which nothing is lowered yet: what is exported, and who provides which contract."""
    program = ProgramLowering(target, tuple(modules))
    find_exported(program, [*(root for root in roots if isinstance(root, Fn)), *module_functions(modules)])
    for module in modules:
        check_layouts(program, module)
    return program


def module_functions(modules: Sequence[ModuleType]) -> list[Fn]:
    """All functions at module level, and the methods of the modules' layouts."""
    found = []
    for module in modules:
        for thing in vars(module).values():
            if isinstance(thing, Fn):
                found.append(thing)
            elif isinstance(thing, type) and thing.__module__ == module.__name__:
                found += [member for member in vars(thing).values() if isinstance(member, Fn)]
    return found


def check_layouts(program: ProgramLowering, module: ModuleType) -> None:
    """Types that a layout names as text, before they exist."""
    for cls in vars(module).values():
        if (
            isinstance(cls, type)
            and issubclass(cls, Struct)
            and cls is not Struct
            and cls.__module__ == module.__name__
        ):
            for info in cls.__layout__.fields.values():
                with program.guard():
                    cell_type(cls, info, ir.Loc(shown_path(module.__file__ or ""), 1))


def find_exported(program: ProgramLowering, functions: Sequence[Fn]) -> None:
    """Functions by exported symbol, and which of them provide contracts."""
    for routine in functions:
        name = routine.options.export
        if name is not None:
            other = program.exported.setdefault(name, routine)
            if other is not routine:
                where = Label(place_of(other), "the other one")
                program.diagnostics.append(
                    Diagnostic(f"two functions are exported as `{name}`", place_of(routine), (where,))
                )
            elif not is_symbol(name):
                program.diagnostics.append(Diagnostic(f"`{name}` is no symbol", place_of(routine)))
        for contract in routine.implements:
            first = program.provided.setdefault(id(contract), routine)
            if first is not routine:
                where = Label(place_of(first), "the other one")
                message = f"two functions of this image implement {contract.name}"
                program.diagnostics.append(Diagnostic(message, place_of(routine), (where,)))
            else:
                check_contract(program, contract, routine)


def check_contract(program: ProgramLowering, contract: ContractFn, routine: Fn) -> None:
    """An implementation has the contract's signature, with its parameters' names: calls may use them."""
    declared, place = place_of(contract), place_of(routine)
    for each, place_of_it in ((contract, declared), (routine, place)):
        try:
            each.signature()
        except (TypeError, NameError) as error:
            program.diagnostics.append(wrong_signature(each, error, place_of_it).diagnostic)
            return
    want, have = contract.signature(), routine.signature()
    if len(want.parameters) != len(have.parameters):
        where = Label(declared, f"the contract takes {len(want.parameters)}")
        message = f"{routine.name} takes {len(have.parameters)} parameters, its contract {len(want.parameters)}"
        program.diagnostics.append(Diagnostic(message, place, (where,)))
        return
    for wanted, found in zip(want.parameters, have.parameters, strict=True):
        message = ""
        if wanted.name != found.name:
            message = f"parameter `{found.name}` is called `{wanted.name}` in the contract"
        elif wanted.type != found.type:
            message = f"parameter `{found.name}`: expected {in_words(wanted.type)}, found {in_words(found.type)}"
        if message:
            where = Label(annotation_place(declared, wanted.name) or declared, "the contract declares it here")
            program.diagnostics.append(Diagnostic(message, annotation_place(place, found.name) or place, (where,)))
    if want.result != have.result:
        where = Label(annotation_place(declared, "return") or declared, "the contract declares it here")
        message = f"the result: expected {in_words(want.result)}, found {in_words(have.result)}"
        program.diagnostics.append(Diagnostic(message, annotation_place(place, "return") or place, (where,)))


def in_words(thing: Any) -> str:
    """The type of a parameter or a result in a sentence."""
    kind = type_of(thing)
    return f"`{thing}`" if kind is None else quoted(kind)


def with_diagnostic(program: ProgramLowering, root: Fn | StubFn) -> None:
    """Reaches a root."""
    with program.guard():
        program.callee(root, place_of(root))


def lower_function(program: ProgramLowering, routine: Fn, symbol: str) -> None:
    """One function into the program."""
    callee = program.callees[id(routine)]
    found = definition(routine.function.__code__)
    if found is None:
        message = f"the source of {routine.name} cannot be found"
        program.diagnostics.append(Diagnostic(message, callee.loc, help="an @fn stands in a file, one per line"))
        return
    source, node = found
    module: dict[str, Any] = vars(routine)["function"].__globals__
    names = Outside(routine.free_variables(), module)
    own_names = frozenset(routine.function.__code__.co_varnames)
    f = FunctionLowering(
        program, source, node, names, own_names, callee.result, routine.options.unchecked, routine.options.where
    )
    parameters = declare_parameters(f, node, callee)
    with f.guard():
        check_shape(f, node)
        lower_body(f, node.body)
        finish(f, node, callee)
    program.diagnostics.extend(f.diagnostics)
    program.calls[symbol] = f.calls
    options = routine.options
    program.program.functions[symbol] = ir.Function(
        symbol, routine.name, parameters, callee.result.ir, tuple(f.out), tuple(f.locals), callee.loc,
        options.section or ".text", options.noinline, options.cold, callee.result == NEVER, options.export is not None,
        routine, options.inline, options.hot, program.shapes.of(callee.result),
    )  # fmt: skip


def declare_parameters(f: FunctionLowering, node: ast.FunctionDef, callee: Callee) -> tuple[ir.Local, ...]:
    """Parameters are locals that hold a value from the start."""
    found = []
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    for (name, kind), argument in zip(callee.parameters, arguments, strict=False):
        loc = f.loc(argument)
        local = ir.Local(f.next_number(), name, kind.ir, loc, f.program.shapes.of(kind))
        f.variables[name] = Variable(name, kind, loc, local)
        f.flow.assigned.add(name)
        found.append(local)
    return tuple(found)


def check_shape(f: FunctionLowering, node: ast.FunctionDef) -> None:
    """What a parameter list may not have; `__exit__` takes star arguments for the type checkers."""
    if node.args.kwarg is not None or (node.args.vararg is not None and node.name != "__exit__"):
        raise f.refuse("star parameters are not in the language", node.args.vararg or node.args.kwarg or node)


def finish(f: FunctionLowering, node: ast.FunctionDef, callee: Callee) -> None:
    """The end of the body: a result is due, unless nothing comes here, or an error hides whether anything does."""
    if f.flow.dead or f.diagnostics:
        return
    last = f.loc(node.body[-1])
    if callee.result == NONE:
        f.emit(ir.Return(None, last))
    elif callee.result == NEVER:
        raise refuse(f"{callee.name} is declared not to return, but its end is reached", callee.loc)
    else:
        declared = Label(last, "the body may end here")
        raise refuse(f"{callee.name} returns {quoted(callee.result)}, but not on every way", callee.loc, declared)


def unique(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Each once (a factory's functions are lowered several times), in the order of the source."""
    seen = {(d.loc, d.message): d for d in reversed(diagnostics)}
    return sorted(seen.values(), key=lambda d: (d.loc.file, d.loc.line, d.loc.column, d.message))
