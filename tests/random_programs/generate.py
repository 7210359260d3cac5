"""A whole program of one seed, as the text of a module: declarations, functions that call earlier ones, calls."""

from __future__ import annotations

import random

from tests.random_programs.kinds import (
    BOOL,
    INTEGERS,
    SPAN,
    U32,
    EnumKind,
    Kind,
    OptionKind,
    ResultKind,
    StructKind,
    TupleKind,
)
from tests.random_programs.statements import Statements, argument, is_plain
from tests.random_programs.world import Function, World, make_world

HEADER = '''"""Random program {seed}."""

from codegen.lang import *
from tests.random_programs.prelude import bit_test, chosen, count_down, log, long_multiply

DEVICES = []
CALLS = []
'''

FUNCTIONS, STATEMENTS, PROBES, CALLS = 5, 6, 5, 150
"""How many functions a program has, how many statements stand in the outer block of each, how many small functions
whose checks often fail it has beside them, how many calls are made.
"""
RISK = 0.3


def generate(seed: int) -> str:
    """The module's text. It lists its devices in DEVICES and what to call, with which arguments, in CALLS."""
    rng = random.Random(seed)
    world = make_world(rng)
    lines = [*HEADER.format(seed=seed).splitlines(), *world.lines, ""]
    for number in range(FUNCTIONS):
        function, text = make_function(world, f"f{number}")
        lines += ["", *text, ""]
        world.functions.append(function)
        if number == FUNCTIONS // 3:
            lines += make_table(world, f"f{number}")
    for number in range(PROBES):
        kinds = rng.choices(INTEGERS, k=2)
        parameters = (("a", kinds[0]), ("b", kinds[1]))
        probe = Function(f"probe{number}", parameters, rng.choice((*kinds, result_kind(world))), 0)
        function, text = with_body(world, probe, 2, "", RISK)
        lines += ["", *text, ""]
        world.functions.append(function)
    lines.append("")
    callable_ones = [each for each in world.functions if all(is_plain(kind) for _, kind in each.parameters)]
    for _ in range(CALLS if callable_ones else 0):
        function = rng.choice(callable_ones)
        values = "".join(f"{argument(world, kind)}, " for _, kind in function.parameters)
        lines.append(f"CALLS.append(({function.name}, ({values})))")
    return "\n".join(lines) + "\n"


def make_function(world: World, name: str) -> tuple[Function, list[str]]:
    """A function of a signature of its own."""
    rng = world.rng
    kinds: list[Kind] = [*rng.choices(INTEGERS, k=3), BOOL, *world.enums, *world.bit_structs]
    if rng.random() < 0.25:
        kinds += [SPAN, world.structs[1], world.structs[0]]
    parameters = tuple((f"p{number}", rng.choice(kinds)) for number in range(rng.randint(1, 4)))
    return with_body(world, Function(name, parameters, result_kind(world), 0), STATEMENTS)


def result_kind(world: World) -> Kind | None:
    rng = world.rng
    scalar = world.scalar()
    choices: list[Kind | None] = [scalar, scalar, scalar, rng.choice(INTEGERS), None, OptionKind(scalar)]
    if not isinstance(scalar, EnumKind):
        choices.append(ResultKind(scalar, rng.choice(world.enums)))
    choices.append(TupleKind((scalar, rng.choice(INTEGERS))))
    choices.append(TupleKind((OptionKind(rng.choice(INTEGERS)), BOOL, scalar)))
    return rng.choice(choices)


def with_body(
    world: World, function: Function, statements: int, options: str | None = None, risk: float | None = None
) -> tuple[Function, list[str]]:
    """The function's text, and what calling it costs. Checks fail mostly near its end, so that calls run far."""
    rng = world.rng
    most = rng.choice((0.0, 0.1, 0.2, 0.4))
    body = Statements(world, rng, 0.0, result=function.result)
    for name, kind in function.parameters:
        local = body.changing(name, kind)
        local.low, local.high = (8, 8) if kind == SPAN else (local.low, local.high)
        local.fixed = kind == SPAN or isinstance(kind, StructKind)
        if kind == SPAN:
            # Any length may come: what is known of it starts behind this test.
            body.emit(f"if len({name}) < 8:")
            body.indent += 1
            body.give_back()
            body.indent -= 1
        body.locals.append(local)
    for number in range(statements):
        body.risk = most * (number / statements) ** 3 if risk is None else risk
        body.statement(3)
    if function.result is not None:
        body.give_back()
    result = "None" if function.result is None else str(function.result)
    listed = ", ".join(f"{name}: {kind}" for name, kind in function.parameters)
    choice = rng.choice(("", "", "", "(noinline=True)", "(inline=True)", "(cold=True)", "(unchecked=True)"))
    decorator = f"@fn{choice if options is None else options}"
    head = f"def {function.name}({listed}) -> {quoted(result)}:"
    made = Function(function.name, function.parameters, function.result, int(body.cost) + 1)
    return made, [decorator, head, *body.lines]


def quoted(annotation: str) -> str:
    """Annotations of unions are strings: an enum member's class has no `|`."""
    return f'"{annotation}"' if "|" in annotation else annotation


def make_table(world: World, name: str) -> list[str]:
    """Three functions of one signature behind a table, and a generic factory's two."""
    rng = world.rng
    parameters = (("a", rng.choice(INTEGERS)), ("b", rng.choice((BOOL, U32))))
    result = rng.choice(INTEGERS)
    lines, cost = [], 0
    for number in range(3):
        function, text = with_body(world, Function(f"{name}_{number}", parameters, result, 0), 2, "", RISK)
        world.functions.append(function)
        cost = max(cost, function.cost)
        lines += ["", *text, ""]
    names = ", ".join(f"{name}_{number}" for number in range(3))
    lines += ["", f"HANDLERS = fn_table([{names}], default={name}_0, size=5)", ""]
    world.tables.append(("HANDLERS", 5, Function("", parameters, result, cost)))
    return lines
