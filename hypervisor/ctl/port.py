"""The second serial port, and whether it wants to be served. Its interrupt touches nothing else."""

from __future__ import annotations

from codegen.lang import Atomic, Struct, fn, storage, u16, u32
from drivers.console.ns16550 import COM2
from drivers.console.serial import SerialPort, serial_interrupts, serial_start


class CtlPort(Struct):
    """`wanted`: 1 from an interrupt until it is served."""

    serial: SerialPort
    wanted: Atomic[u32]


CTL_PORT = storage(CtlPort)


@fn(cold=True)
def ctl_port_start() -> bool:
    """Whether the machine has one."""
    return serial_start(CTL_PORT.serial, u16(COM2))


@fn(cold=True)
def ctl_port_listen() -> None:
    """Its interrupt reaches us from now on."""
    serial_interrupts(CTL_PORT.serial, True, False)
