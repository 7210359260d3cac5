"""Answers sent at once, when there will be no later."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from drivers.console.ns16550 import FIFO_BYTES
from drivers.console.serial import serial_drain, serial_send, serial_wait_to_send
from hypervisor.ctl.answer import ANSWER
from hypervisor.ctl.port import CTL_PORT


@fn(cold=True)
def flush_answers() -> None:
    """Poll the port until it has sent everything; one that takes nothing is given up."""
    while not ANSWER.ring.is_empty() and serial_wait_to_send(CTL_PORT.serial):
        for _ in range(u32(FIFO_BYTES)):
            if not ANSWER.ring.is_empty():
                serial_send(CTL_PORT.serial, ANSWER.ring.take())
    serial_drain(CTL_PORT.serial)
