"""The PM1 block (ACPI 6.5, 4.8.3): event status and enable, and the control register whose S5 powers off."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Struct, bit, bits, fn, u8, u16, u32, u64
from hypervisor.devices.acpi.layout import SLEEP_TYPE_S5
from hypervisor.devices.pm_timer import pm_timer_carries, pm_timer_read

TIMER_STATUS, GLOBAL_STATUS, POWER_BUTTON, SLEEP_BUTTON, RTC_STATUS = 1 << 0, 1 << 5, 1 << 8, 1 << 9, 1 << 10
EVENTS = TIMER_STATUS | GLOBAL_STATUS | POWER_BUTTON | SLEEP_BUTTON | RTC_STATUS


class PowerControl(BitStruct, repr=u16):
    """PM1 control (4.8.3.2.1)."""

    sci_enabled: bool = bit(0)
    bus_master_reload: bool = bit(1)
    global_release: bool = bit(2)
    sleep_type: u8 = bits(10, 12)
    sleep_enable: bool = bit(13)  # write-only


class PowerBlock(Struct):
    """PM1a event and control registers."""

    status: Field[u32]
    enable: Field[u32]
    control: Field[PowerControl]
    carries_seen: Field[u64]  # of the PM timer, when TMR_STS was last cleared
    power_off: Field[bool]  # the guest has asked for S5


@fn(cold=True)
def power_reset(block: PowerBlock) -> None:
    """ACPI mode is on from the start: the FADT names no SMI command."""
    block.zero()
    block.control = PowerControl(sci_enabled=True)


@fn
def power_status(block: PowerBlock, now: u64) -> u32:
    """PM1 status; TMR_STS follows the timer's highest bit."""
    if pm_timer_carries(now) != block.carries_seen:
        block.status = block.status | TIMER_STATUS
    return block.status


@fn
def power_interrupt(block: PowerBlock, now: u64) -> bool:
    """The SCI's level."""
    return power_status(block, now) & block.enable != 0


@fn
def power_press(block: PowerBlock) -> None:
    """The fixed power button (4.8.2.2.1.1): an event, which the system may answer."""
    block.status = block.status | POWER_BUTTON


@fn
def power_read(block: PowerBlock, offset: u32, width: u32, now: u64) -> u32:
    """1, 2 or 4 bytes from `offset` of the block."""
    if offset >= 8:
        return pm_timer_read(now) >> ((offset & 3) * 8)
    if offset < 4:
        both = power_status(block, now) | block.enable << 16
        return both >> (offset * 8)
    return u32(u16(block.control)) >> ((offset & 3) * 8)


@fn
def power_write(block: PowerBlock, offset: u32, width: u32, value: u32, now: u64) -> None:
    """Status bits clear where 1 is written; the timer ignores writes. Byte writes reach their half of a register."""
    if offset < 4:
        lanes = lane_mask(width) << (offset * 8)
        placed = value << (offset * 8) & lanes
        if placed & TIMER_STATUS != 0:
            block.carries_seen = pm_timer_carries(now)
        block.status = power_status(block, now) & ~(placed & 0xFFFF)
        if lanes >> 16 != 0:
            kept = block.enable & ~(lanes >> 16)
            block.enable = (kept | placed >> 16) & EVENTS
        return
    if offset >= 8:
        return
    shift = (offset & 3) * 8
    kept = u32(u16(block.control)) & ~(lane_mask(width) << shift)
    control = PowerControl.of(u16.trunc(kept | value << shift))
    if control.sleep_enable and control.sleep_type == SLEEP_TYPE_S5:
        block.power_off = True
    block.control = control.replace(sci_enabled=True, sleep_enable=False, global_release=False)


@fn
def lane_mask(width: u32) -> u32:
    """The bits of `width` bytes: 1, 2 or 4."""
    if width == 1:
        return u32(0xFF)
    if width == 2:
        return u32(0xFFFF)
    return u32(0xFFFF_FFFF)
