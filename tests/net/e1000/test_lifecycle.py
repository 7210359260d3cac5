from __future__ import annotations

import pytest

from drivers.net.e1000.state import NEVER, E1000Stage
from tests.net.e1000.card import LSC, TXDW
from tests.net.e1000.execution import Driver, Run, both_cards, everywhere, start

SECOND = 10**9
HANG = 5 * SECOND
RESET = SECOND // 20  # and what follows


def frame(number: int) -> bytes:
    return b"\xff" * 6 + number.to_bytes(6, "big") + bytes(48)


def works(driver: Driver, number: int = 77) -> bool:
    """Both ways."""
    driver.card.sender.wire.clear()
    arrived = driver.card.receiver.arrive(frame(number))
    return (
        arrived
        and driver.receive() == [frame(number)]
        and driver.send(frame(number))
        and driver.card.sender.wire == [frame(number)]
    )


def hang(driver: Driver, frames: int = 3) -> None:
    """Frames that are not sent for so long that the driver resets the card."""
    driver.card.hung = True
    for number in range(frames):
        assert driver.send(frame(number))
    driver.tick_for(HANG + SECOND)


@everywhere
@both_cards
def test_the_link_goes_and_comes(run: Run, device: int) -> None:
    driver = start(run, device)
    driver.card.set_link(False)
    driver.tick()
    assert not bool(driver.port.link) and int(driver.port.megabits) == 0
    driver.card.set_link(True)
    driver.tick()
    assert bool(driver.port.link) and works(driver)


@everywhere
def test_an_interrupt_tells_of_the_link_at_once(run: Run) -> None:
    driver = start(run, 0x10D3)
    assert driver.connect()
    driver.card.set_link(False)
    assert driver.interrupt() and not bool(driver.port.link)


@everywhere
@both_cards
def test_frames_that_wait_for_a_link_are_no_hang(run: Run, device: int) -> None:
    driver = start(run, device)
    driver.card.set_link(False)
    assert driver.send(frame(1))
    driver.tick_for(60 * SECOND)
    assert driver.count("resets") == 0
    driver.card.set_link(True)
    driver.tick()
    driver.card.sender.work(10)
    driver.tick_for(60 * SECOND)
    assert driver.count("resets") == 0 and driver.card.sender.wire == [frame(1)]


@everywhere
@both_cards
def test_a_card_without_work_is_never_reset(run: Run, device: int) -> None:
    driver = start(run, device)
    assert works(driver)
    driver.tick_for(60 * SECOND)
    assert driver.count("resets") == 0 and works(driver)


@everywhere
@both_cards
def test_a_hung_card_is_reset_and_works_again(run: Run, device: int) -> None:
    driver = start(run, device)
    assert driver.card.express is False or driver.connect()
    assert works(driver)
    hang(driver)
    assert driver.count("resets") == 1 and driver.card.resets == 2
    assert driver.count("lost") == 3
    driver.card.hung = False
    driver.tick_for(RESET)
    assert bool(driver.port.link) and works(driver)
    driver.tick_for(20 * SECOND)
    assert driver.count("resets") == 1
    assert driver.card.ims != 0 or not driver.card.express


@everywhere
def test_a_hang_is_noticed_after_five_seconds_not_before(run: Run) -> None:
    driver = start(run)
    driver.card.hung = True
    assert driver.send(frame(1))
    driver.tick()
    driver.tick_for(HANG - SECOND)
    assert driver.count("resets") == 0
    driver.tick_for(2 * SECOND)
    assert driver.count("resets") == 1


@everywhere
def test_slow_is_not_hung(run: Run) -> None:
    driver = start(run)
    driver.card.sender.lazy = True
    for number in range(20):
        assert driver.send(frame(number))
    for _ in range(20):
        driver.tick_for(4 * SECOND)
        driver.card.sender.work(1)
    assert driver.count("resets") == 0 and len(driver.card.sender.wire) == 20


@everywhere
@both_cards
def test_after_three_resets_that_do_not_help_it_is_given_up(run: Run, device: int) -> None:
    driver = start(run, device)
    driver.card.hung = True
    for _ in range(80):
        driver.send(frame(1))
        driver.tick_for(SECOND)
    assert driver.count("resets") == 3
    assert bool(driver.port.gone) and not bool(driver.port.link)
    assert driver.tick() == NEVER and not driver.card.masters
    assert driver.count("sent") == driver.count("lost")


@everywhere
def test_progress_between_resets_counts(run: Run) -> None:
    driver = start(run)
    for number in range(6):
        hang(driver)
        driver.card.hung = False
        driver.tick_for(RESET)
        assert works(driver, number)
        driver.tick()
    assert driver.count("resets") == 6 and not bool(driver.port.gone)


@everywhere
@both_cards
def test_a_reset_that_does_not_end_is_tried_three_times(run: Run, device: int) -> None:
    driver = start(run, device)
    driver.card.never_resets = True
    hang(driver)
    driver.tick_for(10 * SECOND)
    assert driver.count("resets") == 3 and bool(driver.port.gone) and driver.tick() == NEVER


