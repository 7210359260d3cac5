import pytest

from codegen.lang import host
from hypervisor.cpu import spin_lock
from hypervisor.cpu.spin_lock import LockPlace
from hypervisor.pci.ports_lock import CONFIG_PORTS, give_ports, ports_lock_start, take_ports


@pytest.fixture(autouse=True)
def started() -> None:
    host.reset()
    ports_lock_start()


def test_nothing_is_taken_inside_the_lock_of_the_ports() -> None:
    assert CONFIG_PORTS.lock.place == LockPlace.CONFIG_PORTS == max(LockPlace, key=lambda place: int(place.value))


def test_who_comes_second_waits_until_the_ports_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    def pause() -> None:
        waits.append(1)
        give_ports()

    monkeypatch.setattr(spin_lock, "pause", pause)
    take_ports()
    take_ports()
    assert waits == [1]
