"""A function line by line: the Python, below it the IR that it became, below that the instructions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from codegen.front.source import definition
from codegen.ir.nodes import Function, Program
from codegen.ir.show import placed_lines, show
from codegen.program import Sources, lower
from codegen.show.debug_tree import DebugTree
from codegen.show.machine_code import Instruction, first_copy, instructions
from codegen.show.names import find_symbol


def show_side_by_side(sources: Sources, image: Path, wanted: str) -> str:
    """One function of the program that `image` was made of. Raises NoSuchFunction."""
    program, tree = lower(sources), DebugTree(image)
    symbol = find_symbol(program, wanted)
    own = instructions(tree, symbol)
    code = own or first_copy(tree, name_of(program, symbol))
    if symbol in program.functions:
        lines = function_lines(program.functions[symbol], code)
    else:
        lines = (f"           {machine_line(one)}" for one in code)
    return "\n".join([*head(program, tree, symbol, own), "", *lines]) + "\n"


def name_of(program: Program, symbol: str) -> str:
    """What debug information calls a function where it was inlined: its Python name, which is not the symbol of one
    that implements a contract."""
    return program.functions[symbol].name if symbol in program.functions else symbol


def head(program: Program, tree: DebugTree, symbol: str, own: list[Instruction]) -> Iterator[str]:
    """What it is, where it stands, and how large it became."""
    function = program.functions.get(symbol)
    yield symbol if function is not None else f"{symbol} (assembly)"
    if function is not None:
        parameters = ", ".join(f"{show(p)}: {p.type}" for p in function.parameters)
        yield f"{function.loc.file}:{function.loc.line}, as IR ({parameters}) -> {function.result}"
    calls = [one for one in tree.inlined if one.symbol == name_of(program, symbol)]
    if own:
        yield f"{len(own)} instructions, {sum(len(one.content) for one in own)} bytes at {own[0].address:x}"
    else:
        yield "no code of its own: every call was inlined; this is the first" if calls else "no code in the image"
    for one in calls:
        yield f"inlined in {one.caller}, {one.call.file}:{one.call.line}"


def function_lines(function: Function, code: list[Instruction]) -> Iterator[str]:
    """Every line of the source, with what it became."""
    found = definition(function.origin.function.__code__)
    assert found is not None
    source, node = found
    begin = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    end = node.end_lineno or node.lineno
    inner = defaultdict(list)
    for loc, text in placed_lines(function.body, 0):
        inner[loc.line].append(text)
    by_line = defaultdict(list)
    for one in code:
        by_line[line_of(one, function.loc.line)].append(one)
    for number in range(begin, end + 1):
        yield f"{number:5} | {source.lines[number - 1]}".rstrip()
        for text in inner[number]:
            yield f"      ir   {text}"
        yield from machine_lines(by_line[number])


def line_of(one: Instruction, first: int) -> int:
    """The line of the function itself: for inlined code that of the call; the `def` line where there is none."""
    place = one.inside[0].call if one.inside else one.place
    return place.line if place is not None and place.line != 0 else first


def machine_lines(code: list[Instruction]) -> Iterator[str]:
    """Instructions; where those of an inlined function begin, its name and line."""
    previous = ""
    for one in code:
        where = origin(one)
        if where and where != previous:
            yield f"           ({where})"
        previous = where
        yield f"           {machine_line(one)}"


def origin(one: Instruction) -> str:
    """Which inlined function an instruction belongs to, through which others, and its line there."""
    if not one.inside:
        return ""
    chain = " < ".join(short(call.symbol) for call in reversed(one.inside))
    return f"{chain}, {one.place.file}:{one.place.line}" if one.place is not None and one.place.line else chain


def short(symbol: str) -> str:
    """The function's own name: the last part that is no number, which only tells copies apart."""
    return [part for part in symbol.split(".") if not part.isdigit()][-1]


def machine_line(one: Instruction) -> str:
    """Address and text."""
    return f"{one.address:x}  {one.text}"
