"""How the board is wired: which interrupt of the PC is which pin of the I/O APIC, and what the local APICs' pins get.

The chips (board.py) follow it, and the MADT and the MP tables tell it to guests.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.interrupt.pic import CASCADE_IRQ

ISA_IRQS = 16
LINES = 24  # IRQ 0 to 15, then GSI 16 to 23, which only the I/O APIC has
PIT_IRQ, PIT_GSI = 0, 2
SCI_IRQ = 9
PCI_SLOTS = 16
PCI_LINES = (10, 11)  # where INTA# of the slots ends, level-triggered
PCI_WIRES = {slot: PCI_LINES[slot % len(PCI_LINES)] for slot in range(PCI_SLOTS)}
IO_APIC_ID = 0
LINT_PIC, LINT_NMI = 0, 1  # pins of every local APIC

EVERY_LOCAL_APIC = 0xFF

BUS_DEFAULT = 0  # MPS INTI flags (MultiProcessor Specification 1.4, table 4-10): as the bus has it
ACTIVE_HIGH_LEVEL = 0x0D
ACTIVE_LOW_LEVEL = 0x0F


@dataclass(frozen=True)
class Wire:
    """From an ISA interrupt to a pin of the I/O APIC. Edge-triggered as the ISA bus has it, or level and active
    high."""

    irq: int
    gsi: int
    level: bool

    @property
    def flags(self) -> int:
        """Polarity and trigger mode in both specifications' form."""
        return ACTIVE_HIGH_LEVEL if self.level else BUS_DEFAULT

    @property
    def ordinary(self) -> bool:
        """Whether a guest expects this wire unless it is told of another."""
        return self.irq == self.gsi and not self.level


ISA_WIRES = tuple(
    Wire(irq, PIT_GSI if irq == PIT_IRQ else irq, level=irq == SCI_IRQ) for irq in range(ISA_IRQS) if irq != CASCADE_IRQ
)
