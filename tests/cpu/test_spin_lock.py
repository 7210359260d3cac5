import ctypes
import re
import sys
import threading
from collections.abc import Iterator
from typing import Never

import pytest

from codegen.back.jit import NativeModule, compile_native
from codegen.back.target import IMAGE
from codegen.front.lower import lower_program, module_functions
from codegen.front.program import host_target
from codegen.lang import Field, Struct, bind, fn, host, range, storage, u32, u64
from codegen.program import Sources
from codegen.show.stages import show_stages
from hypervisor import profile
from hypervisor.cpu import spin_lock
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_order_broken, lock_start

QUEUE = storage(SpinLock)
OTHER_QUEUE = storage(SpinLock)
SHARE = storage(SpinLock)
ROUNDS = 300_000


class Guarded(Struct):
    lock: SpinLock
    value: Field[u64]


GUARDED = storage(Guarded)


class Broken(Exception):
    pass


def broken(held: LockPlace, wanted: LockPlace) -> Never:
    raise Broken(held, wanted)


@fn
def add_often() -> None:
    for _ in range(u32(ROUNDS)):
        with GUARDED.lock:
            GUARDED.value += 1


@fn(export="guarded")
def guarded() -> u64:
    with GUARDED.lock:
        GUARDED.value += 1
        return GUARDED.value


@pytest.fixture(autouse=True)
def fresh_locks() -> None:
    host.reset()
    lock_start(QUEUE, LockPlace.RUN_QUEUE)
    lock_start(OTHER_QUEUE, LockPlace.RUN_QUEUE)
    lock_start(SHARE, LockPlace.SHARE)


@pytest.fixture
def debug(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(profile, "DEBUG", True)
    bind(lock_order_broken, broken)
    yield
    bind(lock_order_broken, None)


def test_locks_are_taken_in_their_order_and_again(debug: None) -> None:
    for _ in range(u32(3)):
        with QUEUE:
            with SHARE:
                assert CPU.current.locks_held == 1 << LockPlace.RUN_QUEUE.value | 1 << LockPlace.SHARE.value
        assert CPU.current.locks_held == 0
    assert QUEUE.serving.load() == QUEUE.next.load() == 3


def test_an_earlier_lock_is_not_taken_after_a_later_one(debug: None) -> None:
    with SHARE:
        with pytest.raises(Broken) as error:
            QUEUE.__enter__()
    assert error.value.args == (LockPlace.SHARE, LockPlace.RUN_QUEUE)


def test_two_locks_of_one_place_are_not_held_together(debug: None) -> None:
    with QUEUE:
        with pytest.raises(Broken) as error:
            OTHER_QUEUE.__enter__()
    assert error.value.args == (LockPlace.RUN_QUEUE, LockPlace.RUN_QUEUE)


def test_a_lock_without_a_place_is_no_lock(debug: None) -> None:
    SHARE.zero()
    with pytest.raises(Broken) as error:
        SHARE.__enter__()
    assert error.value.args == (LockPlace.UNSET, LockPlace.UNSET)


def test_who_asks_waits_for_its_ticket() -> None:
    SHARE.next.store(5)
    SHARE.serving.store(5)
    with SHARE:
        assert (SHARE.next.load(), SHARE.serving.load()) == (6, 5)
    assert SHARE.serving.load() == 6


def test_a_wait_is_measured_in_the_debug_profile(debug: None, monkeypatch: pytest.MonkeyPatch) -> None:
    SHARE.next.store(1)  # somebody holds it
    monkeypatch.setattr(spin_lock, "pause", lambda: SHARE.serving.store(1))
    with SHARE:
        pass
    assert SHARE.waits == 1 and SHARE.longest > 0
    with SHARE:
        pass
    assert SHARE.waits == 1


def native() -> NativeModule:
    modules = [spin_lock, sys.modules[__name__]]
    program, diagnostics = lower_program(module_functions(modules), modules, host_target())
    assert not diagnostics, "".join(d.render() for d in diagnostics)
    return compile_native(program, 2)


def test_real_processors_exclude_each_other() -> None:
    lock_start(GUARDED.lock, LockPlace.SHARE)
    GUARDED.value = 0
    module = native()
    # Past `host_enter`, which lends all threads one stack; each call leaves Python's lock alone.
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(module._addresses[f"{__name__}.add_often"])
    cells = [(ctypes.c_uint64 * 1)() for _ in range(2)]
    threads = [threading.Thread(target=run, args=(ctypes.addressof(each),)) for each in cells]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert GUARDED.value == 2 * ROUNDS
    assert GUARDED.lock.serving.load() == GUARDED.lock.next.load() == 2 * ROUNDS


def test_a_release_pays_one_locked_instruction() -> None:
    text = show_stages(Sources([guarded], [sys.modules[__name__]], IMAGE, debug=False), "guarded", ["asm"])
    assert re.findall(r"^\s+(lock|xchg)", text, re.MULTILINE) == ["lock"]
