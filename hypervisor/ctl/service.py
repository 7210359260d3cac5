"""The port's turn in the first processor's service rounds: bytes that came, a piece of the answer, and what the port
takes of it."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from drivers.console.ns16550 import FIFO_BYTES
from drivers.console.serial import serial_can_send, serial_interrupts, serial_receive, serial_send
from hypervisor.ctl.answer import ANSWER, has_room
from hypervisor.ctl.line import doubt_bytes, take_byte
from hypervisor.ctl.port import CTL_PORT
from hypervisor.ctl.run import RUNNING, run_step

RECEIVED_MAX = 1024  # bytes of one round
FIFOS_MAX = 64  # fillings of one round, where the port is no real one and takes them at once


@fn
def serve_ctl() -> None:
    """After an interrupt of the port, and once a second in any case."""
    if CTL_PORT.wanted.load() != 0 and CTL_PORT.serial.present:
        serve_port()


@fn(cold=True, noinline=True)
def serve_port() -> None:
    """Interrupts are off meanwhile: switching on what is wanted makes an edge if there is something to do already."""
    CTL_PORT.wanted.store(0)
    serial = CTL_PORT.serial
    serial_interrupts(serial, False, False)
    receive()
    if RUNNING.busy and has_room():
        run_step()
    transmit()
    serial_interrupts(serial, not RUNNING.busy, RUNNING.busy or not ANSWER.ring.is_empty())


@fn(cold=True)
def receive() -> None:
    """Up to the end of a line; the next one waits until this one is answered."""
    for _ in range(u32(RECEIVED_MAX)):
        if RUNNING.busy or not has_room():
            return
        errors = CTL_PORT.serial.errors
        byte = serial_receive(CTL_PORT.serial)
        if CTL_PORT.serial.errors != errors:
            doubt_bytes()
        if byte is None:
            return
        take_byte(byte)


@fn(cold=True)
def transmit() -> None:
    """What the port takes now; its interrupt asks for more."""
    for _ in range(u32(FIFOS_MAX)):
        if ANSWER.ring.is_empty() or not serial_can_send(CTL_PORT.serial):
            return
        for _ in range(u32(FIFO_BYTES)):
            if not ANSWER.ring.is_empty():
                serial_send(CTL_PORT.serial, ANSWER.ring.take())
