"""A monitor that lets QEMU's `edu` device (docs/specs/edu) do DMA: before it is attached, into a buffer, beside it,
and after that is unmapped. It says what the device could do."""

from __future__ import annotations

from typing import Never

from codegen.lang import (
    Field,
    Hpa,
    MmioBlock,
    Reg,
    Struct,
    at,
    fn,
    mmio,
    pause,
    phys,
    range,
    u8,
    u16,
    u32,
    u64,
)
from drivers.pci.functions import PCI, PciOwner, pci_next_of_id
from drivers.pci.quiet import pci_take
from hypervisor.console.console import console_interrupt
from hypervisor.console.log import log
from hypervisor.cpu.idle import NEVER, idle_until
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.dma.dma import dma_attach, dma_detach, dma_map, dma_unmap
from hypervisor.dma.faults import poll_dma_faults
from hypervisor.machine import machine_begin, machine_complete
from hypervisor.memory.frames import allocate_frames
from hypervisor.memory.owner import Owner
from hypervisor.memory.paging import map_device

VENDOR, DEVICE = 0x1234, 0x11E8
OWN_BUFFER = 0x40000
FROM_RAM, TO_RAM = 1, 3
MARK, OTHER = 0x6B65_656C_6261_636B, 0x1111_2222_3333_4444


class Edu(MmioBlock, size=0x100):
    source: Reg[u64] = at(0x80)
    destination: Reg[u64] = at(0x88)
    count: Reg[u64] = at(0x90)
    command: Reg[u64] = at(0x98)


class Word(Struct, size=8, shared=True):
    value: Field[u64] = at(0)


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    index = pci_next_of_id(u32(0), u16(VENDOR), u16(DEVICE))
    buffer = allocate_frames(u32(2), u8(Owner.DMA))
    if index is None or buffer is None:
        log("the end: no edu")
        rest()
    function = PCI.functions[index]
    base = Hpa(function.bars[0].address)
    if not map_device(base, u64(4096)) or not pci_take(function, PciOwner.NVME):
        log("the end: no edu to take")
        rest()
    edu = mmio(Edu, base)
    requester = u16.trunc(u32(function.place))
    log(f"the buffer is at {u64(buffer):#x}")
    say(u32(1), copied(edu, buffer, buffer))
    attached = dma_attach(requester) is None
    say(u32(2), copied(edu, buffer, buffer))
    foreign = dma_map(requester, buffer, u64(4096), True, u8(Owner.MONITOR)) is not None
    mapped = dma_map(requester, buffer, u64(4096), True, u8(Owner.DMA)) is None
    log(f"attached {attached}, foreign refused {foreign}, mapped {mapped}")
    say(u32(3), copied(edu, buffer, buffer + 8))
    say(u32(4), copied(edu, buffer, buffer + 4096))
    unmapped = dma_unmap(requester, buffer, u64(4096)) is None
    say(u32(5), copied(edu, buffer, buffer))
    mapped = dma_map(requester, buffer, u64(4096), False, u8(Owner.DMA)) is None
    say(u32(6), copied(edu, buffer, buffer + 8))
    detached = dma_detach(requester) is None
    say(u32(7), copied(edu, buffer, buffer))
    log(f"unmapped {unmapped}, mapped {mapped}, detached {detached}")
    log("the end")
    rest()


@fn
def rest() -> Never:
    while True:
        console_interrupt()
        idle_until(u64(NEVER))


@fn
def say(step: u32, done: bool) -> None:
    log(f"step {step}: copied {done}")
    poll_dma_faults()


@fn(noinline=True)
def copied(edu: Edu, source: Hpa, destination: Hpa) -> bool:
    """Whether the device reads the mark at `source` and writes it to `destination`."""
    phys(Word, source).value = MARK
    transfer(edu, u64(source), u64(OWN_BUFFER), u64(FROM_RAM))
    phys(Word, destination).value = OTHER
    transfer(edu, u64(OWN_BUFFER), u64(destination), u64(TO_RAM))
    return phys(Word, destination).value == MARK


@fn
def transfer(edu: Edu, source: u64, destination: u64, command: u64) -> None:
    edu.source.write(source)
    edu.destination.write(destination)
    edu.count.write(8)
    edu.command.write(command)
    for _ in range(u32(50_000_000)):
        if edu.command.read() & 1 == 0:
            return
        pause()
