import warnings

import pytest

from boot.machines.machine import Machine
from tests.bench import boot
from tests.bench.boot import Measured
from tests.bench.counts import EXITS, differences, exit_counts, read_record
from tests.bench.payload import MARK, OPERATIONS, SAMPLES
from tests.bench.rep_iterations import count_iterations
from tests.bench.samples import VoidRun, mode, read_run


@pytest.fixture(scope="module", params=["vt-x", "amd-v"])
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def measured(host: str) -> Measured:
    machines: dict[str, Machine] = {"vt-x": boot.VT_X, "amd-v": boot.AMD_V}
    return boot.boot_iso(host, machines[host]) if host == "vt-x" else boot.boot_directly(host, machines[host])


def test_no_exit_costs_more_than_recorded(host: str, measured: Measured) -> None:
    dearer, cheaper = differences(read_record().get(host, {}), exit_counts(measured.run))
    if cheaper:
        warnings.warn(f"{host}: cheaper than recorded (./build.py bench --record keeps it): {cheaper}", stacklevel=1)
    assert not dearer, f"{host}: {dearer}. If it is worth it, record the new counts: ./build.py bench --record"


def test_memory_of_the_guest_is_mapped_before_it_is_touched(measured: Measured) -> None:
    assert measured.run.costs["first-touch"] <= 1


def test_the_first_guest_instruction_comes_within_its_budget(measured: Measured, host: str) -> None:
    if host == "vt-x":
        pytest.skip("Bochs boots the ISO only, and the budget is that of the direct path")
    assert measured.to_first_guest_instruction <= 10_000_000


def test_only_a_loader_spends_time_in_firmware(measured: Measured, host: str) -> None:
    if host == "amd-v":
        assert measured.in_firmware == 0  # QEMU's own loader is none of ours
    else:
        assert 0 < measured.in_firmware < measured.to_first_guest_instruction


def test_iterations_of_rep_are_counted_apart(measured: Measured, host: str) -> None:
    if host == "vt-x":
        pytest.skip("Bochs has no gdb stub; the code that clears memory is the same in both images")
    found = count_iterations(boot.direct_machine("amd-v", boot.AMD_V))
    guest_words = (16 << 20) // 8
    assert guest_words < found.total < measured.to_first_guest_instruction
    assert 0 < found.executed < 1000


def test_the_value_of_nearly_all_samples_counts() -> None:
    assert mode("cpuid", [7] * 58 + [90] * 6) == 7


def test_a_run_whose_samples_disagree_is_void() -> None:
    with pytest.raises(VoidRun, match="only 57 of 64"):
        mode("cpuid", [7] * 57 + [90] * 7)


def test_a_run_without_all_samples_is_void() -> None:
    line = MARK.decode() + "00000002 " * SAMPLES
    with pytest.raises(VoidRun):
        read_run("\n".join([MARK.decode() + "0 5"] + [line] * (len(OPERATIONS) - 1)))


def test_the_empty_test_is_subtracted() -> None:
    mark = MARK.decode()
    lines = [mark + f"{2 if name == 'empty' else 12:08x} " * SAMPLES for name in OPERATIONS]
    run = read_run("\n".join([mark + "00000001 00000005", *lines]))
    assert run.first_tsc == (1 << 32) + 5
    assert exit_counts(run) == {name: 10 for name in EXITS}


def test_dearer_unrecorded_and_cheaper_exits_are_told_apart() -> None:
    dearer, cheaper = differences({"cpuid": 10, "rdmsr": 10}, {"cpuid": 11, "rdmsr": 9, "hypercall": 5})
    assert [line.split(":")[0] for line in dearer] == ["exit/cpuid", "exit/hypercall"]
    assert [line.split(":")[0] for line in cheaper] == ["exit/rdmsr"]
