import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypervisor.config.check import load_config
from hypervisor.config.limits import MAX_VCPUS_TOGETHER
from hypervisor.config.problems import ConfigError
from hypervisor.config.schema import VM_KEYS
from hypervisor.vcpu.pool import VCPUS_MAX
from tests.config.kernel_files import bzimage, elf64

GOOD = """\
[[vm]]
name = "debian"
kernel = "vmlinuz"
initrd = "initrd"
cmdline = "console=ttyS0"
memory = "256M"
vcpus = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vmlinuz").write_bytes(bzimage())
    (tmp_path / "mach").write_bytes(elf64([(0x1000000, 64, 0x100000)]))
    (tmp_path / "initrd").write_bytes(bytes(1 << 20))
    return tmp_path


def problems(folder: Path, text: str | bytes) -> list[str]:
    path = folder / "x.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load_config(path)
    except ConfigError as error:
        return [str(problem).removeprefix(str(path)) for problem in error.problems]
    return []


def test_good_configuration_becomes_the_model(folder: Path) -> None:
    path = folder / "x.toml"
    path.write_text(GOOD)
    (vm,) = load_config(path).vms
    assert (vm.name, vm.memory, vm.vcpus, vm.kvm_signature) == ("debian", 256 << 20, 1, True)
    assert vm.kernel == folder / "vmlinuz"


def test_modules_have_arguments(folder: Path) -> None:
    path = folder / "x.toml"
    path.write_text('[[vm]]\nname="m"\nkernel="mach"\nmemory="64M"\nmodules=["initrd --readonly  now", "initrd"]\n')
    (vm,) = load_config(path).vms
    assert [module.arguments for module in vm.modules] == ["--readonly  now", ""]


WRONG = {
    "misspelt key": ("memory =", "memroy =", ":6: vm 1: memroy: unknown key; did you mean memory?"),
    "key with a newline": ("vcpus", '"a\\nb"', ":1: vm 1: a\\nb: unknown key"),
    "key of no use": ("vcpus", "colour", ":7: vm 1: colour: unknown key; the keys are name, kernel"),
    "missing file": ('"vmlinuz"', '"nowhere"', ':3: vm 1: kernel: "nowhere": No such file'),
    "folder for a file": ('"initrd"', '"."', ':4: vm 1: initrd: "." is no regular file'),
    "empty path": ('"initrd"', '""', ':4: vm 1: initrd: "" is no path'),
    "zero byte in a path": ('"initrd"', '"a\\u0000b"', ":4: vm 1: initrd:"),
    "memory without a unit": ('"256M"', '"256"', ':6: vm 1: memory: "256" is no size; write a number and K, M or G'),
    "memory as a number": ('"256M"', "256", ":6: vm 1: memory: 256 is no text"),
    "no memory": ('"256M"', '"0M"', ':6: vm 1: memory: "0M" is out of range; write a size from "1M" to "512G"'),
    "absurd memory": ('"256M"', '"9999999G"', ':6: vm 1: memory: "9999999G" is out of range'),
    "memory between pages": ('"256M"', '"262145K"', ':6: vm 1: memory: "262145K" is no multiple'),
    "memory too small": ('"256M"', '"16M"', ':6: vm 1: memory: "16M" is too little: the kernel needs 20 MiB'),
    "vcpus out of range": ("= 1", "= 65", ":7: vm 1: vcpus: 65 is out of range; write a number from 1 to 64"),
    "no vcpus": ("= 1", "= 0", ":7: vm 1: vcpus: 0 is out of range; write a number from 1 to 64"),
    "vcpus is a truth value": ("= 1", "= true", ":7: vm 1: vcpus: true is no whole number"),
    "a name with a space": ('"debian"', '"my vm"', ':2: vm 1: name: "my vm" is no name'),
    "a long name": ('"debian"', f'"{"x" * 32}"', ":2: vm 1: name:"),
    "a newline for the kernel": ("ttyS0", "ttyS0\\n", ":5: vm 1: cmdline:"),
    "a long command line": ("ttyS0", "x" * 2048, ":5: vm 1: cmdline: 2056 bytes; write at most 2047"),
    "modules for Linux": ("vcpus = 1", 'modules = ["initrd"]', ":7: vm 1: modules: a Linux kernel takes no modules"),
    "modules as text": ("vcpus = 1", 'modules = "initrd"', ':7: vm 1: modules: "initrd" is no list'),
    "initrd for multiboot": ('"vmlinuz"', '"mach"', ":4: vm 1: initrd: a multiboot kernel takes no initrd"),
    "a kernel that is none": ('"vmlinuz"', '"initrd"', ":3: vm 1: kernel:"),
    "not an array": ("[[vm]]", "[vm]", ": vm is no list of tables; begin each VM with a line [[vm]]"),
    "misspelt table": ("[[vm]]", "[[vms]]", ": vms: unknown key; did you mean [[vm]]?"),
    "no TOML": ("memory = ", "memory ", ":6: no TOML: "),
    "a value twice": ('name = "debian"', 'name = "a"\nname = "b"', ":3: no TOML: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_value_is_named_with_line_key_and_fix(name: str, folder: Path) -> None:
    old, new, message = WRONG[name]
    assert old in GOOD
    found = problems(folder, GOOD.replace(old, new, 1))
    assert any(problem.startswith(message) for problem in found), found


DISK = '\n[[vm.disk]]\nimage = "initrd"\n'
WRONG_DISKS = {
    "a disk of nothing": ('image = "initrd"', "", ":9: vm 1: disk 1: no image; add a line such as image ="),
    "read-only nothing": ('image = "initrd"', 'size = "1M"\nread_only = true', ":9: vm 1: disk 1: no image"),
    "less than the image": ("", 'size = "4K"', ':11: vm 1: disk 1.size: "4K" is less than the image'),
    "a size that is its image's": ("", 'size = "2M"\nread_only = true', ":11: vm 1: disk 1.size: has its image's size"),
    "half a sector": ('"initrd"', '"odd"\nread_only = true', ":10: vm 1: disk 1.image: 700 bytes are no multiple"),
    "misspelt key": ("image", "imgae", ":10: vm 1: disk 1.imgae: unknown key; did you mean image?"),
    "missing file": ('"initrd"', '"nowhere"', ':10: vm 1: disk 1.image: "nowhere": No such file'),
    "a long serial number": ("", f'serial = "{"x" * 21}"', ":11: vm 1: disk 1.serial:"),
    "disks as text": (DISK, 'disk = "x"', ":8: vm 1: disk: no list of tables; begin each disk with a line [[vm.disk]]"),
    "five disks": (DISK, DISK * 5, ":21: vm 1: disk 5: 5 disks; write at most 4"),
    "two places": ('image = "initrd"', 'disk = "a"\nsize = "1M"', ":11: vm 1: disk 1.size: disk names another place"),
    "two kinds": ('image = "initrd"', 'disk = "a"\npartition = "b"', ":11: vm 1: disk 1.partition: disk names another"),
    "a disk without a name": ('image = "initrd"', 'disk = ""', ":10: vm 1: disk 1.disk: no name; name one"),
    "a name that no table has room for": ("", f'partition = "{"x" * 37}"', ":11: vm 1: disk 1.partition: 37 bytes"),
    "a table of another kind": ("disk", "dsik", ":1: vm 1: dsik: unknown key; did you mean disk?"),
}


@pytest.mark.parametrize("name", WRONG_DISKS)
def test_a_wrong_disk_is_named_with_its_line(name: str, folder: Path) -> None:
    old, new, message = WRONG_DISKS[name]
    (folder / "odd").write_bytes(bytes(700))
    disk = DISK.replace(old, new, 1) if old else DISK + new
    found = problems(folder, GOOD + disk)
    assert any(problem.startswith(message) for problem in found), found


def test_the_second_disk_of_the_second_vm_has_its_own_line(folder: Path) -> None:
    text = GOOD + DISK + GOOD.replace("debian", "other") + DISK + DISK.replace("initrd", "nowhere")
    (problem,) = problems(folder, text)
    assert problem.startswith(':23: vm 2: disk 2.image: "nowhere"')


def test_a_disk_is_as_large_as_its_image_unless_it_is_to_be_larger(folder: Path) -> None:
    (folder / "odd").write_bytes(bytes(700))
    path = folder / "x.toml"
    path.write_text(GOOD + DISK.replace("initrd", "odd") + DISK + 'size = "3M"\nserial = "root"\n')
    (vm,) = load_config(path).vms
    found = [(disk.size, disk.read_only, disk.serial) for disk in vm.disks]
    assert found == [(1024, False, ""), (3 << 20, False, "root")]
    assert vm.host_memory == (256 + 2 + 4) << 20 and folder / "odd" in vm.files


def test_all_problems_come_at_once(folder: Path) -> None:
    text = '[[vm]]\nname = "a"\nkernal = "x"\nmemory = "1"\n[[vm]]\nname = "a"\nkernel = "nowhere"\nvcpus = 0\n'
    found = problems(folder, text)
    assert len(found) == 7
    assert [line.split(":")[1] for line in found] == ["1", "3", "4", "5", "6", "7", "8"]


def test_name_used_twice_names_both_lines(folder: Path) -> None:
    (problem,) = problems(folder, GOOD + GOOD)
    assert problem == ':9: vm 2: name: "debian" is used twice (first in line 2); give each VM a name of its own'


def test_initrd_larger_than_the_memory(folder: Path) -> None:
    (folder / "initrd").write_bytes(bytes(250 << 20))
    (problem,) = problems(folder, GOOD)
    assert problem.startswith(':6: vm 1: memory: "256M" is too little: the kernel needs 20 MiB, with its initrd')


def test_a_vm_may_have_the_whole_pool_of_vcpus_whatever_processors_there_are(folder: Path) -> None:
    assert problems(folder, GOOD.replace("vcpus = 1", f"vcpus = {VCPUS_MAX}\ncpus = [0]")) == []


def test_all_vcpus_together_fit_the_monitors_pool(folder: Path) -> None:
    text = "".join(GOOD.replace("debian", f"vm{i}").replace("vcpus = 1", "vcpus = 16") for i in range(5))
    assert problems(folder, text) == [": 80 virtual CPUs together; give the VMs at most 64"]
    assert MAX_VCPUS_TOGETHER == VCPUS_MAX


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\x00\x01\x02", bytes(2 << 20), b"", b"[" * 5000, b"a=" + b"[" * 5000])
def test_text_that_is_no_toml_is_one_problem(data: bytes, folder: Path) -> None:
    assert len(problems(folder, data)) == 1


def test_missing_and_unreadable_files_are_problems(folder: Path) -> None:
    for path in (folder / "none.toml", folder, folder / "a\0b", Path("/dev/zero")):
        with pytest.raises(ConfigError):
            load_config(path)
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(ConfigError):
        load_config(fifo)


TOML_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from([k.name for k in VM_KEYS] + ["x"]), TOML_VALUES), max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_are_a_configuration_or_problems(folder: Path, tables: list[dict[str, object]]) -> None:
    from hypervisor.config.check import Check
    from hypervisor.config.source import Source

    try:
        Check(Source(folder / "x.toml", "")).run({"vm": tables})
    except ConfigError as error:
        assert error.problems
        assert all("\n" not in str(problem) for problem in error.problems)


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_configuration_or_problems(folder: Path, text: str) -> None:
    assert problems(folder, text.encode())
