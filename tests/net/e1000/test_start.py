from __future__ import annotations

import pytest

from codegen.lang import Hpa, host
from drivers.net.e1000.start import EXPRESS_CARDS, PCI_CARDS, e1000_start
from drivers.net.e1000.state import E1000
from drivers.net.fault import NetFault
from drivers.net.port import NET, PORTS_MAX, NetDriver
from drivers.pci.functions import BarFault, PciOwner
from tests.net.e1000.card import ALL, CTRL, RAH, RAL, RCTL, RDBAL, RDLEN, RDT, Card
from tests.net.e1000.execution import Driver, Run, begin, both_cards, everywhere, plug_in, start

MAC = b"\x52\x54\0\x12\x34\x56"
SECOND = 10**9


def fault_of(run: Run, card: Card) -> NetFault | None:
    (function,) = plug_in(card)
    found: NetFault | None = run(e1000_start, function)
    return found


def is_left_alone(card: Card) -> bool:
    return int(NET.port_count) == 0 and int(E1000.controller_count) == 0 and not card.masters


@everywhere
@pytest.mark.parametrize("device", [*PCI_CARDS, *EXPRESS_CARDS])
def test_a_card_becomes_a_port(run: Run, device: int) -> None:
    driver = start(run, device)
    port = driver.port
    assert (int(NET.port_count), port.driver, int(port.controller)) == (1, NetDriver.E1000, 0)
    assert bytes(int(port.mac[i]) for i in range(6)) == MAC
    assert bool(port.link) and int(port.megabits) == 1000
    assert bool(port.checksums) and bool(port.segments) and not bool(port.gone)
    assert int(port.requester) == 2 << 3 and driver.card.around.requesters == {2 << 3}
    assert driver.function.owner == PciOwner.E1000 and driver.card.masters
    assert driver.card.ims == 0 and driver.card.resets == 1


@everywhere
@both_cards
def test_it_starts_in_a_tenth_of_a_second(run: Run, device: int) -> None:
    driver = start(run, device)
    assert driver.card.around.now < SECOND // 10


@everywhere
@both_cards
@pytest.mark.parametrize("ignores", [False, True])
def test_what_firmware_left_receiving_never_reaches_memory(run: Run, device: int, ignores: bool) -> None:
    card = Card(begin(), device)
    card.ignores_reset = ignores
    guest = int(host.memory.allocate(8192))
    host.memory.write(Hpa(guest), (guest + 4096).to_bytes(8, "little") * 2)
    card.regs |= {RDBAL: guest, RDLEN: 128, RDT: 7, RCTL: 0x8018 | 2, CTRL: 0x240}
    card.around.given.append((guest, 8192))
    before = host.memory.read(Hpa(guest), 8192)
    card.noise = lambda: card.receiver.arrive(b"\xff" * 6 + bytes(54)) and None
    Driver(run, card)
    assert host.memory.read(Hpa(guest), 8192) == before


@everywhere
@pytest.mark.parametrize("device", [0x100E, 0x10D3])
@pytest.mark.parametrize("bad", [bytes(6), b"\x01\0\0\0\0\1", b"\xff" * 6])
def test_an_address_that_no_card_has_is_refused(run: Run, device: int, bad: bytes) -> None:
    card = Card(begin(), device, bad)
    assert fault_of(run, card) == NetFault.FAILED
    assert is_left_alone(card)


@everywhere
@both_cards
def test_the_address_comes_from_the_eeprom_when_the_card_has_not_loaded_it(run: Run, device: int) -> None:
    card = Card(begin(), device)
    card.loads_address = False
    driver = Driver(run, card)
    assert bytes(int(driver.port.mac[i]) for i in range(6)) == MAC
    assert card.regs[RAL] == int.from_bytes(MAC[:4], "little")
    assert card.regs[RAH] == 1 << 31 | int.from_bytes(MAC[4:], "little")


@everywhere
@both_cards
def test_without_any_address_there_is_an_end(run: Run, device: int) -> None:
    card = Card(begin(), device)
    card.loads_address = card.has_eeprom = False
    assert fault_of(run, card) == NetFault.FAILED
    assert card.around.now < SECOND and is_left_alone(card)


