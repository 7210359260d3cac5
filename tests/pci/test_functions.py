from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, host, u8, u16, u32, u64
from drivers.interrupt.message import message_address, message_data
from drivers.pci.capabilities import pci_capability, pci_extended_capability
from drivers.pci.enumerate import pci_enumerate
from drivers.pci.functions import PCI, BarFault, BarKind, BridgeFault, PciBar, PciOwner, pci_next_of_class
from drivers.pci.header import CapabilityId
from drivers.pci.msi import msi_disable, msi_enable, msi_mask
from drivers.pci.msix_driver import MsixFault, msix_enable, msix_mask, msix_set, msix_table
from drivers.pci.quiet import pci_quiet, pci_take
from tests.pci.execution import Run, address, attach, both_ways, everywhere, found, place_of, table, walk
from tests.pci.machine import Bridge, Bus, Function, Host, Region


def nested() -> Host:
    inner = Bridge({(0, 0): Function(0x1111_8086), (3, 0): Function(0x2222_8086)})
    port = Bridge({(0, 0): Function(0x3333_8086)}, port=4)
    holes: Bus = {(7, 0): Function(several=True), (7, 2): Function(), (7, 7): Function()}
    shadow: Bus = {(8, 0): Function(), (8, 1): Function(), (9, 1): Function()}
    root = {(1, 0): Bridge({(5, 0): inner}), (2, 0): port, (0, 0): Function(class_code=0x060000), **holes, **shadow}
    machine = Host({0: root, 0x40: {(0, 0): Bridge({(0, 0): Function()}), (4, 0): Function()}})
    machine.number_buses()
    return machine


@everywhere
@both_ways
def test_every_function_is_found_behind_bridges_and_on_other_roots(run: Run, way: str) -> None:
    machine = nested()
    assert [place_of(each) for each in walk(run, machine, way)] == sorted(machine.places())
    assert int(PCI.bus_count) == 6
    assert int(PCI.function_count) == 14
    one = found(2, 3)
    assert (int(one.vendor), int(one.device), int(one.subsystem)) == (0x8086, 0x2222, 0x5678)
    assert (int(one.class_code), int(one.revision), int(one.interrupt_pin), int(one.interrupt_line)) == (
        0x200,
        2,
        1,
        11,
    )


@everywhere
@pytest.mark.parametrize(
    ("buses", "fault"),
    [
        ((0, 0, 0), BridgeFault.UNCONFIGURED),
        ((0, 2, 1), BridgeFault.BACKWARDS),
        ((0, 1, 4), BridgeFault.TAKEN),
        ((0, 4, 255), BridgeFault.NONE),
    ],
)
def test_a_bridge_with_wrong_numbers_is_not_followed(run: Run, buses: tuple[int, int, int], fault: BridgeFault) -> None:
    first, second = Bridge({(0, 0): Function()}), Bridge({(0, 0): Function()})
    first.set_buses(0, 1, 3)
    second.set_buses(*buses)
    walk(run, Host({0: {(1, 0): first, (2, 0): second}}), "window")
    assert found(0, 2).bridge_fault == fault
    assert found(0, 1).bridge_fault == BridgeFault.NONE
    assert int(PCI.function_count) == (4 if fault == BridgeFault.NONE else 3)


@everywhere
@pytest.mark.parametrize(
    ("buses", "fault"),
    [((1, 0, 5), BridgeFault.UNCONFIGURED), ((1, 1, 3), BridgeFault.BACKWARDS), ((1, 2, 9), BridgeFault.OUTSIDE)],
)
def test_a_bridge_behind_a_bridge_stays_within_its_buses(
    run: Run, buses: tuple[int, int, int], fault: BridgeFault
) -> None:
    inner = Bridge({(0, 0): Function()})
    outer = Bridge({(0, 0): inner})
    outer.set_buses(0, 1, 3)
    inner.set_buses(*buses)
    walk(run, Host({0: {(1, 0): outer}}), "ports")
    assert found(1, 0).bridge_fault == fault
    assert int(PCI.function_count) == 2


