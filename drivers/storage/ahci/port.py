"""What is done to the registers of a port (AHCI 1.3.1, 10.3 and 10.4)."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.storage.ahci.registers import (
    LinkState,
    PortErrors,
    PortInterrupt,
    PortLinkControl,
)
from drivers.storage.ahci.state import LIST_OFFSET, MS, RECEIVED_OFFSET, AhciController, AhciPort, AhciState
from drivers.storage.ata.commands import AtaStatus

ALL_ONES = 0xFFFF_FFFF
STOP_NS = 500 * MS  # 10.1.2
NO_POWER_STATES = 3


@fn(cold=True)
def port_place(port: AhciPort) -> None:
    """Tell a port that is stopped where its memory is, and let it receive; the disk may spin up."""
    registers = port.registers()
    registers.list_low.write(u32.trunc(u64(port.memory + LIST_OFFSET)))
    registers.list_high.write(u32(u64(port.memory + LIST_OFFSET) >> 32))
    registers.received_low.write(u32.trunc(u64(port.memory + RECEIVED_OFFSET)))
    registers.received_high.write(u32(u64(port.memory + RECEIVED_OFFSET) >> 32))
    registers.errors.write(PortErrors.of(u32(ALL_ONES)))
    registers.interrupts.write(PortInterrupt.of(u32(ALL_ONES)))
    registers.enabled.write(
        PortInterrupt(
            registers_fis=True,
            pio_setup=True,
            dma_setup=True,
            set_bits=True,
            connection=True,
            link=True,
            overflow=True,
            interface=True,
            bus_data=True,
            bus=True,
            task_file=True,
        )
    )
    ask_link(port, LinkState.NONE)
    registers.command.write(registers.command.read().replace(spin_up=True, power=True))
    registers.command.write(registers.command.read().replace(receive=True))


@fn(cold=True)
def port_begin(port: AhciPort) -> None:
    """PxCMD.ST, with nothing left of what was before (10.3.1)."""
    registers = port.registers()
    registers.errors.write(PortErrors.of(u32(ALL_ONES)))
    registers.interrupts.write(PortInterrupt.of(u32(ALL_ONES)))
    registers.command.write(registers.command.read().replace(start=True))


@fn(cold=True)
def port_stop(port: AhciPort, now: u64, reset: bool) -> None:
    """Begin to end what is under way: because the disk has failed a command, or so that it is reset."""
    port.wants_reset = reset
    command = port.registers().command.read()
    port.registers().command.write(command.replace(start=False))
    port.state = AhciState.STOPPING
    port.until = now + STOP_NS


@fn(cold=True)
def ask_link(port: AhciPort, what: LinkState) -> None:
    """PxSCTL, at any speed."""
    control = PortLinkControl(detection=what, no_power_states=u8(NO_POWER_STATES))
    port.registers().link_control.write(control)


@fn
def is_busy(port: AhciPort) -> bool:
    """Whether the disk takes no command: then the port must not be started (10.3.1)."""
    status = AtaStatus.of(port.registers().task_file.read().status)
    return status.busy or status.data_request


@fn
def has_error(port: AhciPort) -> bool:
    """Whether the disk has failed its last command."""
    status = AtaStatus.of(port.registers().task_file.read().status)
    return not status.busy and (status.error or status.fault)


@fn(cold=True)
def note_errors(controller: AhciController, port: AhciPort) -> None:
    """Of the link, and forget them."""
    errors = port.registers().errors.read()
    if errors.crc:
        controller.crc_errors = controller.crc_errors.wrapping_add(1)
    port.registers().errors.write(errors)
