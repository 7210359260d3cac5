"""What decorators make of a function: `@fn`, `@intrinsic`, `@stub`, `@contract`, callable under CPython with checks."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, ClassVar

from codegen.lang.annotations import Scope, substituted, written
from codegen.lang.checks import assertion_trap, named, state
from codegen.lang.conform import Admit, admits
from codegen.lang.declared import Misdeclared
from codegen.lang.memory import stack
from codegen.lang.model import FnOptions, Parameter, Signature

_CO_COROUTINE = 0x80 | 0x200  # of `async def`, also with `yield`


class Routine:
    """Anything that ring-0 code calls by name.

    `function`: the Python function. `owner`: the struct class whose body it stands in, or None. `name` is what a person
    calls it (module.qualname); `file` and `line` are where it stands. `serial` tells closures of one name apart, in the
    order in which their factory made them. `made` are all routines by name, in that order.
    """

    made: ClassVar[dict[str, list[Routine]]] = {}

    def __init__(self, function: types.FunctionType, scope: Scope, where: dict[str, Any]) -> None:
        if function.__name__ == "<lambda>" or function.__code__.co_flags & _CO_COROUTINE:
            raise Misdeclared("functions of the language are defined by `def`, without `async` or `lambda`")
        self.function = function
        self.owner: Any = None
        self.name = f"{function.__module__}.{function.__qualname__}"
        same_name = Routine.made.setdefault(self.name, [])
        same_name.append(self)
        self.serial = len(same_name)
        self.file = function.__code__.co_filename
        self.line = function.__code__.co_firstlineno
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        self._scope: Scope | None = scope
        self._where = where
        self._signature: Signature | None = None
        self._names: tuple[str, ...] = ()
        self._plan: tuple[tuple[type | None, Admit], ...] | None = None
        self._result: tuple[type | None, Admit] = (None, lambda value: value)

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner = owner

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def free_variables(self) -> dict[str, Any]:
        """Names of enclosing functions that the body uses, and their values: constants of this specialisation."""
        function = self.function
        found = {}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not assigned (yet)
                continue
        return found

    def signature(self) -> Signature:
        """Parameter and result types, resolved. TypeError when an annotation is missing, NameError when undefined."""
        if self._signature is None:
            assert self._scope is not None
            first = self.free_variables()
            if self.owner is not None:
                first.setdefault(self.owner.__name__, self.owner)
            code, annotations = self.function.__code__, written(self.function)
            if self.function.__defaults__ or self.function.__kwdefaults__:
                raise Misdeclared(f"{self.name}: parameters have no defaults")
            parameters = []
            for position, name in enumerate(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]):
                if position == 0 and self.owner is not None and name not in annotations:
                    parameters.append(Parameter(name, self.owner))
                    continue
                if name not in annotations:
                    raise Misdeclared(f"{self.name}: parameter {name} has no annotation", member=name)
                parameters.append(Parameter(name, self._resolved(name, annotations[name], first)))
            if "return" not in annotations:
                raise Misdeclared(f"{self.name} has no result annotation", help="write `-> None` when it gives nothing")
            result = self._resolved("return", annotations["return"], first)
            self._signature = Signature(tuple(parameters), result)
            self._scope = None
        return self._signature

    def _resolved(self, name: str, annotation: Any, first: dict[str, Any]) -> Any:
        assert self._scope is not None
        try:
            return substituted(self._scope.evaluate(annotation, first), self._where)
        except Misdeclared as error:
            error.member = name
            raise

    def _prepare(self) -> tuple[tuple[type | None, Admit], ...]:
        signature = self.signature()
        self._names = tuple(p.name for p in signature.parameters)
        self._plan = tuple(admits(p.type) for p in signature.parameters)
        self._result = admits(signature.result)
        return self._plan

    def _arguments(self, given: tuple[Any, ...], named_ones: dict[str, Any]) -> list[Any]:
        plan = self._plan if self._plan is not None else self._prepare()
        if len(given) > len(plan) and not self.function.__code__.co_flags & 4:  # 4: has *arguments
            raise TypeError(f"{self.name} takes {len(plan)} arguments, {len(given)} given")
        values = list(given[: len(plan)])
        for name in self._names[len(values) :]:
            if name not in named_ones:
                raise TypeError(f"{self.name}: argument {name} is missing")
            values.append(named_ones.pop(name))
        if named_ones:
            raise TypeError(f"{self.name} has no parameter {next(iter(named_ones))}, or it is given twice")
        for position, (kind, admit) in enumerate(plan):
            if type(values[position]) is not kind:
                try:
                    values[position] = admit(values[position])
                except TypeError as error:
                    raise TypeError(f"{self.name}, argument {self._names[position]}: {error}") from None
        return values

    def _admit_result(self, value: Any) -> Any:
        kind, admit = self._result
        if type(value) is kind:
            return value
        try:
            return admit(value)
        except TypeError as error:
            raise TypeError(f"{self.name}, result: {error}") from None


class Fn(Routine):
    """A compiled function. `options` is what stands in the decorator; `implements` the contracts that it provides.

    `evaluated` collects the functions that CPython calls: a build's result depends on their bodies too.
    """

    evaluated: ClassVar[set[Fn]] = set()

    def __init__(self, function: types.FunctionType, options: FnOptions, scope: Scope) -> None:
        super().__init__(function, scope, options.where)
        self.options = options
        self.implements: list[ContractFn] = []

    def __call__(self, *given: Any, **named_ones: Any) -> Any:
        Fn.evaluated.add(self)
        if len(given) == 4 and given[2] is not None and self.__name__ == "__exit__":
            return None  # a scope that an exception ends: a failed check does not come back, and leaves nothing
        values = self._arguments(given, named_ones)
        mark, unchecked, places = stack.top, state.unchecked, state.places
        state.unchecked, state.places = self.options.unchecked, {}
        try:
            result = self.function(*values)
        except AssertionError as error:
            raise assertion_trap(error) from None
        finally:
            stack.top, state.unchecked, state.places = mark, unchecked, places
        return self._admit_result(result)


class IntrinsicFn(Routine):
    """One instruction: LLVM inline assembly (AT&T) and its constraints; the body is the host model."""

    def __init__(self, function: types.FunctionType, template: str, constraints: str, scope: Scope) -> None:
        super().__init__(function, scope, {})
        self.template = template
        self.constraints = constraints

    def __call__(self, *given: Any, **named_ones: Any) -> Any:
        return self._admit_result(self.function(*self._arguments(given, named_ones)))


class Bindable(Routine):
    """A declaration without a body, whose meaning under CPython `bind` gives."""

    bound: Any = None

    def __call__(self, *given: Any, **named_ones: Any) -> Any:
        values = self._arguments(given, named_ones)
        return self._admit_result(self.implementation()(*values))

    def implementation(self) -> Any:
        """What a call runs under CPython. LookupError when nothing is bound."""
        if self.bound is None:
            raise LookupError(f"{self.name} has no body on the host: bind({self.__name__}, …) gives it one")
        return self.bound


class ContractFn(Bindable):
    """A declaration whose implementation the image's modules choose. `implementations` are all those imported."""

    def __init__(self, function: types.FunctionType, scope: Scope) -> None:
        super().__init__(function, scope, {})
        self.implementations: list[Fn] = []

    def implementation(self) -> Any:
        if self.bound is None and len(self.implementations) == 1:
            return self.implementations[0]
        return super().implementation()