@everywhere
def test_more_functions_than_there_is_room_for_are_counted(run: Run) -> None:
    bus: Bus = {(device, function): Function(several=True) for device in range(32) for function in range(8)}
    bridge = Bridge({(0, 0): Function()})
    walk(run, Host({0: {**bus, (31, 7): bridge}, 1: dict.fromkeys([(0, 0), (1, 0)], Function())}), "window")
    assert (int(PCI.function_count), int(PCI.beyond)) == (256, 2)


@everywhere
def test_a_port_of_pci_express_has_one_device_behind_it(run: Run) -> None:
    port = Bridge({(device, 0): Function() for device in range(32)}, port=4)
    machine = Host({0: {(0, 0): port}})
    machine.number_buses()
    walk(run, machine, "window")
    assert [place_of(each) for each in table()] == [(0, 0, 0), (1, 0, 0)]


REGIONS = {
    0: Region(0, 4096, 0xFEB0_0000),
    1: Region(1, 32, 0xC040),
    2: Region(12, 1 << 33, 0x40_0000_0000),
    4: Region(8, 1 << 20),
}


@everywhere
@both_ways
def test_bars_are_sized_while_nothing_is_decoded_and_left_as_they_were(run: Run, way: str) -> None:
    function = Function(regions=REGIONS)
    before = bytes(function.bytes)
    walk(run, Host({0: {(3, 0): function}}), way)
    assert bytes(function.bytes) == before and function.moved_while_decoding == []
    bars = [found(0, 3).bars[i] for i in range(6)]
    kinds = [BarKind.MEMORY, BarKind.IO, BarKind.MEMORY, BarKind.UPPER_HALF, BarKind.MEMORY, BarKind.NONE]
    assert [bar.kind for bar in bars] == kinds
    for number, region in REGIONS.items():
        bar = bars[number]
        assert (int(bar.address), int(bar.size)) == (region.address, region.size)
        assert bool(bar.prefetchable) == bool(region.kind & 8 and not region.kind & 1)
        assert bar.fault == (BarFault.NONE if region.address else BarFault.UNASSIGNED)


def hostile_bar(value: int, writable: int, register: int = 0x10) -> Function:
    function = Function()
    function.put(register, 4, value)
    function.writable[register : register + 4] = writable.to_bytes(4, "little")
    return function


@everywhere
@pytest.mark.parametrize(
    ("value", "writable"),
    [
        (0x6, 0xFFFF_F000),  # a kind that there is not
        (0x4, 0),  # a size of nothing
        (0x8, 0),
        (0x3, 0xFFFF_FFC0),  # a reserved bit
        (0xFE00_0000, 0xFF0F_F000),  # holes
        (0x2_C041, 0xFFFF_FFC0),  # ports beyond 64 KiB
    ],
)
def test_a_bar_that_makes_no_sense_is_absurd(run: Run, value: int, writable: int) -> None:
    walk(run, Host({0: {(3, 0): hostile_bar(value, writable)}}), "window")
    assert found(0, 3).bars[0].fault == BarFault.ABSURD


class Fickle(Function):
    """Its BAR 0 asks for 4 KiB, yet stands in the middle of a page."""

    def read(self, register: int, width: int) -> int:
        value = super().read(register, width)
        return 0xFEB0_0800 if register == 0x10 and value == 0xFEB0_0000 else value


@everywhere
def test_a_bar_whose_address_does_not_fit_its_size_is_absurd(run: Run) -> None:
    function = Fickle(regions={0: Region(0, 4096, 0xFEB0_0000)})
    walk(run, Host({0: {(3, 0): function}}), "window")
    assert found(0, 3).bars[0].fault == BarFault.ABSURD
    assert int(found(0, 3).bars[0].size) == 0


@everywhere
def test_a_64_bit_bar_without_an_upper_half_is_absurd(run: Run) -> None:
    walk(run, Host({0: {(3, 0): hostile_bar(0xFEB0_0004, 0xFFFF_F000, 0x24)}}), "window")
    assert found(0, 3).bars[5].fault == BarFault.ABSURD


