"""Calls under CPython refuse what the compiler refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Never, TypeVar

import pytest

from codegen.lang import (
    ContractFn,
    Field,
    Fn,
    Hva,
    HwEnum,
    IntrinsicFn,
    Span,
    Struct,
    StubFn,
    Trap,
    bind,
    contract,
    fn,
    fn_table,
    implements,
    intrinsic,
    span,
    storage,
    storage_array,
    stub,
    u8,
    u16,
    u32,
    u64,
)

T = TypeVar("T", bound=Struct)
ONE = u32(1)


class Fault(HwEnum, repr=u32):
    NO_MEMORY = 1


class Lock(Struct):
    held: Field[bool]

    @fn
    def __enter__(self) -> None:
        assert not self.held
        self.held = True

    @fn
    def __exit__(self, *_: object) -> None:
        self.held = False

    @fn
    def with_itself(self, other: Lock) -> bool:
        with self:
            return other.held


@fn
def pair(a: u32, flag: bool) -> tuple[u32, bool]:
    return a, flag


@fn
def maybe(a: u32) -> u64 | Fault | None:
    if a == 0:
        return None
    if a == 1:
        return Fault.NO_MEMORY
    return u64(a)


@fn
def lies(a: u32) -> u64:
    return a  # type: ignore[return-value]


@fn
def returns_nothing(a: u32) -> None:
    assert a < 5


@fn
def stops() -> Never:
    raise KeyboardInterrupt


@fn
def length_of_text(text: Span) -> u8:
    return text[0]


def test_arguments_have_the_declared_types() -> None:
    f: Any = pair
    assert pair(u32(1), flag=True) == (u32(1), True)
    for arguments, names in (
        ((1, True), {}),
        ((u64(1), True), {}),
        ((u32(1), u32(1)), {}),
        ((u32(1),), {}),
        ((u32(1), True, True), {}),
        ((u32(1), True), {"flag": True}),
        ((u32(1),), {"flagg": True}),
    ):
        with pytest.raises(TypeError, match="pair"):
            f(*arguments, **names)


def test_results_have_the_declared_types() -> None:
    assert (maybe(u32(0)), maybe(u32(1)), maybe(u32(2))) == (None, Fault.NO_MEMORY, u64(2))
    with pytest.raises(TypeError, match="lies, result"):
        lies(u32(1))
    with pytest.raises(KeyboardInterrupt):
        stops()


def test_bytes_become_spans_when_they_are_passed() -> None:
    f: Any = length_of_text
    assert f(b"A") == 0x41 == length_of_text(span(b"A"))


def test_a_failed_assert_is_a_trap_at_its_line() -> None:
    with pytest.raises(Trap, match="assertion failed") as caught:
        returns_nothing(u32(5))
    function: Any = returns_nothing
    assert (caught.value.file, caught.value.line) == (__file__, function.line + 2)


def test_methods_and_scopes_work_on_structs() -> None:
    lock = storage(Lock)
    assert lock.with_itself(lock) and not lock.held
    assert isinstance(Lock.with_itself, Fn) and Lock.with_itself.owner is Lock
    with pytest.raises(Trap), lock, lock:
        pass
    assert lock.held  # a failed check does not come back: no scope is left


def test_signatures_are_resolved() -> None:
    f: Any = Lock.with_itself
    assert [(p.name, p.type) for p in f.signature().parameters] == [("self", Lock), ("other", Lock)]
    g: Any = maybe
    assert g.signature().result == u64 | Fault | None
    h: Any = stops
    assert h.signature().result is Never


@dataclass(frozen=True)
class Pool(Generic[T]):
    get: Callable[[u32], T]
    find: Callable[[u32], T | None]


def make_pool(element: type[T], capacity: int) -> Pool[T]:
    """Elements by number."""
    memory = storage_array(element, capacity)

    @fn(where={"T": element})
    def get(index: u32) -> T:
        return memory[index]

    @fn(where={"T": element})
    def find(index: u32) -> T | None:
        if index < capacity:
            return get(index)
        return None

    return Pool(get, find)


def test_factories_bind_type_variables_and_constants() -> None:
    pool = make_pool(Lock, 3)
    assert pool.find(u32(2)) is pool.get(u32(2)) and pool.find(u32(3)) is None
    get: Any = pool.get
    assert get.signature().result is Lock
    assert set(get.free_variables()) == {"memory"}
    find: Any = pool.find
    assert find.signature().result == Lock | None


def test_missing_annotations_and_defaults_are_refused() -> None:
    @fn
    def bare(a) -> None:  # type: ignore[no-untyped-def]
        pass

    @fn
    def default(a: u32 = ONE) -> None:
        pass

    @fn
    def no_result(a: u32):  # type: ignore[no-untyped-def]
        pass

    for function in (bare, default, no_result):
        with pytest.raises(TypeError):
            function(u32(1))


def test_options_are_kept() -> None:
    @fn(section=".text.init", cold=True, export="name")
    def f() -> None:
        pass

    assert isinstance(f, Fn)
    assert (f.options.section, f.options.cold, f.options.export, f.options.noinline) == (
        ".text.init",
        True,
        "name",
        False,
    )
    with pytest.raises(TypeError):
        fn(inlined=True)  # type: ignore[call-overload]


@contract
def backend(value: u32) -> u64: ...


@implements(backend)
@fn
def first_backend(value: u32) -> u64:
    return u64(value) + 1


def test_a_contract_runs_what_is_bound() -> None:
    assert isinstance(backend, ContractFn) and isinstance(first_backend, Fn)
    assert backend.implementations == [first_backend] and first_backend.implements == [backend]
    assert backend(u32(1)) == 2

    @fn
    def other_backend(value: u32) -> u64:
        return u64(value) + 10

    bind(backend, other_backend)
    assert backend(u32(1)) == 11
    bind(backend, None)
    assert backend(u32(1)) == 2
    with pytest.raises(TypeError, match="signature"):
        bind(backend, pair)


def test_an_unbound_contract_says_so() -> None:
    @contract
    def nowhere(value: u32) -> None: ...

    with pytest.raises(LookupError, match="bind"):
        nowhere(u32(1))


def seven_model(at: Hva) -> u32:
    return u32(7)


@stub("mov eax, {{ N }}\nret", constants={"N": 7}, externals=("handle",), bits=64)
def seven(at: Hva) -> u32: ...


def test_a_stub_keeps_its_text_and_runs_its_model() -> None:
    assert isinstance(seven, StubFn)
    assert (seven.symbol, seven.externals, seven.bits, seven.constants) == ("seven", ("handle",), 64, {"N": 7})
    with pytest.raises(LookupError):
        seven(Hva(0))
    bind(seven, seven_model)
    assert seven(Hva(0)) == 7
    bind(seven, None)


def test_an_intrinsic_is_its_model() -> None:
    @intrinsic("bswapl $0", "=r,0")
    def bswap(value: u32) -> u32:
        return u32(int.from_bytes(int(value).to_bytes(4, "little"), "big"))

    assert isinstance(bswap, IntrinsicFn) and bswap.constraints == "=r,0"
    assert bswap(u32(0x11223344)) == 0x44332211


@fn
def double(value: u16) -> u16:
    return value * 2


@fn
def zero(value: u16) -> u16:
    return u16(0)


def test_function_tables_check_the_index() -> None:
    handlers = fn_table({Fault.NO_MEMORY: double}, default=zero, size=4)
    assert handlers[Fault.NO_MEMORY](u16(4)) == 8
    assert handlers[u16(0)](u16(4)) == 0 and len(handlers) == 4
    with pytest.raises(Trap, match="index"):
        handlers[u32(4)]
    assert fn_table([zero, double]).entries == (zero, double)
    for attempt in (
        lambda: fn_table({5: double}, default=zero, size=4),
        lambda: fn_table({1: double}),
        lambda: fn_table([print]),
    ):
        with pytest.raises(TypeError):
            attempt()