class StubFn(Bindable):
    """Assembly (Intel syntax) behind a typed declaration. `template` is jinja2 text, `symbol` the linker's name."""

    def __init__(
        self,
        function: types.FunctionType,
        template: str,
        constants: dict[str, Any],
        externals: tuple[str, ...],
        bits: int,
        section: str,
        clobbers: tuple[str, ...],
        scope: Scope,
    ) -> None:
        super().__init__(function, scope, {})
        self.template = template
        self.constants = constants
        self.externals = externals
        self.bits = bits
        self.section = section
        self.clobbers = clobbers
        self.symbol = function.__name__


def fn(function: Any = None, /, **options: Any) -> Any:
    """Compile this function: `@fn`, or `@fn(…)` with what stands in FnOptions, by keyword."""
    scope = Scope(1)
    for name in options:
        if name not in FnOptions.__dataclass_fields__:
            raise Misdeclared(
                f"@fn has no option {name}", help=f"options are {', '.join(FnOptions.__dataclass_fields__)}"
            )
    settings = FnOptions(**options)
    if function is not None:
        return Fn(function, settings, scope)
    return lambda decorated: Fn(decorated, settings, scope)


def intrinsic(template: str, constraints: str) -> Any:
    """This function is one instruction; its body is the host model."""
    scope = Scope(1)
    return lambda function: IntrinsicFn(function, template, constraints, scope)


def stub(
    template: str,
    *,
    constants: dict[str, Any] | None = None,
    externals: tuple[str, ...] = (),
    bits: int = 64,
    section: str = ".text",
    clobbers: tuple[str, ...] = (),
) -> Any:
    """This declaration is assembly of `bits` 16, 32 or 64; `externals` are the symbols that it may refer to. `clobbers`
    are registers that the calling convention preserves and the stub does not (of RBX, R12 to R15): only in 64-bit code,
    and such a stub calls nothing, as the stack is not aligned for it."""
    if bits not in (16, 32, 64):
        raise Misdeclared(f"stub: bits is 16, 32 or 64, not {bits}")
    if not {*clobbers} <= {"rbx", "r12", "r13", "r14", "r15"} or (clobbers and (bits != 64 or externals)):
        raise Misdeclared(f"stub: clobbers {clobbers}: of rbx and r12 to r15, in 64-bit code without externals")
    scope = Scope(1)
    given = dict(constants or {})
    return lambda function: StubFn(function, template, given, externals, bits, section, clobbers, scope)


def contract(function: Any) -> Any:
    """Declare without a body; `@implements` provides it."""
    return ContractFn(function, Scope(1))


def implements(declared: Any) -> Any:
    """The `@fn` below provides `declared`, a contract of the same signature."""
    if not isinstance(declared, ContractFn):
        raise Misdeclared(f"implements takes a contract, not {named(declared)}")

    def provide(function: Any) -> Any:
        if not isinstance(function, Fn):
            raise Misdeclared(f"@implements({declared.__name__}) stands above @fn")
        function.implements.append(declared)
        declared.implementations.append(function)
        return function

    return provide


def bind(declared: Any, function: Callable[..., Any] | None) -> None:
    """Under CPython, calls of this contract or stub run `function` (an `@fn` or plain Python); None undoes it."""
    if not isinstance(declared, Bindable):
        raise TypeError(f"bind takes a contract or a stub, not {named(declared)}")
    if isinstance(declared, ContractFn) and isinstance(function, Fn):
        want, have = declared.signature(), function.signature()
        if [p.type for p in want.parameters] != [p.type for p in have.parameters] or want.result != have.result:
            raise TypeError(f"{function.name} has not the signature of {declared.name}")
    declared.bound = function
