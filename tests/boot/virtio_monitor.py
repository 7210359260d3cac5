"""A monitor that starts the drivers of QEMU's virtio disk and network card: it writes sectors, reads them back and
compares, and asks who has the address of the user network's gateway."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Field,
    Hpa,
    Hva,
    Local,
    Struct,
    at,
    fn,
    len,
    pause,
    phys,
    phys_span,
    range,
    span,
    span_at,
    u16,
    u32,
    u64,
)
from drivers.net.frame import Frame
from drivers.net.port import NET
from drivers.net.virtio.receive import virtio_net_receive, virtio_net_receive_done
from drivers.net.virtio.send import virtio_net_room, virtio_net_send
from drivers.net.virtio.start import virtio_net_start
from drivers.net.virtio.tick import virtio_net_tick
from drivers.pci.functions import BARS_MAX, PCI, BarKind, PciFunction
from drivers.storage.command import COMMANDS, SECTOR, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS
from drivers.storage.virtio.collect import virtio_block_collect
from drivers.storage.virtio.start import virtio_block_start
from drivers.storage.virtio.submit import virtio_block_submit
from drivers.storage.virtio.tick import virtio_block_tick
from drivers.virtio.status import DeviceType
from drivers.virtio.windows import virtio_is
from hypervisor.console.console import console_interrupt
from hypervisor.console.log import log
from hypervisor.cpu.idle import NEVER, idle_until
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.dma.buffers import device_buffer
from hypervisor.dma.dma import dma_attach
from hypervisor.dma.faults import poll_dma_faults
from hypervisor.machine import machine_begin, machine_complete
from hypervisor.memory.paging import map_device
from hypervisor.time.clock import SECOND, clock_now

FRAME = 4096
PIECE = 64 << 10  # bytes of a command, in two segments
COMMANDS_AT_ONCE = 4
OWN_MAC = b"RT\x00\x12\x34\x56"
ARP = span(b"\xff" * 6 + OWN_MAC + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + OWN_MAC + b"\x0a\x00\x02\x0f")
TARGET = span(b"\x00\x00\x00\x00\x00\x00\x0a\x00\x02\x02")
ARP_BYTES = 60


class Word(Struct, size=8, shared=True):
    value: Field[u64] = at(0)


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    for i in range(PCI.function_count):
        function = PCI.functions[i]
        if virtio_is(function, DeviceType.BLOCK) and prepare(function):
            fault = virtio_block_start(function, u32(2))
            if fault is not None:
                log(f"disk: {fault.words()}")
            else:
                use_disk()
        elif virtio_is(function, DeviceType.NETWORK) and prepare(function):
            trouble = virtio_net_start(function)
            if trouble is not None:
                log(f"net: {trouble.words()}")
            else:
                use_net()
    poll_dma_faults()
    log("the end")
    while True:
        console_interrupt()
        idle_until(u64(NEVER))


@fn
def prepare(function: PciFunction) -> bool:
    for i in range(u32(BARS_MAX)):
        bar = function.bars[i]
        if bar.kind == BarKind.MEMORY and bar.is_usable() and not map_device(Hpa(bar.address), bar.size):
            return False
    return dma_attach(u16.trunc(u32(function.place))) is None


@fn
def use_disk() -> None:
    disk = DISKS.disks[0]
    log(f"disk of {disk.sectors} sectors, {disk.queues} queues, {disk.segments_max} segments")
    buffer = device_buffer(disk.requester, u64(COMMANDS_AT_ONCE * PIECE), u64(1) << 40)
    if buffer is None:
        log("no buffer")
        return
    fill(buffer, u64(0x6B65_656C_0000_0000))
    log(f"written {all_of(BlockOperation.WRITE, buffer)}")
    log(f"flushed {flush()}")
    phys_span(buffer, u64(COMMANDS_AT_ONCE * PIECE)).fill(0)
    log(f"read {all_of(BlockOperation.READ, buffer)}")
    log(f"different words: {differing(buffer, u64(0x6B65_656C_0000_0000))}")
    log(f"never again: {virtio_block_tick(u32(0), clock_now()) == ~u64(0)}")


@fn
def fill(buffer: Hpa, mark: u64) -> None:
    for i in range(u64(COMMANDS_AT_ONCE * PIECE // 8)):
        phys(Word, buffer + i * 8).value = mark + i


@fn
def differing(buffer: Hpa, mark: u64) -> u64:
    found = u64(0)
    for i in range(u64(COMMANDS_AT_ONCE * PIECE // 8)):
        if phys(Word, buffer + i * 8).value != mark + i:
            found += 1
    return found


@fn
def all_of(operation: BlockOperation, buffer: Hpa) -> u32:
    """Several commands at once, on two queues; how many are done."""
    done = u32(0)
    left = u32(COMMANDS_AT_ONCE)
    for number in range(u32(COMMANDS_AT_ONCE)):
        command = COMMANDS[number]
        command.zero()
        command.operation = operation
        command.sector = u64(number) * (PIECE // SECTOR)
        command.sectors = PIECE // SECTOR
        command.segment_count = 2
        command.segments[0].hpa = buffer + u64(number) * PIECE
        command.segments[0].bytes = SECTOR
        command.segments[1].hpa = buffer + (u64(number) * PIECE + SECTOR)
        command.segments[1].bytes = PIECE - SECTOR
        command.deadline = clock_now() + 10 * SECOND
        queue = number % u32(DISKS.disks[0].queues)
        while not virtio_block_submit(number, queue) and left != 0:
            done += collected(u32(1))
            left -= 1
    return done + collected(left)


@fn
def flush() -> u32:
    COMMANDS[0].zero()
    COMMANDS[0].operation = BlockOperation.FLUSH
    COMMANDS[0].deadline = clock_now() + 10 * SECOND
    return collected(u32(1)) if virtio_block_submit(u32(0), u32(0)) else u32(0)


@fn
def collected(wanted: u32) -> u32:
    done = u32(0)
    ended = u32(0)
    end = clock_now() + 15 * SECOND
    while ended < wanted and clock_now() < end:
        for queue in range(u32(DISKS.disks[0].queues)):
            number = virtio_block_collect(u32(0), queue)
            if number is not None:
                ended += 1
                if COMMANDS[number].outcome == BlockOutcome.DONE:
                    done += 1
                else:
                    log(f"{COMMANDS[number].outcome.words()}")
        if virtio_block_tick(u32(0), clock_now()) == 0:
            log("never")
        pause()
    return done


@fn
def use_net() -> None:
    port = NET.ports[0]
    log(f"net {port.mac[0]:02x}:{port.mac[5]:02x}, link {port.link}, offloads {port.checksums} {port.segments}")
    place = virtio_net_room(u32(0))
    if place is None:
        log("no room")
        return
    ask(place)
    frame = Local(Frame)
    frame.at = place
    frame.bytes = ARP_BYTES
    virtio_net_send(u32(0), frame)
    end = clock_now() + 5 * SECOND
    while clock_now() < end:
        if virtio_net_receive(u32(0), frame):
            data = span_at(frame.at, u64(frame.bytes))
            arp = frame.bytes >= 42 and data[12] == 8 and data[13] == 6
            if arp:
                log(f"answer {data[21]} of {data[28]}.{data[29]}.{data[30]}.{data[31]}")
            virtio_net_receive_done(u32(0))
            if arp:
                break
        pause()
    log(f"looked after: {virtio_net_tick(u32(0), clock_now()) > clock_now()}")


@fn
def ask(place: Hva) -> None:
    """Who has 10.0.2.2?"""
    bytes = span_at(place, u64(ARP_BYTES))
    bytes.fill(0)
    for i in range(len(ARP)):
        bytes[i] = ARP[i]
    for i in range(len(TARGET)):
        bytes[len(ARP) + i] = TARGET[i]
