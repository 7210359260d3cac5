"""Leaving out any one flush lets a guest use a translation that is not true."""

import pytest

from codegen.lang import Trap
from tests.tlb.mutants import ELSEWHERE, MUTANTS, flushes_left_out, flushes_of_the_monitor
from tests.tlb.tlb import RefusedError
from tests.tlb.world import SEEDS, StaleError, StuckError, world


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_leaving_it_out_is_noticed(mutant):
    with mutant.made():
        for machine in mutant.on:
            assert any(is_noticed(machine, seed) for seed in range(SEEDS)), machine


def is_noticed(machine, seed):
    try:
        with world(machine, seed) as one:
            one.live()
    except (StaleError, StuckError, RefusedError, Trap):
        return True
    return False


def test_every_flush_of_the_monitor_is_left_out_once():
    assert flushes_of_the_monitor() == flushes_left_out() | ELSEWHERE