@everywhere
@both_cards
def test_a_reset_that_does_not_end_is_given_up(run: Run, device: int) -> None:
    card = Card(begin(), device)
    card.never_resets = True
    assert fault_of(run, card) == NetFault.TIMED_OUT
    assert card.around.now < 2 * SECOND and is_left_alone(card)


@everywhere
def test_a_card_that_does_not_become_quiet_is_reset_all_the_same(run: Run) -> None:
    card = Card(begin(), 0x10D3)
    card.never_quiet = True
    Driver(run, card)
    assert card.resets == 1 and card.around.now < SECOND


@everywhere
@pytest.mark.parametrize("pieces", range(4))
def test_memory_may_run_out(run: Run, pieces: int) -> None:
    card = Card(begin(pieces))
    assert fault_of(run, card) == NetFault.NO_MEMORY
    assert is_left_alone(card)


@everywhere
def test_another_driver_s_card_is_not_touched(run: Run) -> None:
    card = Card(begin())
    (function,) = plug_in(card)
    function.owner = PciOwner.VIRTIO
    assert run(e1000_start, function) == NetFault.TAKEN
    assert card.accesses == 0


@everywhere
@pytest.mark.parametrize("device", [0x1209, 0x1572])
def test_other_cards_of_intel_s_are_not_touched(run: Run, device: int) -> None:
    card = Card(begin(), device)
    assert fault_of(run, card) == NetFault.UNSUPPORTED
    assert card.accesses == 0


@everywhere
def test_registers_must_be_where_they_can_be_used(run: Run) -> None:
    for spoil in ("fault", "size"):
        card = Card(begin())
        (function,) = plug_in(card)
        setattr(function.bars[0], spoil, BarFault.MISPLACED if spoil == "fault" else type(function.bars[0].size)(4096))
        assert run(e1000_start, function) == NetFault.NO_REGISTERS
        assert card.accesses == 0


@everywhere
@both_cards
def test_a_card_may_go_at_any_step_of_its_start(run: Run, device: int) -> None:
    step = 0
    while True:
        card = Card(begin(), device)
        card.vanishes_after = step
        (function,) = plug_in(card)
        fault = run(e1000_start, function)
        assert card.around.now < 2 * SECOND
        if not card.gone:
            break
        if fault is not None:
            assert fault in (NetFault.NO_REGISTERS, NetFault.TAKEN, NetFault.FAILED)
            assert int(NET.port_count) == int(E1000.controller_count) == 0
        step += 1 if step < 40 else 17
    assert step > 200


@everywhere
def test_there_is_room_for_four(run: Run) -> None:
    around = begin()
    card = Card(around)
    (function,) = plug_in(card)
    for number in range(4):
        function.owner = PciOwner.NONE
        assert run(e1000_start, function) is None
        assert int(NET.ports[number].controller) == number
    function.owner = PciOwner.NONE
    before = card.accesses
    assert run(e1000_start, function) == NetFault.NO_ROOM
    assert card.accesses == before


@everywhere
def test_a_full_table_of_ports_is_no_room(run: Run) -> None:
    card = Card(begin())
    (function,) = plug_in(card)
    NET.port_count = type(NET.port_count)(PORTS_MAX)
    assert run(e1000_start, function) == NetFault.NO_ROOM
    assert card.accesses == 0


@everywhere
@both_cards
def test_a_phy_that_firmware_put_to_sleep_is_woken(run: Run, device: int) -> None:
    card = Card(begin(), device)
    card.phy |= 0x800
    driver = Driver(run, card)
    assert not card.phy & 0x800 and card.phy & 0x1000
    assert bool(driver.port.link)


@everywhere
def test_a_card_without_ports_is_reset_by_memory(run: Run) -> None:
    card = Card(begin())
    (function,) = plug_in(card)
    function.bars[2].fault = BarFault.UNASSIGNED
    assert run(e1000_start, function) is None
    assert card.resets == 1 and card.regs[CTRL] != ALL
