"""A monitor that sends every frame back: with its addresses exchanged, UDP's checksum left to the card, and TCP's data
eight times, left to the card to cut. It looks for frames when the card interrupts."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Field,
    Hpa,
    Local,
    Span,
    Struct,
    fn,
    len,
    pause,
    range,
    span_at,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from drivers.net.e1000.interrupt import e1000_interrupt, e1000_line
from drivers.net.e1000.receive import e1000_receive, e1000_receive_done
from drivers.net.e1000.reset import reset_begin
from drivers.net.e1000.room import e1000_room
from drivers.net.e1000.send import e1000_send
from drivers.net.e1000.start import e1000_start, is_e1000
from drivers.net.e1000.state import E1000, E1000Stage
from drivers.net.e1000.tick import e1000_tick
from drivers.net.frame import SEGMENT_TCP4, Frame
from drivers.net.port import NET
from drivers.pci.functions import PCI, PciFunction
from hypervisor.console.console import console_interrupt
from hypervisor.console.log import log
from hypervisor.cpu.idle import NEVER, idle_until
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.dma.dma import dma_attach
from hypervisor.machine import machine_begin, machine_complete
from hypervisor.memory.paging import map_device
from hypervisor.time.clock import clock_now

HEADERS = 14 + 20 + 20
UDP_AT, UDP_CHECKSUM, TCP_CHECKSUM = 34, 6, 16
UDP, TCP = 17, 6
COPIES = 8
SEGMENT = 1000
RESET, END = 0xFE, 0xFF  # in the byte behind a frame's addresses and type


class Progress(Struct):
    echoed: Field[u64]
    due: Field[u64]


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    for number in range(PCI.function_count):
        function = PCI.functions[number]
        if is_e1000(function):
            serve(function)
    log("the end: no card")
    rest()


@fn
def serve(function: PciFunction) -> Never:
    """Until a frame says END."""
    if dma_attach(u16.trunc(u32(function.place))) is not None or not map_device(
        Hpa(function.bars[0].address), function.bars[0].size
    ):
        log("the end: no access to the card")
        rest()
    fault = e1000_start(function)
    if fault is not None:
        log(f"the end: {fault.words()}")
        rest()
    port = NET.ports[0]
    log(f"line {e1000_line(u32(0))}, link {port.link} at {port.megabits}, {port.mac[0]:02x}...{port.mac[5]:02x}")
    frame = Local(Frame)
    progress = Local(Progress)
    hello(frame)
    while True:
        if clock_now() >= progress.due:
            progress.due = e1000_tick(u32(0), clock_now())
        if e1000_interrupt(u32(0)):
            while e1000_receive(u32(0), frame):
                if not take(frame, progress):
                    say_end(progress)
        pause()


@fn
def hello(frame: Frame) -> None:
    """So that the other side knows that it is heard."""
    place = e1000_room(u32(0))
    if place is not None:
        frame.zero()
        frame.at = place
        frame.bytes = 60
        span_at(place, u64(60)).fill(u8(0xFF))
        e1000_send(u32(0), frame)


@fn
def say_end(progress: Progress) -> Never:
    counters = E1000.controllers[0].counters
    log(f"echoed {progress.echoed}, resets {counters.resets}, lost {counters.lost}, missed {counters.missed}")
    log(f"dropped {counters.bad + counters.split + counters.short + counters.long + counters.refused}")
    log("the end")
    rest()


@fn
def take(frame: Frame, progress: Progress) -> bool:
    """False at the end."""
    bytes = span_at(frame.at, u64(frame.bytes))
    if bytes[12] == 0x88 and bytes[14] >= RESET:
        last = bytes[14] == END
        e1000_receive_done(u32(0))
        if not last:
            reset_begin(E1000.controllers[0], clock_now())
            while E1000.controllers[0].stage != E1000Stage.RUNNING:
                e1000_tick(u32(0), clock_now())
            hello(frame)
        return not last
    place = e1000_room(u32(0))
    while place is None:
        pause()
        place = e1000_room(u32(0))
    out = Local(Frame)
    out.zero()
    out.at = place
    out.bytes = frame.bytes
    echo = span_at(place, u64(frame.bytes))
    echo.copy_from(bytes)
    echo.slice(0, 6).copy_from(bytes.slice(6, 6))
    echo.slice(6, 6).copy_from(bytes.slice(0, 6))
    if bytes[12] == 8 and bytes[23] == UDP:
        out.checksum_wanted = True
        out.checksum_start = UDP_AT
        out.checksum_offset = UDP_CHECKSUM
    elif bytes[12] == 8 and bytes[23] == TCP and frame.bytes > HEADERS:
        multiply(out, bytes)
    e1000_send(u32(0), out)
    e1000_receive_done(u32(0))
    progress.echoed += 1
    return True


@fn
def multiply(out: Frame, bytes: Span) -> None:
    """COPIES of its data in one frame, to be cut."""
    length = u64(len(bytes))
    data = length - HEADERS
    for copy in range(u64(1), u64(COPIES)):
        span_at(out.at + HEADERS + copy * data, data).copy_from(bytes.slice(usize(HEADERS), usize(data)))
    out.bytes = u32(HEADERS + COPIES * data)
    out.checksum_wanted = True
    out.checksum_start = UDP_AT
    out.checksum_offset = TCP_CHECKSUM
    out.segment = SEGMENT_TCP4
    out.segment_bytes = SEGMENT


@fn
def rest() -> Never:
    while True:
        console_interrupt()
        idle_until(u64(NEVER))
