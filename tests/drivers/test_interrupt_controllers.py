import pytest

from codegen.lang import Hpa, host, u8, u32, u64
from drivers.interrupt.ioapic_driver import IOAPICS, ioapic_route, ioapic_start
from drivers.interrupt.lapic_driver import (
    APIC,
    lapic_eoi,
    lapic_id,
    lapic_in_service,
    lapic_start,
    lapic_timer_arm_count,
    lapic_timer_arm_deadline,
    lapic_timer_start,
)
from drivers.interrupt.pic_driver import pic_sleep

BASE = 0xFEC0_0000
LAPIC = 0xFEE0_0000


class FakeIoApic:
    def __init__(self, base: int, pins: int) -> None:
        self.index = 0
        self.pins = pins
        self.registers: dict[int, int] = {}
        host.bus.map_mmio(Hpa(base), 0x1000, self)

    def read(self, offset: int, width: int, /) -> int:
        assert (offset, width) == (0x10, 4)
        return 0x20 | (self.pins - 1) << 16 if self.index == 1 else self.registers.get(self.index, 0)

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width == 4
        if offset == 0:
            self.index = value
        else:
            self.registers[self.index] = value

    def entry(self, pin: int) -> int:
        return self.registers[0x10 + 2 * pin] | self.registers[0x11 + 2 * pin] << 32


def test_an_io_apic_starts_with_every_pin_masked() -> None:
    device = FakeIoApic(BASE, 24)
    assert ioapic_start(Hpa(BASE), u32(0))
    assert [device.entry(pin) for pin in range(24)] == [1 << 16] * 24


def test_an_interrupt_is_routed_on_the_io_apic_that_has_it() -> None:
    first, second = FakeIoApic(BASE, 24), FakeIoApic(BASE + 0x1000, 8)
    ioapic_start(Hpa(BASE), u32(0))
    ioapic_start(Hpa(BASE + 0x1000), u32(24))
    assert ioapic_route(u32(26), u8(0x30), u8(3), True, True)
    assert second.entry(2) == 0x30 | 1 << 13 | 1 << 15 | 3 << 56
    assert ioapic_route(u32(4), u8(0x31), u8(0), False, False)
    assert first.entry(4) == 0x31
    assert not ioapic_route(u32(32), u8(0x30), u8(0), False, False)
    assert not ioapic_route(u32(0xFFFF_FFFF), u8(0x30), u8(0), False, False)


def test_more_io_apics_than_we_can_hold_are_refused() -> None:
    for number in range(9):
        FakeIoApic(BASE + 0x1000 * number, 1)
        assert ioapic_start(Hpa(BASE + 0x1000 * number), u32(number)) == (number < 8)
    assert int(IOAPICS.ioapic_count) == 8


class Ports:
    def __init__(self, port: int) -> None:
        self.written: list[tuple[int, int]] = []
        host.bus.map_ports(port, 2, self)

    def read(self, offset: int, width: int, /) -> int:
        return 0

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.written.append((offset, value))


def test_the_8259s_are_moved_away_from_the_exceptions_and_masked() -> None:
    master, slave = Ports(0x20), Ports(0xA0)
    pic_sleep(u8(0x20))
    assert master.written == [(0, 0x11), (1, 0x20), (1, 4), (1, 1), (1, 0xFF)]
    assert slave.written == [(0, 0x11), (1, 0x28), (1, 2), (1, 1), (1, 0xFF)]


class Page:
    def __init__(self) -> None:
        self.values = {0x20: 5 << 24, 0x110: 1 << 4}
        host.bus.map_mmio(Hpa(LAPIC), 0x1000, self)

    def read(self, offset: int, width: int, /) -> int:
        assert width == 4
        return self.values.get(offset, 0)

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width == 4 and offset % 16 == 0
        self.values[offset] = value


@pytest.fixture
def xapic() -> Page:
    host.cpu.msrs[0x1B] = LAPIC | 1 << 11 | 1 << 8
    page = Page()
    lapic_start(False, u8(0xFF))
    return page


def test_xapic_mode_uses_the_register_page(xapic: Page) -> None:
    assert not APIC.x2apic
    assert xapic.values[0xF0] == 0x1FF
    assert xapic.values[0x350] == 1 << 16 and xapic.values[0x360] == 4 << 8
    assert lapic_id() == u32(5)
    lapic_eoi()
    assert xapic.values[0xB0] == 0
    assert lapic_in_service(u32(0x24)) and not lapic_in_service(u32(0x25))
    lapic_timer_start(u8(0xEF), False)
    lapic_timer_arm_count(u32(1234))
    assert (xapic.values[0x320], xapic.values[0x3E0], xapic.values[0x380]) == (0xEF, 0xB, 1234)


def test_x2apic_mode_uses_msrs_and_never_disables_the_apic() -> None:
    host.cpu.msrs |= {0x1B: LAPIC | 1 << 11 | 1 << 8, 0x6E0: 0}
    host.cpu.msrs |= {0x800 + number: 0 for number in range(0x40)}
    host.cpu.msrs[0x802] = 0x1234
    lapic_start(True, u8(0xFF))
    assert APIC.x2apic
    assert all(act[2] & 1 << 11 for act in host.cpu.log if act[:2] == ("wrmsr", 0x1B))  # type: ignore[operator]
    assert host.cpu.msrs[0x1B] == LAPIC | 1 << 11 | 1 << 10 | 1 << 8
    assert lapic_id() == u32(0x1234)
    lapic_eoi()
    assert host.cpu.log[-1] == ("wrmsr", 0x80B, 0)
    lapic_timer_start(u8(0xEF), True)
    lapic_timer_arm_deadline(u64(77))
    assert host.cpu.msrs[0x832] == 0xEF | 2 << 17
    assert host.cpu.msrs[0x6E0] == 77


def test_x2apic_mode_that_firmware_chose_is_kept() -> None:
    host.cpu.msrs |= {0x1B: LAPIC | 3 << 10}
    host.cpu.msrs |= {0x800 + number: 0 for number in range(0x40)}
    lapic_start(False, u8(0xFF))
    assert APIC.x2apic
    assert ("wrmsr", 0x1B) not in [act[:2] for act in host.cpu.log]
