"""A clock of known frequency to measure the TSC with: the ACPI PM timer, else the HPET, else the PIT's counter 2."""

from __future__ import annotations

from codegen.lang import Field, Hpa, HwEnum, PortBlock, Reg, Struct, at, fn, mmio, ports, u8, u16, u32, u64
from drivers.timer.hpet import FEMTOSECONDS, PERIOD_MAX, Hpet
from drivers.timer.pit import (
    PIT_FREQUENCY,
    PIT_PORT,
    SYSTEM_CONTROL_PORT,
    Pit8254,
    PitAccess,
    PitControl,
    SystemControl,
)
from drivers.timer.pm_timer import PM_TIMER_FREQUENCY, PmTimerPorts


class ReferenceKind(HwEnum, repr=u32):
    """Which clock it is."""

    NONE = 0
    PM_TIMER = 1
    HPET = 2
    PIT = 3


class Reference(Struct):
    """A counter that goes up, wraps at `mask`, and has `frequency` ticks in a second."""

    kind: Field[ReferenceKind]
    port: Field[u16]
    base: Field[Hpa]
    mask: Field[u32]
    frequency: Field[u64]

    @fn
    def read(self) -> u32:
        """The counter now, modulo mask + 1."""
        match self.kind:
            case ReferenceKind.PM_TIMER:
                return ports(PmTimerPorts, self.port).value.read() & self.mask
            case ReferenceKind.HPET:
                return mmio(Hpet, self.base).counter.read()
            case ReferenceKind.PIT:
                return read_counter2()
            case _:
                return u32(0)

    @fn
    def since(self, earlier: u32, now: u32) -> u32:
        """Ticks from one reading to a later one, less than one wrap apart."""
        return now.wrapping_sub(earlier) & self.mask


class SystemControlPort(PortBlock, size=1):
    """Port 61h."""

    control: Reg[SystemControl] = at(0)


@fn(cold=True)
def use_pm_timer(reference: Reference, port: u16, is_32_bits: bool) -> None:
    """The port comes from the FADT."""
    reference.kind = ReferenceKind.PM_TIMER
    reference.port = port
    # All 32 bits are implemented where the FADT says so; with 24, the upper 8 are zero.
    reference.mask = u32(0xFFFF_FFFF) if is_32_bits else u32(0xFF_FFFF)
    reference.frequency = PM_TIMER_FREQUENCY


@fn(cold=True)
def use_hpet(reference: Reference, base: Hpa) -> bool:
    """Registers that are mapped already. False when the HPET's period is nonsense."""
    hpet = mmio(Hpet, base)
    period = u64(hpet.capabilities.read().period)
    if period == 0 or period > PERIOD_MAX:
        return False
    hpet.configuration.write(hpet.configuration.read().replace(enabled=True))
    reference.kind = ReferenceKind.HPET
    reference.base = base
    reference.mask = 0xFFFF_FFFF
    reference.frequency = FEMTOSECONDS // period
    return True


@fn(cold=True)
def use_pit(reference: Reference) -> None:
    """Let counter 2 run down from 65536 for ever, with the speaker off."""
    ports(SystemControlPort, u16(SYSTEM_CONTROL_PORT)).control.write(SystemControl(gate2=True))
    pit = ports(Pit8254, u16(PIT_PORT))
    pit.control.write(PitControl(channel=u8(2), access=PitAccess.LOW_HIGH, mode=u8(2)))
    pit.counter[2].write(0)
    pit.counter[2].write(0)
    reference.kind = ReferenceKind.PIT
    reference.mask = 0xFFFF
    reference.frequency = PIT_FREQUENCY


@fn
def read_counter2() -> u32:
    """Counter 2 counts down; negated, it counts up."""
    pit = ports(Pit8254, u16(PIT_PORT))
    pit.control.write(PitControl(channel=u8(2), access=PitAccess.LATCH))
    low = u32(pit.counter[2].read())
    high = u32(pit.counter[2].read())
    return u32(0).wrapping_sub(high << 8 | low) & 0xFFFF
