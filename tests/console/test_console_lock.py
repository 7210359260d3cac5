import pytest

from codegen.lang import storage
from hypervisor.console import console_lock
from hypervisor.console.console_lock import NOBODY, ConsoleLock
from hypervisor.cpu import spin_lock
from hypervisor.cpu.spin_lock import LockPlace

LOCK = storage(ConsoleLock)
OWN, OTHER = 1, 2


class GaveUp(Exception):
    pass


@pytest.fixture(autouse=True)
def started(fresh_machine: None) -> None:
    LOCK.start()


def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def cli() -> None:
        raise GaveUp

    monkeypatch.setattr(console_lock, "cli", cli)


def test_who_is_inside_is_known() -> None:
    with LOCK:
        assert LOCK.inside.load() == OWN
    assert LOCK.inside.load() == NOBODY
    with LOCK:
        assert LOCK.lock.serving.load() == 1


def test_its_place_in_the_order_of_locks_is_the_consoles() -> None:
    assert LOCK.lock.place == LockPlace.CONSOLE


def test_the_end_of_the_run_waits_for_the_line_of_another_processor_and_keeps_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    LOCK.__enter__()
    monkeypatch.setattr(spin_lock, "pause", LOCK.__exit__)
    LOCK.acquire_for_good()
    assert LOCK.inside.load() == NOBODY
    assert LOCK.lock.next.load() == LOCK.lock.serving.load() + 1


def test_a_panic_waits_for_the_line_of_another_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    LOCK.inside.store(OTHER)
    looks = []

    def pause() -> None:
        looks.append(1)
        if len(looks) == 3:
            LOCK.inside.store(NOBODY)

    monkeypatch.setattr(console_lock, "pause", pause)
    LOCK.seize()
    assert len(looks) == 3


def test_a_panic_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_lock, "PATIENCE", 5)
    LOCK.inside.store(OTHER)
    LOCK.seize()
    assert LOCK.seized_by.load() == OWN


def test_a_panic_in_the_middle_of_a_line_does_not_wait_for_itself() -> None:
    LOCK.__enter__()
    LOCK.seize()
    assert LOCK.seized_by.load() == OWN


def test_after_a_panic_nobody_gets_the_console_nor_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch)
    LOCK.__enter__()
    LOCK.seized_by.store(OTHER)
    with pytest.raises(GaveUp):
        LOCK.__exit__()
    assert LOCK.inside.load() == NOBODY
    LOCK.lock.release()
    with pytest.raises(GaveUp):
        LOCK.__enter__()
    assert LOCK.inside.load() == NOBODY
