import pytest

from codegen.lang import Trap, host, storage
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_start

QUEUE = storage(SpinLock)
OTHER_QUEUE = storage(SpinLock)
SHARE = storage(SpinLock)


@pytest.fixture(autouse=True)
def fresh_locks() -> None:
    host.reset()
    lock_start(QUEUE, LockPlace.RUN_QUEUE)
    lock_start(OTHER_QUEUE, LockPlace.RUN_QUEUE)
    lock_start(SHARE, LockPlace.SHARE)


def test_locks_are_taken_in_their_order_and_again() -> None:
    for _ in range(3):
        with QUEUE:
            with SHARE:
                assert CPU.current.locks_held == 1 << LockPlace.RUN_QUEUE.value | 1 << LockPlace.SHARE.value
        assert CPU.current.locks_held == 0
    assert QUEUE.serving.load() == QUEUE.next.load() == 3


def test_an_earlier_lock_is_not_taken_after_a_later_one() -> None:
    with SHARE:
        with pytest.raises(Trap, match="assertion"):
            QUEUE.__enter__()


def test_two_locks_of_one_place_are_not_held_together() -> None:
    with QUEUE:
        with pytest.raises(Trap, match="assertion"):
            OTHER_QUEUE.__enter__()


def test_a_lock_without_a_place_is_no_lock() -> None:
    SHARE.zero()
    with pytest.raises(Trap, match="assertion"):
        SHARE.__enter__()


def test_who_asks_waits_for_its_ticket() -> None:
    SHARE.next.store(5)
    SHARE.serving.store(5)
    with SHARE:
        assert (SHARE.next.load(), SHARE.serving.load()) == (6, 5)
    assert SHARE.serving.load() == 6
