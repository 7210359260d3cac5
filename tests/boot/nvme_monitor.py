"""A monitor that starts the NVMe driver on all controllers, and tries each disk: it writes, flushes, reads back and
compares, makes sectors zero, discards, and looks where the interrupts' messages have gone."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Array,
    Field,
    Hpa,
    Struct,
    count,
    fn,
    phys,
    range,
    span_of,
    storage,
    u8,
    u16,
    u32,
    u64,
    usize,
)
from drivers.host import moment
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.functions import PCI, BarKind, PciFunction, pci_next_of_class
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS, MODEL_BYTES, SERIAL_BYTES, Disk
from drivers.storage.nvme.collect import nvme_collect
from drivers.storage.nvme.connect import nvme_connect
from drivers.storage.nvme.recover import nvme_tick
from drivers.storage.nvme.start import CLASS_CODE, nvme_start
from drivers.storage.nvme.state import NVME
from drivers.storage.nvme.submit import nvme_submit
from hypervisor.console.console import console_interrupt
from hypervisor.console.log import log
from hypervisor.cpu.idle import NEVER, idle_until
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.dma.dma import dma_attach, dma_map
from hypervisor.machine import machine_begin, machine_complete
from hypervisor.memory.frames import allocate_frames
from hypervisor.memory.owner import Owner
from hypervisor.memory.paging import map_device

PAGE = 4096
PAGES = 64  # of the buffer
MARK = 0x5A00
QUEUES = 3
SECTORS = 8 * 8
SLOW = 1_000_000_000  # ns: a disk that is told not to answer before
MARKS = 8


class Words(Struct, size=PAGE, align=PAGE, shared=True):
    words: Array[u64] = count(512)


class Place(Struct):
    buffer: Field[Hpa]


PLACE = storage(Place)


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    buffer = allocate_frames(u32(PAGES), u8(Owner.DMA))
    if buffer is not None:
        PLACE.buffer = buffer
        index = pci_next_of_class(u32(0), u16(CLASS_CODE))
        while index is not None:
            try_controller(PCI.functions[index])
            index = pci_next_of_class(index + 1, u16(CLASS_CODE))
        for i in range(DISKS.disk_count):
            try_disk(i)
    log("the end")
    while True:
        console_interrupt()
        idle_until(u64(NEVER))


@fn
def try_controller(function: PciFunction) -> None:
    for i in range(u32(6)):
        bar = function.bars[i]
        if bar.kind == BarKind.MEMORY and bar.is_usable() and not map_device(Hpa(bar.address), bar.size):
            return
    requester = u16.trunc(u32(function.place))
    if dma_attach(requester) is not None:
        return
    if dma_map(requester, PLACE.buffer, u64(PAGES * PAGE), True, u8(Owner.DMA)) is not None:
        return
    number = NVME.controller_count
    fault = nvme_start(function, u32(QUEUES))
    if fault is not None:
        log(f"controller {number}: {fault.words()}")
        return
    connected = u32(0)
    for queue in range(u32(QUEUES)):
        # A message is a write: here of a mark to the buffer's last page, where it can be seen.
        address = u32(u64(PLACE.buffer) + (PAGES - 1) * PAGE + u64(4 * (number * MARKS + queue)))
        if nvme_connect(number, queue, MessageAddress.of(address), MessageData.of(MARK + queue)):
            connected += 1
    log(f"controller {number}: {NVME.controllers[number].queue_count} queues, {connected} connected")


@fn
def try_disk(number: u32) -> None:
    disk = DISKS.disks[number]
    model = span_of(disk).slice(usize(Disk.model.offset), usize(MODEL_BYTES))
    serial = span_of(disk).slice(usize(Disk.serial.offset), usize(SERIAL_BYTES))
    log(f"disk {number}: {disk.sectors} sectors in {disk.block}, at most {disk.bytes_max} bytes, {model}, {serial}")
    log(f"cache {disk.caches_writes}, discards {disk.discards}, zeroes {disk.zeroes}, read-only {disk.read_only}")
    for i in range(u64(16 * 512)):
        word(i).words[i % 512] = seed(number, i)
    begin = moment()
    one = NVME.controllers[disk.controller]
    first = run_command(number, BlockOperation.WRITE, u64(64), u32(0))
    say(number, first)
    if first != BlockOutcome.DONE:
        log(f"disk {number}: {one.resets} resets, {one.timeouts} timeouts, {moment() - begin} ns")
        return
    say(number, run_command(number, BlockOperation.FLUSH, u64(0), u32(0)))
    say(number, run_command(number, BlockOperation.READ, u64(64), u32(16)))
    same = True
    for i in range(u64(8 * 512)):
        same = same and word(i + 16 * 512).words[i % 512] == seed(number, i)
    log(f"disk {number}: read what was written {same}")
    if disk.zeroes:
        say(number, run_command(number, BlockOperation.WRITE_ZEROES, u64(72), u32(0)))
        say(number, run_command(number, BlockOperation.READ, u64(64), u32(16)))
        zeroes = u32(0)
        for i in range(u64(8 * 512)):
            zeroes += u32(word(i + 16 * 512).words[i % 512] == 0)
        log(f"disk {number}: {zeroes} words are zero")
    if disk.discards:
        say(number, run_command(number, BlockOperation.DISCARD, u64(128), u32(0)))
    say(number, run_command(number, BlockOperation.READ, disk.sectors, u32(0)))
    queue = number % u32(disk.queues)
    seen = phys(Words, PLACE.buffer + (PAGES - 1) * PAGE).words[(u32(disk.controller) * MARKS + queue) // 2]
    log(f"disk {number}: message {seen:#x}, {one.resets} resets, {one.timeouts} timeouts, {moment() - begin} ns")


@fn
def seed(number: u32, i: u64) -> u64:
    return (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) + u64(number)


@fn
def word(i: u64) -> Words:
    """The page of word `i` of the buffer."""
    return phys(Words, PLACE.buffer + i // 512 * PAGE)


@fn
def say(number: u32, outcome: BlockOutcome) -> None:
    log(f"disk {number}: {outcome.words()}")


@fn
def run_command(number: u32, operation: BlockOperation, sector: u64, page: u32) -> BlockOutcome:
    """SECTORS of data from the buffer's page `page` on: three segments, of which the first begins within a page."""
    disk = DISKS.disks[number]
    queue = number % u32(disk.queues)
    command = COMMANDS[number]
    command.zero()
    command.operation = operation
    command.disk = u16(number)
    command.sector = sector
    command.sectors = SECTORS
    command.deadline = moment() + SLOW
    command.segment_count = 3
    base = PLACE.buffer + u64(page) * PAGE
    command.segments[0].hpa = base
    command.segments[0].bytes = PAGE
    command.segments[1].hpa = base + PAGE
    command.segments[1].bytes = 6 * PAGE
    command.segments[2].hpa = base + 7 * PAGE
    command.segments[2].bytes = PAGE
    due = command.deadline
    while not nvme_submit(number, queue):
        due = nvme_tick(u32(disk.controller), moment())
    while True:
        done = nvme_collect(u32(disk.controller), queue)
        if done is not None:
            return COMMANDS[done].outcome
        if moment() >= due:
            due = nvme_tick(u32(disk.controller), moment())
