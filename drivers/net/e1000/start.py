"""Starting an e1000: from what firmware has left to a port that sends and receives."""

from __future__ import annotations

from codegen.lang import Hpa, address_of, fn, pause, phys, range, static, u8, u16, u32, u64
from drivers.host import device_memory, moment
from drivers.net.e1000.address import read_address, write_address
from drivers.net.e1000.descriptors import BUFFER, RING, E1000Ring
from drivers.net.e1000.link import look_at_link, wake_phy
from drivers.net.e1000.registers import REGISTER_BYTES
from drivers.net.e1000.reset import reset_begin, reset_step
from drivers.net.e1000.room import SEND_BYTES
from drivers.net.e1000.setup import RING_BYTES, set_up
from drivers.net.e1000.state import (
    CONTROLLERS_MAX,
    E1000,
    ROOM_NONE,
    E1000Controller,
    E1000Stage,
    still_answers,
)
from drivers.net.fault import NetFault
from drivers.net.port import MAC_BYTES, NET, PORTS_MAX, NetDriver, net_port_add
from drivers.pci.functions import BARS_MAX, BarKind, PciFunction, PciOwner
from drivers.pci.quiet import pci_take, read_command, write_command

INTEL = 0x8086
PCI_CARDS = (0x100E, 0x100F, 0x1015, 0x1016, 0x1017, 0x101E)  # 82540EM, 82545EM, 82540EM and EP on boards
EXPRESS_CARDS = (0x10D3, 0x10F6, 0x150C)  # 82574L, 82574LA, 82583V
ADDRESS_LIMIT = 1 << 32  # a card on PCI may not reach more


@fn(cold=True)
def is_e1000(function: PciFunction) -> bool:
    """Whether this driver is for it."""
    return function.vendor == INTEL and (is_one_of_pci(function) or is_express(function))


@fn(cold=True)
def is_one_of_pci(function: PciFunction) -> bool:
    for device in static(PCI_CARDS):
        if function.device == device:
            return True
    return False


@fn(cold=True)
def is_express(function: PciFunction) -> bool:
    for device in static(EXPRESS_CARDS):
        if function.device == device:
            return True
    return False


@fn(cold=True)
def e1000_start(function: PciFunction) -> NetFault | None:
    """Its number is that of its port's `controller`. At the machine's start, its usable memory BARs mapped. Waits for
    20 ms, if the card does not answer for 1.3 s. After a fault the card does no DMA, and is not in the table."""
    number = E1000.controller_count
    if not is_e1000(function):
        return NetFault.UNSUPPORTED
    if number >= CONTROLLERS_MAX or NET.port_count >= PORTS_MAX:
        return NetFault.NO_ROOM
    bar = function.bars[0]
    if bar.kind != BarKind.MEMORY or not bar.is_usable() or bar.size < REGISTER_BYTES:
        return NetFault.NO_REGISTERS
    if function.owner != PciOwner.NONE and function.owner != PciOwner.FIRMWARE:
        return NetFault.TAKEN
    card = E1000.controllers[number]
    card.zero()
    card.registers = Hpa(bar.address)
    card.function = function
    card.express = is_express(function)
    card.send_room = ROOM_NONE
    fault = make_ready(card, function)
    if fault is None:
        fault = open_port(card, u8(number))
    if fault is not None:
        write_command(function, read_command(function).replace(bus_master=False))
        return fault
    E1000.controller_count = number + 1
    return None


@fn(cold=True)
def make_ready(card: E1000Controller, function: PciFunction) -> NetFault | None:
    """Reset before it may master the bus: what firmware's queues still receive would go to RAM that is guests' now."""
    command = read_command(function)
    write_command(function, command.replace(io=True, memory=True, bus_master=False, no_intx=True))
    if not still_answers(card):
        return NetFault.NO_REGISTERS
    if not card.express:
        card.reset_port = port_of(function)
    reset_begin(card, moment())
    while card.stage == E1000Stage.QUIET or card.stage == E1000Stage.RESETTING:
        reset_step(card, moment())
        pause()
    if card.stage == E1000Stage.GONE:
        return NetFault.NO_REGISTERS
    if card.stage != E1000Stage.RESET:
        return NetFault.TIMED_OUT
    if not pci_take(function, PciOwner.E1000):
        return NetFault.TAKEN
    return None if give_memory(card, function) else NetFault.NO_MEMORY


@fn(cold=True)
def port_of(function: PciFunction) -> u16:
    """Of its I/O BAR; 0 when it has none that can be used."""
    for number in range(u32(BARS_MAX)):
        bar = function.bars[number]
        if bar.kind == BarKind.IO and bar.is_usable() and bar.size >= 8:
            return u16(bar.address)
    return u16(0)


@fn(cold=True)
def give_memory(card: E1000Controller, function: PciFunction) -> bool:
    """For both queues and their frames."""
    requester = u16.trunc(u32(function.place))
    receive_ring = device_memory(requester, u64(RING_BYTES), u64(ADDRESS_LIMIT))
    receive_buffers = device_memory(requester, u64(RING * BUFFER), u64(ADDRESS_LIMIT))
    send_ring = device_memory(requester, u64(RING_BYTES), u64(ADDRESS_LIMIT))
    send_buffers = device_memory(requester, u64(SEND_BYTES), u64(ADDRESS_LIMIT))
    if receive_ring is None or receive_buffers is None or send_ring is None or send_buffers is None:
        return False
    card.receive_ring = receive_ring
    card.receive_buffers = receive_buffers
    card.receive_view = address_of(phys(E1000Ring, receive_buffers))
    card.send_ring = send_ring
    card.send_buffers = send_buffers
    card.send_view = address_of(phys(E1000Ring, send_buffers))
    return True


@fn(cold=True)
def open_port(card: E1000Controller, number: u8) -> NetFault | None:
    """The card works from here on."""
    address = read_address(card)
    if address is None:
        return NetFault.FAILED
    function = card.function
    port = net_port_add(NetDriver.E1000, number)
    if function is None or port is None:
        return NetFault.NO_ROOM
    port.requester = u16.trunc(u32(function.place))
    port.checksums = True
    port.segments = True
    for byte in range(u32(MAC_BYTES)):
        port.mac[byte] = u8.trunc(address >> 8 * byte)
    card.port = port
    write_address(card, address)
    wake_phy(card)
    set_up(card, moment())
    look_at_link(card)
    return None
