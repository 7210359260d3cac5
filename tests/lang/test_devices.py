"""Registers reach devices on the bus with the declared width, and only as they allow."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.lang import (
    RO,
    WO,
    BitStruct,
    Hpa,
    MmioBlock,
    PortBlock,
    Reg,
    RegArray,
    Trap,
    at,
    bit,
    fn,
    host,
    mmio,
    ports,
    registers,
    u8,
    u16,
    u32,
)


class LineStatus(BitStruct, repr=u8):
    data_ready: bool = bit(0)
    transmit_empty: bool = bit(5)


class Ns16550(PortBlock, size=8):
    data: Reg[u8] = at(0)
    line_status: Reg[LineStatus] = at(5, access=RO)


class Lapic(MmioBlock, size=0x1000):
    id: Reg[u32] = at(0x20, access=RO)
    eoi: Reg[u32] = at(0xB0, access=WO)
    isr: RegArray[u32] = at(0x100, count=8, stride=16, access=RO)


class Recorder:
    def __init__(self, value: int) -> None:
        self.value = value
        self.seen: list[tuple[int, ...]] = []

    def read(self, offset: int, width: int) -> int:
        self.seen.append((offset, width))
        return self.value

    def write(self, offset: int, width: int, value: int) -> None:
        self.seen.append((offset, width, value))


@fn
def send(uart: Ns16550, byte: u8) -> bool:
    if not uart.line_status.read().transmit_empty:
        return False
    uart.data.write(byte)
    return True


def test_a_driver_meets_a_device_in_python() -> None:
    device = Recorder(0x20)
    host.bus.map_ports(0x3F8, 8, device)
    assert send(ports(Ns16550, u16(0x3F8)), u8(0x41))
    assert device.seen == [(5, 1), (0, 1, 0x41)]


def test_memory_mapped_registers_are_reached_by_physical_address() -> None:
    device = Recorder(7)
    host.bus.map_mmio(Hpa(0xFEE0_0000), 0x1000, device)
    lapic = mmio(Lapic, Hpa(0xFEE0_0000))
    lapic.eoi.write(0)
    assert lapic.id.read() == 7 and type(lapic.id.read()) is u32
    assert lapic.isr[u8(2)].read() == 7
    assert device.seen == [(0xB0, 4, 0), (0x20, 4), (0x20, 4), (0x120, 4)]
    with pytest.raises(Trap, match="index"):
        lapic.isr[8]


def test_access_and_types_are_enforced() -> None:
    lapic: Any = mmio(Lapic, Hpa(0))
    for attempt in (
        lambda: lapic.eoi.read(),
        lambda: lapic.id.write(0),
        lambda: lapic.eoi.write(u8(0)),
        lambda: setattr(lapic, "eoi", 0),
        lambda: mmio(Ns16550, Hpa(0)),  # type: ignore[type-var]
        lambda: ports(Ns16550, 0x3F8),  # type: ignore[arg-type]
        lambda: Lapic(),
    ):
        with pytest.raises(TypeError):
            attempt()
    with pytest.raises(AttributeError):
        _ = lapic.eio


def test_nothing_there_reads_as_ones() -> None:
    assert mmio(Lapic, Hpa(0xFEE0_0000)).id.read() == 0xFFFF_FFFF
    ports(Ns16550, u16(0)).data.write(1)


def test_ranges_do_not_overlap_and_values_fit() -> None:
    host.bus.map_ports(0x60, 4, Recorder(0x100))
    with pytest.raises(ValueError, match="taken"):
        host.bus.map_ports(0x63, 1, Recorder(0))
    with pytest.raises(ValueError, match="gave"):
        ports(Ns16550, u16(0x60)).data.read()


def test_a_layout_is_a_table_for_device_models() -> None:
    assert [(r.name, r.offset, r.width, r.access) for r in registers(Ns16550)] == [
        ("data", 0, 1, "RW"),
        ("line_status", 5, 1, "RO"),
    ]
    assert (Lapic.isr.offset, Lapic.isr.count, Lapic.isr.stride) == (0x100, 8, 16)
    assert Ns16550.line_status.offset == 5 and Ns16550.line_status.width == 1
    assert Lapic.block_size == 0x1000


def test_misplaced_registers_are_refused() -> None:
    with pytest.raises(TypeError, match="not inside"):

        class _Outside(PortBlock, size=8):
            a: Reg[u16] = at(7)

    with pytest.raises(TypeError, match="count"):

        class _Uncounted(PortBlock, size=8):
            a: RegArray[u8] = at(0)

    with pytest.raises(TypeError, match="needs size"):

        class _Unsized(PortBlock):
            a: Reg[u8] = at(0)