@everywhere
@both_cards
def test_during_a_reset_nothing_blocks_and_nothing_moves(run: Run, device: int) -> None:
    driver = start(run, device)
    driver.card.hung = True
    driver.send(frame(1))
    due = driver.tick()
    while driver.state.stage == E1000Stage.RUNNING:
        due = driver.tick(due - driver.card.around.now)
    driver.card.hung = False
    accesses = driver.card.accesses
    assert driver.room() is None and driver.take() is None and not driver.interrupt()
    driver.done()
    assert driver.card.accesses == accesses
    lost = driver.count("lost")
    driver.send_at(driver.state.send_view, 60)
    assert driver.count("lost") == lost + 1
    while driver.state.stage != E1000Stage.RUNNING:
        assert due - driver.card.around.now <= SECOND
        due = driver.tick(max(due - driver.card.around.now, 1))
    assert works(driver)


@everywhere
def test_a_frame_that_is_read_stays_through_a_reset(run: Run) -> None:
    driver = start(run)
    assert driver.card.receiver.arrive(frame(9))
    held = driver.take()
    assert held is not None
    hang(driver)
    driver.card.hung = False
    driver.tick_for(SECOND)
    assert driver.state.stage == E1000Stage.RESET
    assert not driver.card.receiver.arrive(frame(10))
    driver.done()
    driver.tick_for(SECOND)
    assert works(driver)


@everywhere
def test_what_somebody_writes_during_a_reset_lies_where_it_is_sent_from(run: Run) -> None:
    driver = start(run)
    for number in range(300):
        assert driver.send(frame(number))
    hang(driver)
    place = driver.room()
    driver.card.hung = False
    driver.tick_for(RESET)
    assert place is None or driver.room() == place
    assert works(driver)


@everywhere
@both_cards
def test_a_card_that_goes_is_gone_for_good(run: Run, device: int) -> None:
    driver = start(run, device)
    assert works(driver)
    driver.card.sender.lazy = True
    driver.send(frame(1))
    driver.card.vanish()
    assert driver.tick() == NEVER
    assert bool(driver.port.gone) and not bool(driver.port.link)
    assert driver.room() is None and driver.take() is None and not driver.interrupt()
    assert driver.count("lost") == 1 and driver.tick(SECOND) == NEVER


@everywhere
def test_an_interrupt_finds_that_the_card_is_gone(run: Run) -> None:
    driver = start(run, 0x10D3)
    assert driver.connect()
    driver.card.vanish()
    assert not driver.interrupt() and bool(driver.port.gone)


@everywhere
@both_cards
def test_it_may_go_at_any_access(run: Run, device: int) -> None:
    for step in range(0, 420, 1 if run.__name__ == "natively" else 9):
        driver = start(run, device)
        driver.connect()
        driver.card.vanishes_after = driver.card.accesses + step
        for number in range(4):
            driver.send(frame(number))
            driver.card.receiver.arrive(frame(number))
            driver.interrupt()
            driver.receive()
        driver.card.hung = True
        driver.send(frame(1))
        driver.tick_for(HANG + SECOND)
        driver.card.hung = False
        driver.tick_for(SECOND)
        driver.send(frame(1))
        driver.card.vanishes_after = None
        driver.tick_for(2 * SECOND)
        assert bool(driver.port.gone) == driver.card.gone
        if not driver.card.gone:
            return
    raise AssertionError("the card never stayed")


@everywhere
def test_messages_come_for_frames_as_often_as_the_card_may(run: Run) -> None:
    driver = start(run, 0x10D3)
    assert driver.connect(0x51)
    card = driver.card
    card.receiver.arrive(frame(1))
    assert card.messages == [0x51] and driver.interrupt() and driver.receive() == [frame(1)]
    assert not driver.interrupt()
    card.receiver.arrive(frame(2))
    assert len(card.messages) == 1, "too early"
    card.around.now += 50_000
    card.signal()
    assert len(card.messages) == 2


@everywhere
def test_an_old_card_has_a_line_and_no_message(run: Run) -> None:
    driver = start(run)
    assert not driver.connect()
    driver.card.receiver.arrive(frame(1))
    assert not driver.card.line
    assert driver.line() == 0x0B
    driver.interrupt()
    driver.card.receiver.arrive(frame(2))
    assert driver.card.line and driver.interrupt() and not driver.card.line and not driver.interrupt()
    assert driver.receive() == [frame(1), frame(2)]


@everywhere
@pytest.mark.parametrize(("register", "value"), [(0x3C, 0xFF), (0x3D, 0)])
def test_without_a_line_it_stays_silent(run: Run, register: int, value: int) -> None:
    driver = start(run)
    name = {0x3C: "interrupt_line", 0x3D: "interrupt_pin"}[register]
    setattr(driver.function, name, type(driver.function.interrupt_line)(value))
    assert driver.line() == 0xFF
    assert driver.card.ims == 0 and driver.card.function.get(4, 2) & 0x400


@everywhere
@both_cards
def test_finished_frames_interrupt_only_who_waits_for_room(run: Run, device: int) -> None:
    driver = start(run, device)
    assert driver.connect() or driver.line() == 0x0B
    card = driver.card
    card.sender.lazy = True
    assert driver.send(frame(0))
    card.sender.work(1)
    assert not card.asserted
    while driver.send(frame(1)):
        pass
    assert card.ims & TXDW
    driver.interrupt()
    assert not card.ims & TXDW
    assert driver.room() is None and card.ims & TXDW
    card.sender.work(50)
    assert card.asserted and driver.interrupt() and driver.room() is not None
    assert not card.ims & TXDW and card.ims & LSC


@everywhere
def test_somebody_else_s_interrupt_is_not_ours(run: Run) -> None:
    driver = start(run)
    assert driver.line() == 0x0B and not driver.interrupt()
    driver.send(frame(1))
    assert not driver.interrupt()
