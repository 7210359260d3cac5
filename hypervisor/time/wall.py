"""The time of day: read once from the machine's real-time clock, then carried on by the one clock."""

from __future__ import annotations

from codegen.lang import Field, Local, Struct, fn, pause, ports, range, storage, u8, u16, u32, u64
from drivers.timer.rtc import CMOS_BYTES, CMOS_STATUS_A, CMOS_STATUS_D, RTC_PORT, RtcPorts, RtcStatusA
from hypervisor.devices.rtc_time import CmosRam, read_time_registers
from hypervisor.time.clock import CLOCK, SECOND, clock_now, tsc_to_ns

UPDATE_WAIT = 100_000  # reads of status A: an update takes 2 ms at most


class Wall(Struct):
    """Nanoseconds since 1970 when the one clock read 0."""

    at_start: Field[u64]


WALL = storage(Wall)


@fn(cold=True)
def read_cmos(index: u8) -> u8:
    """One byte of the machine's CMOS RAM; NMIs stay enabled (bit 7 clear)."""
    clock = ports(RtcPorts, u16(RTC_PORT))
    clock.index.write(index & 0x7F)
    return clock.data.read()


@fn(cold=True)
def wall_start() -> None:
    """Read the real-time clock between two of its updates."""
    for _ in range(u32(UPDATE_WAIT)):
        if not RtcStatusA.of(read_cmos(u8(CMOS_STATUS_A))).update_in_progress:
            break
        pause()
    ram = Local(CmosRam)
    for i in range(u32(CMOS_BYTES)):
        if i < CMOS_STATUS_D or i == 0x32:
            ram.bytes[i] = read_cmos(u8(i))
    WALL.at_start = (read_time_registers(ram) * SECOND).saturating_sub(clock_now())


@fn
def wall_at(tsc: u64) -> u64:
    """Nanoseconds since 1970 at a TSC reading."""
    return WALL.at_start + tsc_to_ns(tsc.wrapping_sub(CLOCK.start))
