"""What an e1000 needs from time to time: its link, and whether it still works."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.net.e1000.link import look_at_link
from drivers.net.e1000.reset import reset_begin, reset_step
from drivers.net.e1000.room import collect
from drivers.net.e1000.setup import frames_waiting, set_up
from drivers.net.e1000.state import (
    ABSENT,
    E1000,
    NEVER,
    E1000Controller,
    E1000Stage,
    registers_of,
    still_answers,
)
from drivers.net.e1000.statistics import E1000Statistic
from drivers.net.e1000.stop import give_up

SECOND = 1_000_000_000
PERIOD = SECOND
HANG = 5 * SECOND  # without progress
RESETS_MAX = 3  # without progress
READER = 10_000_000  # ns that a reset waits for whoever reads a frame


@fn(cold=True)
def e1000_tick(controller: u32, now: u64) -> u64:
    """At any time, at the latest at the moment that it gave last; `now` is `moment()`. NEVER: the card is gone."""
    card = E1000.controllers[controller]
    if card.stage == E1000Stage.RUNNING:
        watch(card, now)
    if card.stage == E1000Stage.QUIET or card.stage == E1000Stage.RESETTING:
        reset_step(card, now)
    if card.stage == E1000Stage.STUCK:
        reset_again(card, now)
    if card.stage == E1000Stage.RESET:
        if card.receive_held:
            return now.wrapping_add(READER)
        set_up(card, now)
    if card.stage == E1000Stage.GONE:
        port = card.port
        if port is not None and not port.gone:
            give_up(card)
        return u64(NEVER)
    if card.stage == E1000Stage.RUNNING:
        return now.wrapping_add(PERIOD)
    return card.due


@fn(cold=True)
def watch(card: E1000Controller, now: u64) -> None:
    """A running one."""
    if not still_answers(card):
        give_up(card)
        return
    missed = registers_of(card).statistics[u32(E1000Statistic.MPC)].read()
    if missed != ABSENT:
        card.counters.missed = card.counters.missed.wrapping_add(u64(missed))
    collect(card)
    linked = look_at_link(card)
    if card.sent != card.seen_sent or frames_waiting(card) == 0 or not linked:
        card.seen_sent = card.sent
        card.progress_at = now
    elif now.saturating_sub(card.progress_at) >= HANG:
        reset_again(card, now)


@fn(cold=True)
def reset_again(card: E1000Controller, now: u64) -> None:
    """Unless that has not helped too often."""
    if card.fruitless >= RESETS_MAX:
        give_up(card)
        return
    card.fruitless += 1
    card.counters.resets += 1
    port = card.port
    if port is not None:
        port.link = False
    reset_begin(card, now)
