"""The machine-check architecture (SDM vol. 3B, 16.3): the hardware's reports of its own errors.

A fatal one ends in a panic that shows the bank; all others are kept and logged later, outside the handler.
"""

from __future__ import annotations

from codegen.lang import (
    Array,
    Atomic,
    BitStruct,
    Struct,
    bit,
    bits,
    count,
    cpuid,
    fn,
    min,
    range,
    rdmsr,
    read_cr4,
    storage,
    u8,
    u16,
    u32,
    u64,
    write_cr4,
    wrmsr,
)
from hypervisor.cpu.features import CPUID_VERSION, has_bit
from hypervisor.cpu.per_cpu import CPU, MachineCheckSetup

MCG_CAP, MCG_STATUS, MCG_CTL = 0x179, 0x17A, 0x17B
BANK_CTL, BANK_STATUS, BANK_ADDRESS, BANK_MISC = 0x400, 0x401, 0x402, 0x403  # of bank 0; the next are 4 further each
BANK_STRIDE = 4
BANKS_MAX = 32
RECORDS = 16
CR4_MCE = 1 << 6
ALL = 0xFFFF_FFFF_FFFF_FFFF


class McgCap(BitStruct, repr=u64):
    """IA32_MCG_CAP (16.3.1.1)."""

    banks: u8 = bits(0, 7)
    control: bool = bit(8)  # IA32_MCG_CTL exists
    recovery: bool = bit(24)  # SER_P: S and AR tell errors apart that software can survive


class McgStatus(BitStruct, repr=u64):
    """IA32_MCG_STATUS (16.3.1.2)."""

    restartable: bool = bit(0)  # RIPV
    at_rip: bool = bit(1)  # EIPV
    in_progress: bool = bit(2)  # MCIP: a second machine check while it is set shuts the machine down


class BankStatus(BitStruct, repr=u64):
    """IA32_MCi_STATUS (16.3.2.2)."""

    code: u16 = bits(0, 15)
    model_code: u16 = bits(16, 31)
    action_required: bool = bit(55)
    signalled: bool = bit(56)
    context_corrupt: bool = bit(57)
    address_valid: bool = bit(58)
    misc_valid: bool = bit(59)
    enabled: bool = bit(60)
    uncorrected: bool = bit(61)
    overflow: bool = bit(62)
    valid: bool = bit(63)


class MachineCheckRecord(Struct):
    """One report, as the bank held it; address and misc are 0 where it has none."""

    number: Atomic[u64]  # of this report, from 1 on; 0 while it is being written
    processor: Atomic[u32]
    bank: Atomic[u32]
    status: Atomic[u64]
    address: Atomic[u64]
    misc: Atomic[u64]


class MachineChecks(Struct):
    """Of all processors. Written by their handlers at any moment: atomics only."""

    kept: Atomic[u64]  # reports so far; the last RECORDS of them are in `records`
    logged: Atomic[u64]
    records: Array[MachineCheckRecord] = count(RECORDS)


MACHINE_CHECKS = storage(MachineChecks)


@fn(cold=True)
def machine_check_start() -> None:
    """Let this processor's errors raise #MC, where it has the exception, and its banks report, where it has banks.

    What the banks hold already is from before the start: it is kept, to be logged, whatever it says.
    """
    _, _, _, edx = cpuid(u32(CPUID_VERSION), u32(0))
    if not has_bit(edx, u32(7)):
        return
    if has_bit(edx, u32(14)):
        capability = McgCap.of(rdmsr(u32(MCG_CAP)))
        own = CPU.here()
        banks = min(capability.banks, u8(BANKS_MAX))
        own.machine_check_setup.store(MachineCheckSetup(banks=banks, recovery=capability.recovery, processor=own.index))
        if capability.control:
            wrmsr(u32(MCG_CTL), u64(ALL))
        for bank in range(bank_count()):
            take_bank(bank)
            wrmsr(BANK_CTL + bank * BANK_STRIDE, u64(ALL))
    write_cr4(read_cr4() | CR4_MCE)


@fn
def bank_count() -> u32:
    """Of this processor; 0 before its start."""
    return u32(CPU.here().machine_check_setup.load().banks)


@fn
def take_machine_check() -> u32 | None:
    """Called by the #MC handler: keep and clear every report that can be survived. The bank of a fatal one, which
    stays as it is; BANKS_MAX when no bank says why the program cannot go on."""
    banks = bank_count()
    status = McgStatus.of(rdmsr(u32(MCG_STATUS))) if banks != 0 else McgStatus()
    for bank in range(banks):
        report = BankStatus.of(rdmsr(BANK_STATUS + bank * BANK_STRIDE))
        if report.valid and is_fatal(report):
            return bank
    if not status.restartable:
        for bank in range(banks):
            if BankStatus.of(rdmsr(BANK_STATUS + bank * BANK_STRIDE)).valid:
                return bank
        return u32(BANKS_MAX)
    for bank in range(banks):
        take_bank(bank)
    wrmsr(u32(MCG_STATUS), u64(0))
    return None


@fn
def is_fatal(report: BankStatus) -> bool:
    """Uncorrected, unless the processor says that nothing must be done at once (16.6.3: SRAO and UCNA)."""
    if not report.uncorrected or not report.enabled:
        return False
    return report.context_corrupt or report.action_required or not CPU.here().machine_check_setup.load().recovery


@fn
def take_bank(bank: u32) -> None:
    """Keep the bank's report, if it has one, and free it for the next."""
    first = bank * BANK_STRIDE
    status = rdmsr(BANK_STATUS + first)
    report = BankStatus.of(status)
    if not report.valid:
        return
    number = MACHINE_CHECKS.kept.fetch_add(u64(1))
    record = MACHINE_CHECKS.records[number % RECORDS]
    record.number.store(0)
    record.processor.store(CPU.here().machine_check_setup.load().processor)
    record.bank.store(bank)
    record.status.store(status)
    record.address.store(rdmsr(BANK_ADDRESS + first) if report.address_valid else u64(0))
    record.misc.store(rdmsr(BANK_MISC + first) if report.misc_valid else u64(0))
    record.number.store(number + 1)
    wrmsr(BANK_STATUS + first, u64(0))


@fn(cold=True)
def poll_machine_checks() -> bool:
    """Corrected errors raise nothing: look for this processor's. Whether there is something to log, of any."""
    for bank in range(bank_count()):
        take_bank(bank)
    return MACHINE_CHECKS.kept.load() != MACHINE_CHECKS.logged.load()