@everywhere
@both_ways
def test_capabilities_are_found_and_loops_end(run: Run, way: str) -> None:
    function = Function()
    function.add_capability(0x01, bytes(6))
    msi = function.add_capability(0x05, bytes(12))
    end = function.add_capability(0x09, bytes(2))
    function.bytes[end + 1] = 0x43  # a loop, by a pointer whose low bits are no part of it
    walk(run, Host({0: {(3, 0): function}}), way)
    assert int(found(0, 3).msi) == msi and int(found(0, 3).msix) == 0
    assert run(pci_capability, address(0, 3), u8(0x40), CapabilityId.VENDOR) == u8(end)
    assert run(pci_capability, address(0, 3), u8(0x41), CapabilityId.MSIX) == u8(0)
    assert run(pci_capability, address(0, 3), u8(0x3C), CapabilityId.MSI) == u8(0)
    function.put(0x100, 4, 0x140 << 20 | 0x10001)
    function.put(0x140, 4, 0x101 << 20 | 0x10003)
    expected = 0x140 if way == "window" else 0
    assert run(pci_extended_capability, address(0, 3), u16(3)) == u16(expected)
    assert run(pci_extended_capability, address(0, 3), u16(4)) == u16(0)


@everywhere
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("maskable", [False, True])
def test_an_msi_is_set_up_masked_and_switched_off(run: Run, wide: bool, maskable: bool) -> None:
    function = Function()
    control = 0x80 * wide | 0x100 * maskable | 3 << 1
    msi = function.add_capability(5, control.to_bytes(2, "little") + b"\xff" * 20, b"\x71\0" + b"\xff" * 20)
    walk(run, Host({0: {(3, 0): function}}), "ports")
    one = found(0, 3)
    to = run(message_address, u32(7))
    assert run(msi_enable, one, to, run(message_data, u8(0x41)))
    data, mask = msi + (0xC if wide else 8), msi + (0x10 if wide else 0xC)
    assert function.get(msi + 4, 4) == 0xFEE0_7000 and function.get(data, 2) == 0x41
    assert function.get(msi + 2, 2) == control | 1
    assert not wide or function.get(msi + 8, 4) == 0
    for masked in (1, 0):
        assert run(msi_mask, one, bool(masked)) == maskable
        assert not maskable or function.get(mask, 4) == masked
    run(msi_disable, one)
    assert function.get(msi + 2, 2) == control
    assert run(message_address, u32(255)) is None


@everywhere
def test_an_msi_at_the_end_of_its_bytes_is_none(run: Run) -> None:
    function = Function()
    function.free = 0xF4
    function.add_capability(5, b"\x80\x01" + bytes(8))
    walk(run, Host({0: {(3, 0): function}}), "window")
    before = bytes(function.bytes)
    assert not run(msi_enable, found(0, 3), run(message_address, u32(0)), run(message_data, u8(0x41)))
    assert bytes(function.bytes) == before


class Memory:
    """An MSI-X table."""

    def __init__(self) -> None:
        self.entries = bytearray(4096)

    def read(self, offset: int, width: int, /) -> int:
        assert width == 4
        return int.from_bytes(self.entries[offset : offset + 4], "little")

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width == 4
        self.entries[offset : offset + 4] = value.to_bytes(4, "little")


def with_msix(vectors: int, table_place: int, pending_place: int) -> Function:
    function = Function(regions={0: Region(0, 4096, 0xFEB0_0000), 1: Region(1, 32, 0xC040)})
    body = (vectors - 1).to_bytes(2, "little") + table_place.to_bytes(4, "little") + pending_place.to_bytes(4, "little")
    function.add_capability(0x11, body, b"\0\xc0")
    return function


@everywhere
def test_msix_vectors_are_masked_and_set_one_by_one(run: Run) -> None:
    function = with_msix(5, 0x800, 0xC00)
    walk(run, Host({0: {(3, 0): function}}), "window")
    one, memory = found(0, 3), Memory()
    host.bus.map_mmio(Hpa(0xFEB0_0000), 4096, memory)
    place = run(msix_table, one)
    assert place == Hpa(0xFEB0_0800) and int(one.msix_vectors) == 5
    run(msix_enable, one, place)
    assert function.get(0x42, 2) == 0x8004
    assert [memory.entries[0x80C + 16 * i] for i in range(6)] == [1, 1, 1, 1, 1, 0]
    run(msix_set, place, u64(4), run(message_address, u32(2)), run(message_data, u8(0x55)))
    assert memory.entries[0x840:0x850] == b"\0\x20\xe0\xfe\0\0\0\0\x55\0\0\0\0\0\0\0"
    run(msix_mask, place, u64(4), True)
    assert memory.entries[0x84C] == 1


