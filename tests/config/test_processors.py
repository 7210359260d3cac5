from pathlib import Path

import pytest

from hypervisor.config.check import load_config
from hypervisor.config.limits import MAX_CPUS, MAX_PERIOD_NS, MAX_WEIGHT, MIN_PERIOD_NS
from hypervisor.config.problems import ConfigError
from hypervisor.cpu.per_cpu import CPUS_MAX
from hypervisor.sched import entity, realtime
from tests.config.kernel_files import elf64


def problems(folder: Path, *vms: str) -> list[str]:
    """Without file and line; each VM is said by its keys beyond the necessary ones, at lines from 4, 4 and more."""
    (folder / "mach").write_bytes(elf64([(0x1000000, 64, 0x100000)]))
    path = folder / "x.toml"
    vm = '[[vm]]\nname = "vm{}"\nkernel = "mach"\nmemory = "64M"\n{}\n'
    path.write_text("".join(vm.format(i + 1, keys) for i, keys in enumerate(vms)))
    try:
        load_config(path)
    except ConfigError as error:
        return [str(problem).split(": ", 1)[1] for problem in error.problems]
    return []


GOOD = {
    "nothing": [""],
    "everything ordinary": ["weight = 10000\ncap = 200\nvcpus = 2\ncpus = [0, 63]\nexclusive = true"],
    "real time": ['budget = "900us"\nperiod = "1ms"\ncpus = [0]'],
    "as much real time as a processor takes": ['budget = "45ms"\nperiod = "100ms"\ncpus = [0]'] * 2,
    "two processors for two real-time vCPUs": ['budget = "9ms"\nperiod = "10ms"\ncpus = [0, 1]\nvcpus = 2'],
    "apart": ["cpus = [0]\nexclusive = true", "cpus = [1]", ""],
}


@pytest.mark.parametrize("vms", GOOD.values(), ids=GOOD.keys())
def test_what_fits_together_passes(vms: list[str], tmp_path: Path) -> None:
    assert problems(tmp_path, *vms) == []


BAD = {
    "weight = 0": "weight: 0 is out of range",
    "weight = 10001": "weight: 10001 is out of range",
    "cap = 0": "cap: 0 is out of range",
    "cap = 101": "cap: 101 percent is more than 1 virtual CPU can use; write at most 100",
    "cpus = []": "cpus: [] is no list of processors",
    "cpus = 1": "cpus: 1 is no list of processors",
    "cpus = [64]": "cpus: 64 is no processor; write numbers from 0 to 63",
    "cpus = [true]": "cpus: true is no processor",
    "cpus = [2, 2]": "cpus: [2, 2] names a processor twice",
    "exclusive = true": "exclusive: nothing says which processors",
    'budget = "2ms"': "budget: budget and period belong together",
    'period = "2ms"': "period: budget and period belong together",
    'budget = "2ms"\nperiod = "1ms"': "budget: the budget is longer than its period",
    'budget = "1ms"\nperiod = "2ms"\ncap = 50': "cap: a real-time VM has its budget for a cap",
    'budget = "2s"\nperiod = "1ms"': 'budget: "2s" is no time; write a number and us or ms',
    'budget = "1us"\nperiod = "99us"': 'period: "99us" is out of range; write a time from "100us" to "1000ms"',
    'budget = "91ms"\nperiod = "100ms"\ncpus = [0]': "budget: its processors have no room for the budget",
}


@pytest.mark.parametrize(("keys", "message"), BAD.items())
def test_what_a_vm_cannot_have_is_named(keys: str, message: str, tmp_path: Path) -> None:
    found = problems(tmp_path, keys)
    assert len(found) == 1 and found[0].startswith(f"vm 1: {message}"), found


def test_another_vms_own_processor_is_named_with_its_owner(tmp_path: Path) -> None:
    found = problems(tmp_path, "cpus = [1]\nexclusive = true", "cpus = [0, 1]", "")
    assert found == ["vm 2: cpus: processor 1 is vm1's own (exclusive); name another one"]


def test_the_vm_whose_budget_does_not_fit_any_more_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, *['budget = "4ms"\nperiod = "10ms"\ncpus = [5]'] * 3)
    assert len(found) == 1 and found[0].startswith("vm 3: budget: its processors have no room")


def test_problems_of_several_vms_come_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "cap = 200", "exclusive = true", 'budget = "2ms"')
    assert [line.split(": ")[:2] for line in found] == [["vm 1", "cap"], ["vm 2", "exclusive"], ["vm 3", "budget"]]


def test_limits_are_the_schedulers() -> None:
    assert (MAX_CPUS, MAX_WEIGHT) == (CPUS_MAX, entity.WEIGHT_MAX)
    assert (MIN_PERIOD_NS, MAX_PERIOD_NS) == (realtime.PERIOD_MIN, realtime.PERIOD_MAX)
