from pathlib import Path

import pytest

from hypervisor.config.check import load_config
from hypervisor.config.limits import MIB
from hypervisor.config.machine import MONITOR_MEMORY, MachineSize, weight_warnings
from hypervisor.config.model import MachineConfig
from hypervisor.config.problems import ConfigError
from tests.config.kernel_files import elf64


def load(folder: Path, machine: MachineSize, *vms: str) -> MachineConfig:
    (folder / "mach").write_bytes(elf64([(0x1000000, 64, 0x100000)]))
    path = folder / "x.toml"
    vm = '[[vm]]\nname = "vm{}"\nkernel = "mach"\n{}\n'
    path.write_text(
        "".join(vm.format(i + 1, keys if "memory" in keys else f'memory = "64M"\n{keys}') for i, keys in enumerate(vms))
    )
    return load_config(path, machine)


def problems(folder: Path, machine: MachineSize, *vms: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(folder, machine, *vms)
    return [str(problem).split(": ", 1)[1] for problem in error.value.problems]


def warnings(folder: Path, cpus: int, *vms: str) -> list[str]:
    return list(weight_warnings(load(folder, MachineSize(cpus), *vms).vms, cpus))


def test_the_vm_for_which_no_memory_is_left_is_named(tmp_path: Path) -> None:
    machine = MachineSize(memory=MONITOR_MEMORY + 202 * MIB)
    found = problems(tmp_path, machine, *['memory = "100M"'] * 3)
    assert len(found) == 1 and found[0].startswith('vm 3: memory: "100M" is more than what is left of 234M: ')


def test_disks_count_as_memory(tmp_path: Path) -> None:
    machine = MachineSize(memory=MONITOR_MEMORY + 202 * MIB)
    disk = '[[vm.disk]]\nsize = "{}"'
    load(tmp_path, machine, 'memory = "100M"\n' + disk.format("100M"))
    (found,) = problems(tmp_path, machine, 'memory = "100M"\n' + disk.format("104M"))
    assert found.startswith('vm 1: memory: "100M" with 104M of disks is more than what is left of 234M: ')


def test_a_vm_that_starts_by_hand_may_take_anothers_place(tmp_path: Path) -> None:
    machine = MachineSize(memory=MONITOR_MEMORY + 202 * MIB)
    load(tmp_path, machine, *['memory = "100M"'] * 2, 'memory = "100M"\nstart = "manual"')


def test_processors_that_the_machine_lacks_are_named_all_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, MachineSize(cpus=2), "cpus = [1, 2, 7]", "cpus = [3]")
    assert [line.split(";")[0] for line in found] == [
        "vm 1: cpus: the machine has no processor 2, 7",
        "vm 2: cpus: the machine has no processor 3",
    ]


def test_every_vm_has_a_processor_left(tmp_path: Path) -> None:
    found = problems(tmp_path, MachineSize(cpus=2), "cpus = [0, 1]\nexclusive = true", "")
    assert found == ["vm 2: each of the 2 processors is another VM's own; leave one to it"]


def test_a_weight_beyond_what_a_vm_can_use_is_a_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path, 2, "weight = 400\nvcpus = 2", "weight = 200", "weight = 100") == []
    (found,) = warnings(tmp_path, 2, "weight = 400", "weight = 200", "weight = 100")
    assert found.startswith("vm1: weight 400 would give it 1.14 of 2 processors, but it can use 1 at most")


def test_an_excess_can_push_the_next_one_over(tmp_path: Path) -> None:
    found = warnings(tmp_path, 4, "weight = 1000", "weight = 300", "weight = 100\nvcpus = 4")
    assert [line.split(":")[0] for line in found] == ["vm1", "vm2"]


def test_a_cap_and_pinning_bound_what_a_vm_can_use(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, 1, "cap = 20", "")
    assert "can use 0.2 at most" in found
    (found,) = warnings(tmp_path, 4, "vcpus = 4\ncpus = [0]", "vcpus = 4")
    assert "can use 1 at most" in found