@everywhere
@pytest.mark.parametrize(
    ("vectors", "table_place", "pending_place", "fault"),
    [
        (256, 0x8, 0x0, MsixFault.OUTSIDE),
        (1, 0xFF8, 0x0, MsixFault.OUTSIDE),
        (1, 0xFFFF_FFF8, 0x0, MsixFault.OUTSIDE),
        (1, 0x0, 0x1000, MsixFault.OUTSIDE),
        (1, 0x1, 0x0, MsixFault.BAD_BAR),
        (1, 0x5, 0x0, MsixFault.BAD_BAR),
        (1, 0x7, 0x0, MsixFault.BAD_BAR),
        (1, 0x0, 0x6, MsixFault.BAD_BAR),
    ],
)
def test_an_msix_table_outside_its_bar_is_refused(
    run: Run, vectors: int, table_place: int, pending_place: int, fault: MsixFault
) -> None:
    walk(run, Host({0: {(3, 0): with_msix(vectors, table_place, pending_place)}}), "window")
    assert run(msix_table, found(0, 3)) == fault


CLASSES = {0x0200: True, 0x0108: True, 0x0300: False, 0x0C03: False, 0x0601: False, 0x0806: False, 0x0001: False}


@everywhere
@pytest.mark.parametrize(("class_code", "silenced"), CLASSES.items())
def test_what_nobody_drives_is_silent_until_it_is_taken(run: Run, class_code: int, silenced: bool) -> None:
    function = Function(class_code=class_code << 8)
    msi = function.add_capability(5, b"\x01\0" + bytes(8), b"\x71\0")
    walk(run, Host({0: {(3, 0): function}}), "ports")
    one = found(0, 3)
    assert run(pci_quiet, one) == silenced
    assert function.get(4, 2) == (0x403 if silenced else 7) and function.get(msi + 2, 2) == 0
    assert one.owner == (PciOwner.NONE if silenced else PciOwner.FIRMWARE)
    assert run(pci_take, one, PciOwner.NVME) and not run(pci_take, one, PciOwner.AHCI)
    assert function.get(4, 2) == 0x407 and one.owner == PciOwner.NVME
    assert run(pci_next_of_class, u32(0), u16(class_code)) == u32(0)
    assert run(pci_next_of_class, u32(1), u16(class_code)) is None


@everywhere
def test_a_function_that_was_pulled_out_is_not_taken(run: Run) -> None:
    function = Function()
    walk(run, Host({0: {(3, 0): function}}), "window")
    function.gone = True
    assert not run(pci_take, found(0, 3), PciOwner.NVME)


@everywhere
@both_ways
def test_random_registers_never_trap_and_the_walk_ends(run: Run, way: str) -> None:
    @settings(deadline=None, max_examples=15)
    @given(st.integers(0, 1 << 32))
    def check(seed: int) -> None:
        draw = random.Random(seed)
        bus: Bus = {}
        for device in range(6):
            function = Bridge({(0, 0): Function()}) if draw.random() < 0.5 else Function()
            function.bytes[4:256] = draw.randbytes(252)
            function.writable[4:256] = draw.randbytes(252)
            function.bytes[0x0E] = draw.choice([0, 1, 0x80, 0x81, 2, 0x7F])
            bus[device, 0] = function
        attach(run, Host({0: bus}), way)
        run(pci_enumerate)
        for each in table():
            run(msix_table, each)
            run(pci_quiet, each)

    check()


def test_a_bar_is_usable_only_without_fault() -> None:
    bar: PciBar = PCI.functions[0].bars[0]
    bar.kind, bar.fault = BarKind.MEMORY, BarFault.MISPLACED
    assert not bar.is_usable()
