"""IR types as LLVM types, in registers and in memory."""

from __future__ import annotations

from functools import cache

from codegen.ir.types import Aggregate, Bool, Int, Ptr, Type


@cache
def register_type(type_: Type) -> str:
    """The LLVM type of a value: a truth value is one bit."""
    match type_:
        case Int(bits):
            return f"i{bits}"
        case Bool():
            return "i1"
        case Ptr():
            return "ptr"
        case Aggregate(items):
            return "{ " + ", ".join(map(register_type, items)) + " }"
        case _:
            return "void"


@cache
def memory_type(type_: Type) -> str:
    """The LLVM type of a value in memory, or in an instruction's operand: a truth value is one byte."""
    match type_:
        case Bool():
            return "i8"
        case Aggregate(items):
            return "{ " + ", ".join(map(memory_type, items)) + " }"
        case _:
            return register_type(type_)


def scalar_types(type_: Type) -> tuple[Type, ...]:
    """The integers, truth values and addresses that a value is made of, in order."""
    if isinstance(type_, Aggregate):
        return tuple(scalar for item in type_.items for scalar in scalar_types(item))
    return () if register_type(type_) == "void" else (type_,)


def is_signed(type_: Type) -> bool:
    return isinstance(type_, Int) and type_.signed


def bits_of(type_: Type) -> int:
    """Width of an integer or truth value; bug in the front end for anything else."""
    if isinstance(type_, Int):
        return type_.bits
    if isinstance(type_, Bool):
        return 1
    raise TypeError(f"{type_} has no width")
