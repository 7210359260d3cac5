import pytest

from codegen.lang import host, u16, u64
from hypervisor.console.log import LOG
from hypervisor.cpu.machine_check import (
    BANKS_MAX,
    MACHINE_CHECKS,
    RECORDS,
    BankStatus,
    machine_check_start,
    poll_machine_checks,
    take_machine_check,
)
from hypervisor.cpu.machine_check_report import kind_of, log_machine_checks

BANKS = 6
MCE, MCA = 1 << 7, 1 << 14
RECOVERY, CONTROL = 1 << 24, 1 << 8
IN_PROGRESS, RESTARTABLE = 4, 1
ALL = (1 << 64) - 1


CACHE_ERROR = BankStatus(valid=True, code=u16(0x0134))


CORRECTED = int(u64(CACHE_ERROR.replace(address_valid=True)))
UNCORRECTED = int(u64(CACHE_ERROR.replace(uncorrected=True, enabled=True, address_valid=True)))
CORRUPT = int(u64(CACHE_ERROR.replace(uncorrected=True, enabled=True, context_corrupt=True)))
ACTION_REQUIRED = int(u64(CACHE_ERROR.replace(uncorrected=True, enabled=True, signalled=True, action_required=True)))
ACTION_OPTIONAL = int(u64(CACHE_ERROR.replace(uncorrected=True, enabled=True, signalled=True)))


def machine(features: int = MCE | MCA, capability: int = BANKS | CONTROL | RECOVERY) -> None:
    host.cpu.cpuid_leaves[(1, 0)] = (0x50654, 0, 0, features)
    if features & MCA:
        host.cpu.msrs |= {0x179: capability, 0x17A: 0, 0x17B: 0}
        host.cpu.msrs |= {number: 0 for number in range(0x400, 0x400 + 4 * BANKS)}


def report(bank: int, status: int, address: int = 0) -> None:
    host.cpu.msrs[0x401 + 4 * bank] = status
    host.cpu.msrs[0x402 + 4 * bank] = address


def check(mcg: int = RESTARTABLE | IN_PROGRESS) -> int | None:
    host.cpu.msrs[0x17A] = mcg
    bank = take_machine_check()
    return None if bank is None else int(bank)


def test_the_exception_and_every_bank_are_switched_on() -> None:
    machine()
    machine_check_start()
    assert host.cpu.cr4 & 1 << 6
    assert host.cpu.msrs[0x17B] == ALL
    assert [host.cpu.msrs[0x400 + 4 * bank] for bank in range(BANKS)] == [ALL] * BANKS


def test_a_processor_without_the_exception_is_left_alone() -> None:
    machine(features=0)
    machine_check_start()
    assert not host.cpu.cr4 & 1 << 6
    assert host.cpu.log == []


def test_a_processor_without_banks_has_the_exception_only() -> None:
    machine(features=MCE)
    machine_check_start()
    assert host.cpu.cr4 & 1 << 6
    assert take_machine_check() == BANKS_MAX


def test_what_the_banks_held_before_the_start_is_kept_and_cleared() -> None:
    machine()
    report(2, UNCORRECTED, 0x1234)
    machine_check_start()
    assert MACHINE_CHECKS.kept.load() == 1
    assert host.cpu.msrs[0x409] == 0


@pytest.mark.parametrize("status", [CORRUPT, ACTION_REQUIRED])
def test_a_fatal_report_names_its_bank_and_stays_there(status: int) -> None:
    machine()
    machine_check_start()
    report(1, CORRECTED)
    report(3, status)
    assert check() == 3
    assert host.cpu.msrs[0x401 + 12] == status


def test_every_uncorrected_error_is_fatal_where_nothing_tells_them_apart() -> None:
    machine(capability=BANKS)
    machine_check_start()
    report(3, ACTION_OPTIONAL)
    assert check() == 3


def test_a_program_that_cannot_go_on_is_fatal_whatever_the_banks_say() -> None:
    machine()
    machine_check_start()
    assert check(IN_PROGRESS) == BANKS_MAX
    report(4, CORRECTED)
    assert check(IN_PROGRESS) == 4


@pytest.mark.parametrize("status", [CORRECTED, ACTION_OPTIONAL])
def test_what_can_be_survived_is_kept_cleared_and_logged_later(status: int) -> None:
    machine()
    machine_check_start()
    report(5, status, 0xABC000)
    lines = int(LOG.lines)
    assert check() is None
    assert int(LOG.lines) == lines
    assert host.cpu.msrs[0x17A] == 0  # MCIP: the next one would shut the machine down
    assert host.cpu.msrs[0x401 + 20] == 0
    log_machine_checks()
    assert int(LOG.lines) == lines + 1
    log_machine_checks()
    assert int(LOG.lines) == lines + 1


def test_a_corrected_error_that_raises_nothing_is_found() -> None:
    machine()
    machine_check_start()
    assert not poll_machine_checks()
    report(0, CORRECTED, 0x5000)
    assert poll_machine_checks()
    record = MACHINE_CHECKS.records[0]
    assert [int(x.load()) for x in (record.bank, record.status, record.address)] == [0, CORRECTED, 0x5000]


def test_more_reports_than_are_kept_are_counted() -> None:
    machine()
    machine_check_start()
    lines = int(LOG.lines)
    for _ in range(RECORDS + 3):
        report(0, CORRECTED)
        poll_machine_checks()
    log_machine_checks()
    assert int(LOG.lines) == lines + RECORDS + 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x0134, b"cache error"),
        (0x1134, b"cache error"),
        (0x0014, b"TLB error"),
        (0x0090, b"memory controller error"),
        (0x0E0B, b"bus or interconnect error"),
        (0x0402, b"internal error"),
        (0x0001, b"hardware error"),
    ],
)
def test_codes_have_their_architectural_names(code: int, words: bytes) -> None:
    text = kind_of(u16(code))
    assert bytes(int(text[i]) for i in range(len(text))) == words
