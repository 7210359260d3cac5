"""Which function: segment, bus, device and function in one number, in the order in which buses are walked."""

from __future__ import annotations

from codegen.lang import BitStruct, bits, u8, u16, u32


class PciAddress(BitStruct, repr=u32):
    """A function's place. The low 16 bits are its requester ID (PCI Express 5.0, 2.2.6.2)."""

    function: u8 = bits(0, 2)
    device: u8 = bits(3, 7)
    bus: u8 = bits(8, 15)
    segment: u16 = bits(16, 31)
