"""All other processors, in the order of the firmware's table: wake, compare, measure, switch virtualization on, run.

INIT, 10 ms, STARTUP, 200 us, STARTUP (SDM vol. 3A, 9.4.4). One at a time, so that nothing here needs a lock. Whoever
fails is put back to waiting for a STARTUP, and named in a warning; the next one takes its number.
"""

from __future__ import annotations

from boot.info import BootInfo
from codegen.lang import Hpa, fn, len, range, u8, u32, u64
from drivers.acpi.machine import MACHINE
from drivers.interrupt.lapic_ipi import send_init, send_startup
from hypervisor.console.log import log, warn
from hypervisor.cpu.features import words_for
from hypervisor.cpu.panic import panic
from hypervisor.cpu.per_cpu import CPU, CPUS, CPUS_MAX
from hypervisor.cpu.processors import processor_joins, processors_running
from hypervisor.cpu.smp.arrive import remember_first
from hypervisor.cpu.smp.low_page import low_page, release_tables, start_tables
from hypervisor.cpu.smp.sameness import REFERENCE, WORDS, sameness_start
from hypervisor.cpu.smp.siblings import is_sibling
from hypervisor.cpu.smp.steps import NO_DIFFERENCE, START, Step, ask, is_done_within, perform, wait_for
from hypervisor.cpu.smp.trampoline import trampoline_close, trampoline_copy, trampoline_permit
from hypervisor.cpu.smp.tsc import CHECK, tsc_agrees
from hypervisor.cpu.stacks import stacks_map
from hypervisor.memory.frames import allocate_frame, release_frame
from hypervisor.memory.owner import Owner
from hypervisor.vcpu.contract import Capability

AFTER_INIT = 10_000_000  # nanoseconds
AFTER_STARTUP = 200_000
PATIENCE = 5_000_000_000  # for each step: an emulator may give a processor no time for long


@fn(cold=True)
def processors_start(info: BootInfo, guests: bool) -> None:
    """On the first processor, when its clock and interrupts work and no VM has been made. `guests`: it can run them,
    so the others must be able to."""
    if MACHINE.processor_count > 1:
        page = low_page(info)
        root = start_tables(page) if page is not None else None
        if page is None or root is None:
            warn("one processor only: there is no memory below 1 MiB, or no room below 4 GiB, to start others in")
        else:
            remember_first()
            sameness_start(guests)
            trampoline_copy(page, root)
            start_all(page, guests)
            release_tables(root)
    if MACHINE.processors_beyond != 0:
        warn(f"{MACHINE.processors_beyond} more processors are left alone: Keelback uses {CPUS_MAX} at most")
    log(f"{processors_running()} processors run")


@fn(cold=True)
def start_all(page: Hpa, guests: bool) -> None:
    """Every enabled processor of the table, but for siblings of those that run."""
    resting = u32(0)
    for i in range(MACHINE.processor_count):
        apic_id = MACHINE.processors[i]
        if apic_id == CPU.current.apic_id:
            continue
        if is_sibling(apic_id):
            resting += 1
        elif not start_one(page, apic_id, guests):
            trampoline_close(page)
            send_init(apic_id)
            wait_for(u64(AFTER_INIT))
    if resting != 0:
        log(f"{resting} hyperthreads rest: what they share with their siblings would tell of other guests")


@fn(cold=True)
def start_one(page: Hpa, apic_id: u32, guests: bool) -> bool:
    """Through all steps; False, with a warning, when one fails."""
    own = CPUS[processors_running()]
    if own.stack_top == 0 and not stacks_map(own, processors_running()):
        warn(f"processor with APIC ID {apic_id} is left out: no memory is left for its stacks")
        return False
    trampoline_permit(page, processors_running(), own.stack_top)
    if not wake(page, apic_id):
        warn(f"processor with APIC ID {apic_id} is left out: it does not start")
        return False
    if START.apic_id != apic_id:
        warn(f"processor with APIC ID {apic_id} is left out: {START.apic_id} came in its place")
        return False
    if not (is_same(apic_id) and has_same_time(apic_id)):
        return False
    if guests and not can_virtualize(apic_id):
        return False
    processor_joins()
    # All that remains is to leave START alone. INIT would not reach it any more: VMX operation blocks that.
    if not perform(Step.RUN, u64(PATIENCE)):
        panic(f"processor with APIC ID {apic_id} has stopped at its start")
    return True


@fn(cold=True)
def wake(page: Hpa, apic_id: u32) -> bool:
    """From whatever it does to `start_processor`. The second STARTUP is for a processor that missed the first."""
    ask(Step.ARRIVE)
    if not send_init(apic_id):
        return False
    wait_for(u64(AFTER_INIT))
    for _ in range(u32(2)):
        if not send_startup(apic_id, u8(u64(page) >> 12)):
            return False
        if is_done_within(u64(AFTER_STARTUP)):
            return True
    return is_done_within(u64(PATIENCE))


@fn(cold=True)
def is_same(apic_id: u32) -> bool:
    """As the first one, in all that a guest could notice or the monitor relies on."""
    if not perform(Step.COMPARE, u64(PATIENCE)):
        warn(f"processor with APIC ID {apic_id} is left out: it does not answer")
        return False
    if START.different == NO_DIFFERENCE:
        return True
    expected = REFERENCE.words[START.different]
    if START.different < len(WORDS):
        word = WORDS[START.different]
        warn(
            f"processor with APIC ID {apic_id} is left out: CPUID {word.leaf:#x}.{word.subleaf} register "
            f"{word.register} is {START.found:#x} there, {expected:#x} on the first"
        )
    else:
        warn(
            f"processor with APIC ID {apic_id} is left out: its virtualization differs, capability "
            f"{START.different - len(WORDS)} is {START.found:#x} there, {expected:#x} on the first"
        )
    return False


@fn(cold=True)
def has_same_time(apic_id: u32) -> bool:
    """The TSC is the guests' clock: it must not go backwards where a vCPU moves."""
    if tsc_agrees():
        if CHECK.corrected:
            warn(f"processor with APIC ID {apic_id}: its TSC was not that of the first; IA32_TSC_ADJUST corrects it")
        return True
    warn(
        f"processor with APIC ID {apic_id} is left out: its TSC is not that of the first, "
        f"{CHECK.new_is_behind} ticks behind, {CHECK.new_is_ahead} ahead"
    )
    return False


@fn(cold=True)
def can_virtualize(apic_id: u32) -> bool:
    """Switch VT-x or AMD-V on there, with a frame of its own."""
    area = allocate_frame(u8(Owner.CONTROL))
    if area is None:
        warn(f"processor with APIC ID {apic_id} is left out: no memory is left")
        return False
    START.host_area = area
    if not perform(Step.VIRTUALIZE, u64(PATIENCE)):
        warn(f"processor with APIC ID {apic_id} is left out: it does not answer")  # the frame may be in use: it is lost
        return False
    missing = Capability.checked(START.missing)
    if missing != Capability.PRESENT:
        warn(f"processor with APIC ID {apic_id} is left out: {words_for(missing)}")
        release_frame(area, u8(Owner.CONTROL))
        return False
    return True
