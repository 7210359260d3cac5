"""Decorators for type checkers: each gives back the function below it. The classes are for the front end."""

from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar, ParamSpec, TypeVar, overload

from codegen.lang.model import FnOptions, Signature

F = TypeVar("F", bound=Callable[..., object])
P = ParamSpec("P")
R = TypeVar("R")

class Routine:
    function: FunctionType
    owner: Any
    name: str
    file: str
    line: int
    serial: int
    made: ClassVar[dict[str, list[Routine]]]
    def free_variables(self) -> dict[str, Any]: ...
    def signature(self) -> Signature: ...
    def __call__(self, *given: Any, **named_ones: Any) -> Any: ...

class Fn(Routine):
    options: FnOptions
    evaluated: ClassVar[set[Fn]]
    implements: list[ContractFn]

class IntrinsicFn(Routine):
    template: str
    constraints: str

class Bindable(Routine):
    bound: Any
    def implementation(self) -> Any: ...

class ContractFn(Bindable):
    implementations: list[Fn]

class StubFn(Bindable):
    template: str
    constants: dict[str, Any]
    externals: tuple[str, ...]
    bits: int
    section: str
    clobbers: tuple[str, ...]
    symbol: str

@overload
def fn(function: F, /) -> F: ...
@overload
def fn(
    *,
    section: str = ...,
    noinline: bool = ...,
    inline: bool = ...,
    cold: bool = ...,
    hot: bool = ...,
    unchecked: bool = ...,
    export: str = ...,
    where: dict[str, Any] = ...,
) -> Callable[[F], F]: ...
def intrinsic(template: str, constraints: str) -> Callable[[F], F]: ...
def stub(
    template: str,
    *,
    constants: dict[str, Any] | None = None,
    externals: tuple[str, ...] = (),
    bits: int = 64,
    section: str = ".text",
    clobbers: tuple[str, ...] = (),
) -> Callable[[F], F]: ...
def contract(function: F) -> F: ...
def implements(declared: Callable[P, R]) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def bind(declared: Callable[P, R], function: Callable[P, R] | None) -> None: ...
