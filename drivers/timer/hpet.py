"""Registers of the HPET (IA-PC HPET specification 1.0a, 2.3), as far as a clock needs them."""

from __future__ import annotations

from codegen.lang import RO, BitStruct, MmioBlock, Reg, at, bit, bits, u32, u64

FEMTOSECONDS = 10**15
PERIOD_MAX = 100_000_000  # femtoseconds: the specification's 10 MHz at least


class HpetCapabilities(BitStruct, repr=u64):
    """GCAP_ID."""

    counter_64_bits: bool = bit(13)
    period: u32 = bits(32, 63)  # femtoseconds


class HpetConfiguration(BitStruct, repr=u64):
    """GEN_CONF."""

    enabled: bool = bit(0)
    legacy_replacement: bool = bit(1)


class Hpet(MmioBlock, size=0x400):
    """The registers that are read in 32-bit halves too: not every chipset takes 64 bits."""

    capabilities: Reg[HpetCapabilities] = at(0x00, access=RO)
    configuration: Reg[HpetConfiguration] = at(0x10)
    counter: Reg[u32] = at(0xF0)
