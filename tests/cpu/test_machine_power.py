from __future__ import annotations

import pytest

from codegen.lang import host, u8, u16, u32, u64
from codegen.lang.intrinsics.flow import Fault
from drivers.acpi.machine import MACHINE
from hypervisor.console.console import CONSOLE, console_start
from hypervisor.console.kept_log import KEPT_LOG, Ending
from hypervisor.cpu.machine_power import reboot_machine, reset_machine
from hypervisor.cpu.per_cpu import per_cpu_start
from hypervisor.time.clock import clock_start
from tests.console.fake_uart import FakeUart

ACPI_PORT, CONTROL_PORT, KEYBOARD_PORT = 0x1400, 0xCF9, 0x60


class Reset(Exception):
    """The machine did it."""


class Chip:
    """Notes what is written; `resets` is what it obeys."""

    def __init__(self, port: int, count: int, written: list[tuple[int, int]], resets: int | None = None) -> None:
        self.port, self.written, self.resets = port, written, resets
        host.bus.map_ports(port, count, self)

    def read(self, offset: int, width: int) -> int:
        return 0

    def write(self, offset: int, width: int, value: int) -> None:
        self.written.append((self.port + offset, value))
        if value == self.resets:
            raise Reset


@pytest.fixture(autouse=True)
def machine(fresh_machine: None) -> None:
    per_cpu_start(u32(0))
    clock_start(u64(1_000_000), u64(0))
    MACHINE.zero()
    KEPT_LOG.zero()
    CONSOLE.zero()


def ways(acpi_port: int, acpi_value: int, control_resets: int | None = None) -> list[tuple[int, int]]:
    """What is written where, in order, until a chip resets the machine or the processor shuts down."""
    written: list[tuple[int, int]] = []
    MACHINE.reset_port, MACHINE.reset_value = u16(acpi_port), u8(acpi_value)
    Chip(CONTROL_PORT, 1, written, control_resets)
    Chip(KEYBOARD_PORT, 5, written)
    if acpi_port not in (0, CONTROL_PORT):
        Chip(acpi_port, 1, written)
    with pytest.raises((Reset, Fault)):
        reset_machine()
    return written


KEYBOARD = (0x64, 0xFE)
CONTROL = [(CONTROL_PORT, 2), (CONTROL_PORT, 6)]


def test_every_way_is_tried_before_the_processor_shuts_down() -> None:
    acpi = (ACPI_PORT, 0x11)
    assert ways(*acpi) == [acpi, *CONTROL, acpi, KEYBOARD]
    assert host.cpu.idtr[:2] == bytes(2)  # a gate for nothing: #UD, #DF and shutdown


def test_a_machine_without_a_reset_register_is_asked_in_the_other_ways() -> None:
    assert ways(0, 0x11) == [*CONTROL, KEYBOARD]


def test_ram_keeps_the_log_though_the_firmware_names_a_power_cycle() -> None:
    assert ways(CONTROL_PORT, 0x0E, control_resets=6) == CONTROL


def test_what_the_firmware_names_is_written_where_the_gentle_way_does_nothing() -> None:
    assert ways(CONTROL_PORT, 0x0E) == [*CONTROL, (CONTROL_PORT, 0x0E), KEYBOARD]


def test_the_last_line_has_left_the_uart_before_the_reset() -> None:
    uart = FakeUart()
    console_start(False)
    written: list[tuple[int, int]] = []
    Chip(CONTROL_PORT, 1, written, resets=6)
    with pytest.raises(Reset):
        reboot_machine()
    assert bytes(uart.sent) == b"keelback: the machine is reset\r\n"
    assert KEPT_LOG.ending == Ending.REBOOT
