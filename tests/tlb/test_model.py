import pytest

from hypervisor import profile
from tests.tlb.world import MACHINES, SEEDS, world


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("machine", MACHINES)
def test_no_guest_can_use_a_translation_that_is_not_true(machine, seed, monkeypatch):
    monkeypatch.setattr(profile, "DEBUG", True)
    with world(machine, seed) as one:
        one.live()
