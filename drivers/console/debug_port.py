"""The debug port of emulators, E9h: a byte written there appears on the emulator's own console."""

from __future__ import annotations

from codegen.lang import PortBlock, Reg, at, fn, ports, u8, u16

DEBUG_PORT = 0xE9


class DebugPort(PortBlock, size=1):
    """QEMU's isa-debugcon and Bochs' port_e9_hack: reads as E9h where it exists."""

    data: Reg[u8] = at(0)


@fn
def debug_port_present() -> bool:
    """Whether an emulator listens."""
    return ports(DebugPort, u16(DEBUG_PORT)).data.read() == DEBUG_PORT


@fn
def debug_port_put(byte: u8) -> None:
    """One byte to the emulator's console."""
    ports(DebugPort, u16(DEBUG_PORT)).data.write(byte)
