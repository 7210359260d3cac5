"""The tables by which lowering finds its rule: by syntax, by method of a type, by name of a special form."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeVar

from codegen.front.function import FunctionLowering
from codegen.front.types import Type
from codegen.front.values import Value

Expression = Callable[[FunctionLowering, ast.expr, Type | None], Value]
Statement = Callable[[FunctionLowering, ast.stmt], None]
Method = Callable[[FunctionLowering, Value, ast.Call], Value]
Special = Callable[[FunctionLowering, ast.Call, Type | None], Value]

EXPRESSIONS: dict[type[ast.expr], Callable[..., Value]] = {}
STATEMENTS: dict[type[ast.stmt], Callable[..., None]] = {}
METHODS: dict[tuple[type[Type], str], Method] = {}
SPECIALS: dict[str, Special] = {}

Rule = TypeVar("Rule", bound=Callable[..., object])


def expression(kind: type[ast.expr]) -> Callable[[Rule], Rule]:
    """Registers the rule of a kind of expression."""

    def register(rule: Rule) -> Rule:
        EXPRESSIONS[kind] = rule  # type: ignore[assignment]
        return rule

    return register


def statement(*kinds: type[ast.stmt]) -> Callable[[Rule], Rule]:
    """Registers the rule of a kind of statement."""

    def register(rule: Rule) -> Rule:
        for kind in kinds:
            STATEMENTS[kind] = rule  # type: ignore[assignment]
        return rule

    return register


def method(kind: type[Type], *names: str) -> Callable[[Method], Method]:
    """Registers methods of the values of a type."""

    def register(rule: Method) -> Method:
        for name in names:
            METHODS[kind, name] = rule
        return rule

    return register


def special(*names: str) -> Callable[[Special], Special]:
    """Registers a function of `codegen.lang` that the compiler knows."""

    def register(rule: Special) -> Special:
        for name in names:
            SPECIALS[name] = rule
        return rule

    return register
