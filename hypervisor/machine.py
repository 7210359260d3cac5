"""Taking the machine over, in order, from the loader's hand-off to a clock that ticks."""

from __future__ import annotations

from boot.info import BOOT_INFO_MAGIC, BootInfo, BootWay
from codegen.lang import Hpa, fn, phys, storage, u32, u64
from drivers.acpi.machine import MACHINE, acpi_read_machine
from drivers.acpi.root import acpi_start
from drivers.console.linear_framebuffer import ADDRESS_LIMIT
from hypervisor.archive import archive_start
from hypervisor.console.console import console_start
from hypervisor.console.last_run import last_run_start, offer_last_run
from hypervisor.console.log import log, warn
from hypervisor.console.replay import console_use_framebuffer
from hypervisor.cpu.features import FEATURES, features_start
from hypervisor.cpu.gdt import segments_start
from hypervisor.cpu.idt import idt_fill, idt_load, idt_use_own_stacks
from hypervisor.cpu.interrupt_start import interrupts_start
from hypervisor.cpu.machine_check import machine_check_start
from hypervisor.cpu.mitigations import mitigations_start
from hypervisor.cpu.panic import panic
from hypervisor.cpu.per_cpu import CPU, per_cpu_start
from hypervisor.cpu.stacks import stacks_map
from hypervisor.cpu.xstate import XSTATE, xstate_start
from hypervisor.dma.start import iommu_start
from hypervisor.memory.memory_start import memory_find, memory_start
from hypervisor.pci.start import pci_start
from hypervisor.time.clock_start import clocks_start

EARLY_MAP_END = 4 << 30  # the entry code's page tables end there

BOOT = storage(BootInfo)  # our own copy: low memory is the firmware's and the loader's


@fn(cold=True)
def machine_begin(boot_info: Hpa) -> u64:
    """On the loader's stack and page tables, interrupts off: up to the final page tables. Gives our stack's top."""
    per_cpu_start(u32(0))
    own = CPU.here()
    segments_start(own.gdt, own.task_state)
    idt_fill()
    idt_load()
    BOOT.copy_from(phys(BootInfo, boot_info))
    features_start()
    console_start(BOOT.way != BootWay.UEFI)
    if BOOT.magic != BOOT_INFO_MAGIC:
        panic(f"the loader left no boot information at {boot_info}")
    if memory_find(BOOT):
        last_run_start(FEATURES.clflush)
    log(f"Keelback, started by {BOOT.way}")
    offer_last_run()
    console_use_framebuffer(BOOT.framebuffer, u64(EARLY_MAP_END))
    archive_start(BOOT.archive_base, BOOT.archive_size)
    if not memory_start(BOOT):
        panic("there is not enough memory below 4 GiB for the monitor itself: give the machine more")
    console_use_framebuffer(BOOT.framebuffer, u64(ADDRESS_LIMIT))
    if not stacks_map(own, own.index):
        panic("no memory is left for stacks")
    return own.stack_top


@fn(cold=True)
def machine_complete() -> None:
    """On a stack between guard pages: devices, interrupts (masked in RFLAGS), the clock, extended state."""
    idt_use_own_stacks()
    machine_check_start()
    if acpi_start(BOOT.rsdp):
        acpi_read_machine()
        log(f"ACPI: {MACHINE.processor_count} processors, PM timer at {MACHINE.pm_timer_port:#x}, HPET {MACHINE.hpet}")
    else:
        warn("the firmware has no ACPI tables")
    pci_start(BOOT)
    iommu_start(BOOT)
    if not interrupts_start():
        panic("no memory is left for page tables")
    if not clocks_start(BOOT.entry_tsc):
        panic("no clock ticks: neither PM timer, HPET nor PIT; the TSC cannot be measured")
    mitigations_start()
    if FEATURES.xsave:
        xstate_start()
        log(f"extended state: components {XSTATE.mask:#x}, {XSTATE.area_bytes} bytes")
