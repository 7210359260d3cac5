from __future__ import annotations

from codegen.lang import (
    RO,
    WO,
    BitStruct,
    Hpa,
    MmioBlock,
    PortBlock,
    Reg,
    RegArray,
    at,
    bit,
    fn,
    host,
    mmio,
    ports,
    u8,
    u16,
    u32,
    u64,
)  # fmt: skip
from tests.front.modes import agree


class LineStatus(BitStruct, repr=u8):
    data_ready: bool = bit(0)
    transmit_empty: bool = bit(5)


class Lapic(MmioBlock, size=0x1000):
    id: Reg[u32] = at(0x20, access=RO)
    eoi: Reg[u32] = at(0xB0, access=WO)
    isr: RegArray[u32] = at(0x100, count=8, stride=16)
    wide: Reg[u64] = at(0x200)


class Ns16550(PortBlock, size=8):
    data: Reg[u8] = at(0)
    line_status: Reg[LineStatus] = at(5, access=RO)
    scratch: RegArray[u8] = at(6, count=2)


FIXED = mmio(Lapic, Hpa(0xFEE0_0000))


class Recorder:
    """Answers with a number that depends on all that happened."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def read(self, offset: int, width: int, /) -> int:
        self.events.append(("read", offset, width))
        return (len(self.events) * 37 + offset) & ((1 << 8 * width) - 1)

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.events.append(("write", offset, width, value))


@fn
def drive(hpa: Hpa, port: u16, i: u32) -> u64:
    lapic = mmio(Lapic, hpa)
    lapic.eoi.write(0)
    lapic.isr[i].write(lapic.isr[2].read() | 1)
    lapic.wide.write(u64(lapic.id.read()) << 32)
    FIXED.eoi.write(3)
    uart = ports(Ns16550, port)
    while not uart.line_status.read().transmit_empty:
        uart.data.write(u8.trunc(i))
    uart.scratch[i].write(7)
    return lapic.wide.read() + u64(uart.scratch[0].read()) + u64(Ns16550.line_status.offset)


RECORDER = Recorder()


def attach() -> None:
    RECORDER.events.clear()
    host.bus.map_mmio(Hpa(0xFEC0_0000), 0x1000, RECORDER)
    host.bus.map_mmio(Hpa(0xFEE0_0000), 0x1000, RECORDER)
    host.bus.map_ports(0x3F8, 8, RECORDER)


def test_device_accesses_agree_in_number_order_and_width() -> None:
    agree(drive, Hpa(0xFEC0_0000), u16(0x3F8), u32(1), prepare=attach)
    events = list(RECORDER.events)
    host.reset()
    attach()
    drive(Hpa(0xFEC0_0000), u16(0x3F8), u32(1))
    assert events == RECORDER.events


def test_register_arrays_are_checked() -> None:
    assert agree(drive, Hpa(0xFEC0_0000), u16(0x3F8), u32(8), prepare=attach)[1] == "index out of range"
    assert agree(drive, Hpa(0xFEC0_0000), u16(0x3F8), u32(2), prepare=attach)[1] == "index out of range"
