"""PCI host bridge, 8042 and the ACPI power block."""

from __future__ import annotations

import random

import pytest

from codegen.lang import storage, u8, u16, u32, u64
from hypervisor.devices.acpi.layout import SLEEP_TYPE_S5
from hypervisor.devices.acpi.power import PowerBlock, power_read, power_reset, power_write
from hypervisor.devices.board import Board, BoardRequest, board_reset
from hypervisor.devices.keyboard_controller import (
    KeyboardController,
    keyboard_read_data,
    keyboard_read_status,
    keyboard_reset,
    keyboard_write_command,
    keyboard_write_data,
)
from hypervisor.devices.ports import port_read, port_write
from tests.devices.execution import everywhere

BOARD = storage(Board)
KEYBOARD = storage(KeyboardController)
POWER = storage(PowerBlock)
ENABLE = 1 << 31


@pytest.fixture(autouse=True)
def fresh():
    board_reset(BOARD, u64(0))
    keyboard_reset(KEYBOARD)
    POWER.zero()
    power_reset(POWER)


def config_read(run, address, offset=0):
    run(port_write, BOARD, u16(0xCF8), u32(4), u32(address), u64(0))
    return int(run(port_read, BOARD, u16(0xCFC + offset), u32(4 - offset if offset != 1 else 2), u64(0)))


@everywhere
def test_the_only_device_is_the_host_bridge(run):
    assert config_read(run, ENABLE) == 0x1237_8086
    assert config_read(run, ENABLE | 8) >> 16 == 0x0600 and config_read(run, ENABLE | 12) >> 16 & 0xFF == 0
    for address in (0, ENABLE | 1 << 8, ENABLE | 1 << 11, ENABLE | 1 << 16, ENABLE | 0xFF << 16):
        assert config_read(run, address) == 0xFFFF_FFFF
    assert config_read(run, ENABLE, 2) & 0xFFFF == 0x1237


@everywhere
def test_the_address_register_is_a_dword(run):
    run(port_write, BOARD, u16(0xCF8), u32(4), u32(0xFFFF_FFFF), u64(0))
    assert run(port_read, BOARD, u16(0xCF8), u32(4), u64(0)) == 0x80FF_FFFC
    run(port_write, BOARD, u16(0xCF8), u32(1), u32(0), u64(0))
    assert run(port_read, BOARD, u16(0xCF8), u32(4), u64(0)) == 0x80FF_FFFC


@everywhere
def test_only_the_bridges_own_registers_keep_what_is_written(run):
    source, kept = random.Random(2), {}
    for _ in range(300):
        register, width = source.randrange(64), source.choice((1, 2, 4))
        offset = source.randrange(0, 4, width)
        run(port_write, BOARD, u16(0xCF8), u32(4), u32(ENABLE | register * 4), u64(0))
        value = source.getrandbits(8 * width)
        run(port_write, BOARD, u16(0xCFC + offset), u32(width), u32(value), u64(0))
        mask = ((1 << 8 * width) - 1) << 8 * offset
        if register >= 16:
            kept[register] = kept.get(register, 0) & ~mask | value << 8 * offset & mask
        assert config_read(run, ENABLE | register * 4) == kept.get(register, config_read(run, ENABLE | register * 4))
    assert config_read(run, ENABLE) == 0x1237_8086 and config_read(run, ENABLE | 0x10) == 0
    assert all(config_read(run, ENABLE | register * 4) == value for register, value in kept.items())


@everywhere
@pytest.mark.parametrize(("command", "answer"), [(0xAA, 0x55), (0xAB, 1), (0xA9, 1), (0x20, 0x70), (0xD0, 3)])
def test_a_command_is_answered_once(run, command, answer):
    assert run(keyboard_read_status, KEYBOARD) & 1 == 0
    assert not run(keyboard_write_command, KEYBOARD, u8(command))
    assert run(keyboard_read_status, KEYBOARD) & 0b1011 == 0b1001
    assert run(keyboard_read_data, KEYBOARD) == answer
    assert run(keyboard_read_status, KEYBOARD) & 1 == 0


@everywhere
def test_the_configuration_byte_is_kept(run):
    run(keyboard_write_command, KEYBOARD, u8(0x60))
    run(keyboard_write_data, KEYBOARD, u8(0x47))
    run(keyboard_write_data, KEYBOARD, u8(0xF4))  # for a keyboard that is not there
    run(keyboard_write_command, KEYBOARD, u8(0xAD))
    run(keyboard_write_command, KEYBOARD, u8(0x20))
    assert run(keyboard_read_data, KEYBOARD) == 0x57


@everywhere
def test_what_is_written_to_the_output_buffer_comes_back(run):
    run(keyboard_write_command, KEYBOARD, u8(0xD2))
    run(keyboard_write_data, KEYBOARD, u8(0x1C))
    assert run(keyboard_read_status, KEYBOARD) & 1 == 1 and run(keyboard_read_data, KEYBOARD) == 0x1C


@everywhere
def test_only_the_reset_command_resets(run):
    assert [c for c in range(256) if run(keyboard_write_command, KEYBOARD, u8(c))] == [0xFE]


@everywhere
def test_the_reset_command_asks_the_board_for_a_reset(run):
    run(board_reset, BOARD, u64(0))
    run(port_write, BOARD, u16(0x64), u32(1), u32(0xFD), u64(0))
    assert BOARD.request == BoardRequest.NONE
    run(port_write, BOARD, u16(0x64), u32(1), u32(0xFE), u64(0))
    assert BOARD.request == BoardRequest.RESET


@everywhere
def test_only_s5_powers_off(run):
    for kind in range(8):
        for enable in (0, 1):
            POWER.power_off = False
            run(power_write, POWER, u32(4), u32(2), u32(kind << 10 | enable << 13), u64(0))
            assert POWER.power_off == (kind == SLEEP_TYPE_S5 and enable == 1)
    assert run(power_read, POWER, u32(4), u32(2), u64(0)) & 0x2001 == 1  # ACPI mode; SLP_EN is write-only


@everywhere
def test_status_bits_clear_where_1_is_written(run):
    half_turn = 600_000_000_000  # ns: the highest of the timer's 32 bits has changed
    assert run(power_read, POWER, u32(0), u32(2), u64(0)) & 1 == 0
    assert run(power_read, POWER, u32(0), u32(2), u64(half_turn)) & 1 == 1
    run(power_write, POWER, u32(0), u32(2), u32(0), u64(half_turn))
    assert run(power_read, POWER, u32(0), u32(2), u64(half_turn)) & 1 == 1
    run(power_write, POWER, u32(0), u32(2), u32(1), u64(half_turn))
    assert run(power_read, POWER, u32(0), u32(2), u64(half_turn)) & 1 == 0


@everywhere
def test_enable_bits_are_those_that_exist(run):
    run(power_write, POWER, u32(2), u32(2), u32(0xFFFF), u64(0))
    assert run(power_read, POWER, u32(2), u32(2), u64(0)) & 0xFFFF == 0x0721
    run(power_write, POWER, u32(3), u32(1), u32(0), u64(0))
    assert run(power_read, POWER, u32(2), u32(2), u64(0)) & 0xFFFF == 0x0021


@everywhere
def test_no_access_traps(run):
    source = random.Random(4)
    for _ in range(300):
        width = source.choice((1, 2, 4))
        offset, value, now = source.randrange(12), source.getrandbits(32), u64(source.getrandbits(40))
        if offset % 4 + width <= 4:
            run(power_write, POWER, u32(offset), u32(width), u32(value), now)
            run(power_read, POWER, u32(offset), u32(width), now)
