"""Machine checks in words: at once for a fatal one, otherwise when there is time."""

from __future__ import annotations

from typing import Never

from codegen.lang import Span, fn, rdmsr, span, u16, u32, u64
from hypervisor.console.log import warn
from hypervisor.cpu.machine_check import (
    BANK_ADDRESS,
    BANK_MISC,
    BANK_STATUS,
    BANK_STRIDE,
    BANKS_MAX,
    MACHINE_CHECKS,
    MCG_STATUS,
    RECORDS,
    BankStatus,
    poll_machine_checks,
    take_machine_check,
)
from hypervisor.cpu.panic import report, stop_at
from hypervisor.cpu.per_cpu import CPU
from hypervisor.cpu.trap_frame import TrapFrame


@fn
def handle_machine_check(frame: TrapFrame) -> None:
    """#MC, of the monitor's own code or handed on by a back end that saw one in a guest or at its entry. It may come
    between any two instructions: atomics only, unless it is the end."""
    CPU.here().machine_checks.fetch_add(1)
    bank = take_machine_check()
    if bank is not None:
        panic_by_bank(bank, frame)


@fn(cold=True)
def panic_by_bank(bank: u32, frame: TrapFrame) -> Never:
    """The processor says that something is lost: show what, and stop."""
    if bank == BANKS_MAX:
        report("machine check without a report: the program cannot go on")
    else:
        first = bank * BANK_STRIDE
        status = BankStatus.of(rdmsr(BANK_STATUS + first))
        address = rdmsr(BANK_ADDRESS + first) if status.address_valid else u64(0)
        misc = rdmsr(BANK_MISC + first) if status.misc_valid else u64(0)
        report(
            f"machine check: {kind_of(status.code)}, bank {bank} status {u64(status):#018x} address {address:#x} "
            f"misc {misc:#x}, MCG_STATUS {rdmsr(u32(MCG_STATUS)):#x}"
        )
    stop_at(frame)


@fn(cold=True)
def log_machine_checks() -> None:
    """Log what was corrected, or could be survived, since the last call: this processor's reports, and what others have
    kept. From the scheduler, about once a second on each processor."""
    if not poll_machine_checks():
        return
    lost = MACHINE_CHECKS.kept.load().saturating_sub(MACHINE_CHECKS.logged.load() + RECORDS)
    if lost != 0:
        MACHINE_CHECKS.logged.fetch_add(lost)
        warn(f"{lost} machine checks came too fast to be kept")
    while log_next():
        pass


@fn(cold=True)
def log_next() -> bool:
    """Log the next report, unless another processor does it, or it is still being written. False: there is none."""
    number = MACHINE_CHECKS.logged.load()
    record = MACHINE_CHECKS.records[number % RECORDS]
    if record.number.load() != number + 1:
        return False
    status = BankStatus.of(record.status.load())
    processor, bank = record.processor.load(), record.bank.load()
    address, misc = record.address.load(), record.misc.load()
    if record.number.load() == number + 1 and MACHINE_CHECKS.logged.compare_exchange(number, number + 1):
        mark = span(b"survived") if status.uncorrected else span(b"corrected")
        warn(
            f"machine check {mark}: {kind_of(status.code)}, processor {processor} bank {bank} "
            f"status {u64(status):#018x} address {address:#x} misc {misc:#x}"
        )
    return True


@fn(cold=True)
def kind_of(code: u16) -> Span:
    """The error's kind by its architectural code (SDM vol. 3B, tables 16-8 and 16-9); bit 12 only says "filtered"."""
    plain = code & 0xEFFF
    if plain & 0xF800 == 0x0800:
        return span(b"bus or interconnect error")
    if plain & 0xFF80 == 0x0080:
        return span(b"memory controller error")
    if plain & 0xFC00 == 0x0400:
        return span(b"internal error")
    if plain & 0xFF00 == 0x0100:
        return span(b"cache error")
    if plain & 0xFFF0 == 0x0010:
        return span(b"TLB error")
    if plain & 0xFFFC == 0x000C:
        return span(b"cache error")
    return span(b"hardware error")
