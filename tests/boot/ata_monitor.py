"""A monitor that starts the drivers of IDE and AHCI controllers, and tries each disk: it writes, flushes, reads back
and compares, with several commands at a time, discards, and breaks the disk's limits."""

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
from drivers.storage.ahci.ahci import ahci_collect, ahci_connect, ahci_submit, ahci_tick
from drivers.storage.ahci.registers import AHCI_CLASS
from drivers.storage.ahci.start import ahci_start
from drivers.storage.ahci.state import AHCI
from drivers.storage.ata.ata import ata_collect, ata_submit, ata_tick
from drivers.storage.ata.registers import IDE_CLASS
from drivers.storage.ata.start import ata_irq, ata_start
from drivers.storage.ata.state import ATA
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS, MODEL_BYTES, Disk, DiskDriver
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
PAGES = 128  # of the buffer: the first half is written, the second read; the very last page takes messages
MARK = 0x5A5A
AT_ONCE = 8
SECTORS = 32  # of each of these: three segments
PER_COMMAND = 4  # pages
TRIED_FROM = 64  # sectors
SLOW = 3_000_000_000  # ns


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
        start_all(u16(IDE_CLASS))
        start_all(u16(AHCI_CLASS))
        for i in range(DISKS.disk_count):
            try_disk(i)
    log("the end")
    while True:
        console_interrupt()
        idle_until(u64(NEVER))


@fn
def start_all(class_code: u16) -> None:
    index = pci_next_of_class(u32(0), class_code)
    while index is not None:
        start_one(PCI.functions[index], class_code == IDE_CLASS)
        index = pci_next_of_class(index + 1, class_code)


@fn
def start_one(function: PciFunction, ide: bool) -> None:
    for i in range(u32(6)):
        bar = function.bars[i]
        if bar.kind == BarKind.MEMORY and bar.is_usable() and not map_device(Hpa(bar.address), bar.size):
            return
    requester = u16.trunc(u32(function.place))
    if dma_attach(requester) is not None:
        return
    if dma_map(requester, PLACE.buffer, u64(PAGES * PAGE), True, u8(Owner.DMA)) is not None:
        return
    began = moment()
    number = ATA.controller_count if ide else AHCI.controller_count
    fault = ata_start(function) if ide else ahci_start(function)
    took = (moment() - began) // 1_000_000
    if fault is not None:
        log(f"controller: {fault.words()}")
    elif ide and number < ATA.controller_count:
        log(f"IDE {number}: IRQs {ata_irq(number, u32(0))} and {ata_irq(number, u32(1))}, {took} ms")
    elif not ide and number < AHCI.controller_count:
        # A message is a write: here of a mark to the buffer's end, where it can be seen.
        address = u32(u64(PLACE.buffer) + (PAGES * PAGE - 4))
        connected = ahci_connect(number, MessageAddress.of(address), MessageData.of(MARK))
        log(f"AHCI {number}: connected {connected}, {took} ms")
    else:
        log(f"controller without disks, {took} ms")


@fn
def try_disk(number: u32) -> None:
    disk = DISKS.disks[number]
    model = span_of(disk).slice(usize(Disk.model.offset), usize(MODEL_BYTES))
    log(f"disk {number}: {disk.driver} unit {disk.unit}, {disk.sectors} sectors in {disk.block}, {model}")
    log(f"disk {number}: cache {disk.caches_writes}, discards {disk.discards}")
    for i in range(u64(AT_ONCE * PER_COMMAND * 512)):
        word(i).words[i % 512] = seed(number, i)
    say(number, run_all(number, BlockOperation.WRITE, u32(0)))
    say(number, run_one(number, BlockOperation.FLUSH, u64(0), u32(0)))
    read = run_all(number, BlockOperation.READ, u32(PAGES // 2))
    say(number, read)
    if read != BlockOutcome.DONE:
        read_again(number)
    same = True
    for i in range(u64(AT_ONCE * PER_COMMAND * 512)):
        same = same and word(i + PAGES // 2 * 512).words[i % 512] == seed(number, i)
    log(f"disk {number}: read what was written {same}")
    if disk.discards:
        say(number, run_one(number, BlockOperation.DISCARD, u64(1024), u32(0)))
    say(number, run_one(number, BlockOperation.READ, disk.sectors, u32(0)))
    message = phys(Words, PLACE.buffer + (PAGES - 1) * PAGE).words[511] >> 32
    log(f"disk {number}: message {message:#x}")
    if disk.driver == DiskDriver.ATA:
        ide = ATA.controllers[disk.controller]
        log(f"disk {number}: {ide.timeouts} timeouts, {ide.resets} resets, {ide.spurious} spurious")
    else:
        ahci = AHCI.controllers[disk.controller]
        log(f"disk {number}: {ahci.timeouts} timeouts, {ahci.resets} resets, {ahci.spurious} spurious")


@fn
def read_again(number: u32) -> None:
    """The same commands, one after another."""
    for i in range(u32(AT_ONCE)):
        outcome = run_one(number, BlockOperation.READ, u64(TRIED_FROM) + u64(i) * SECTORS, u32(PAGES // 2))
        log(f"disk {number} again: {outcome.words()}")


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
def fill(index: u32, number: u32, operation: BlockOperation, sector: u64, page: u32) -> None:
    """COMMANDS[index]: PER_COMMAND pages of the buffer from `page` on, in three segments of odd places and sizes."""
    command = COMMANDS[index]
    command.zero()
    command.operation = operation
    command.disk = u16(number)
    command.sector = sector
    command.sectors = SECTORS
    command.deadline = moment() + SLOW
    base = PLACE.buffer + u64(page) * PAGE
    command.segment_count = 3
    command.segments[0].hpa = base
    command.segments[0].bytes = 512
    command.segments[1].hpa = base + 512
    command.segments[1].bytes = 2 * PAGE
    command.segments[2].hpa = base + (512 + 2 * PAGE)
    command.segments[2].bytes = 2 * PAGE - 512


@fn
def run_one(number: u32, operation: BlockOperation, sector: u64, page: u32) -> BlockOutcome:
    fill(u32(0), number, operation, sector, page)
    if not submit(number, u32(0)):
        return BlockOutcome.PENDING
    return wait_for(number, u32(1))


@fn
def run_all(number: u32, operation: BlockOperation, page: u32) -> BlockOutcome:
    """AT_ONCE commands at once; the last outcome that is not DONE."""
    for i in range(u32(AT_ONCE)):
        fill(i, number, operation, u64(TRIED_FROM) + u64(i) * SECTORS, page + i * PER_COMMAND)
        if not submit(number, i):
            return BlockOutcome.PENDING
    return wait_for(number, u32(AT_ONCE))


@fn
def submit(number: u32, command: u32) -> bool:
    return ata_submit(command) if DISKS.disks[number].driver == DiskDriver.ATA else ahci_submit(command)


@fn
def wait_for(number: u32, commands: u32) -> BlockOutcome:
    outcome = BlockOutcome.DONE
    disk = DISKS.disks[number]
    left = commands
    due = u64(0)
    while left != 0:
        controller = u32(disk.controller)
        done = ata_collect(controller) if disk.driver == DiskDriver.ATA else ahci_collect(controller)
        if done is not None:
            left -= 1
            if COMMANDS[done].outcome != BlockOutcome.DONE:
                outcome = COMMANDS[done].outcome
        elif moment() >= due:
            now = moment()
            due = ata_tick(controller, now) if disk.driver == DiskDriver.ATA else ahci_tick(controller, now)
    return outcome
