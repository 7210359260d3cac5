"""The ACPI power-management timer (ACPI 6.5, section 4.8.3.3): a free-running counter of 24 or 32 bits."""

from __future__ import annotations

from codegen.lang import RO, PortBlock, Reg, at, u32

PM_TIMER_FREQUENCY = 3_579_545  # Hz


class PmTimerPorts(PortBlock, size=4):
    """PM_TMR_BLK; the port comes from the FADT."""

    value: Reg[u32] = at(0, access=RO)
