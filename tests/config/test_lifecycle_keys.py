from pathlib import Path

import pytest

from hypervisor.config.check import load_config
from hypervisor.config.describe import access_summary
from hypervisor.config.manifest import RESTARTS_MAX, ManifestVm, RestartPolicy
from hypervisor.config.pack import pack_manifest
from hypervisor.config.problems import ConfigError
from tests.config.kernel_files import elf64

ALL = 'on_crash = "restart"\non_reboot = "stop"\non_poweroff = "destroy"\nrestart_limit = 3\nrestart_window = "90s"\n'
ALL += 'start = "manual"\norder = 7\ndelay = "1500ms"'


def written(folder: Path, keys: str) -> Path:
    (folder / "mach").write_bytes(elf64([(0x1000000, 64, 0x100000)]))
    path = folder / "x.toml"
    path.write_text(f'[[vm]]\nname = "vm"\nkernel = "mach"\nmemory = "64M"\n{keys}\n')
    return path


def test_what_is_left_out_restarts_after_a_reset_only(tmp_path: Path) -> None:
    (vm,) = load_config(written(tmp_path, "")).vms
    policies = (vm.on_crash, vm.on_reboot, vm.on_poweroff)
    assert policies == (RestartPolicy.STOP, RestartPolicy.RESTART, RestartPolicy.STOP)
    assert (vm.start, vm.order, vm.delay) == (True, 0, 0)


def test_every_key_reaches_the_manifest(tmp_path: Path) -> None:
    manifest, _ = pack_manifest(load_config(written(tmp_path, ALL)))
    entry = manifest[32:]

    def number(field: object, size: int) -> int:
        offset = int(field.offset)  # type: ignore[attr-defined]
        return int.from_bytes(entry[offset : offset + size], "little")

    policies = [number(each, 1) for each in (ManifestVm.on_crash, ManifestVm.on_reboot, ManifestVm.on_poweroff)]
    assert policies == [RestartPolicy.RESTART.value, RestartPolicy.STOP.value, RestartPolicy.DESTROY.value]
    assert number(ManifestVm.restart_limit, 4) == 3 and number(ManifestVm.restart_window, 4) == 90_000
    assert number(ManifestVm.order, 4) == 7 and number(ManifestVm.delay, 4) == 1500
    assert number(ManifestVm.flags, 4) & 0b100


def test_people_read_how_a_vm_starts_and_ends(tmp_path: Path) -> None:
    text = access_summary(load_config(written(tmp_path, ALL)))
    assert "starts   when somebody asks for it" in text
    assert "ends     crash: restart, reboot: stop, power-off: destroy; at most 3 restarts in 90s" in text


BAD = {
    'on_crash = "reboot"': 'on_crash: "reboot" is no choice; write "stop", "restart" or "destroy"',
    "on_reboot = true": 'on_reboot: true is no text; write "stop", "restart" or "destroy"',
    "restart_limit = 0": "restart_limit: 0 is out of range",
    f"restart_limit = {RESTARTS_MAX + 1}": f"restart_limit: {RESTARTS_MAX + 1} is out of range",
    'restart_window = "5us"': 'restart_window: "5us" is no time; write a number and ms or s',
    'restart_window = "0s"': 'restart_window: "0s" is out of range; write a time from "1ms" to "3600s"',
    'start = "never"': 'start: "never" is no choice; write "auto" or "manual"',
    "order = -1": "order: -1 is out of range",
    'delay = "2h"': 'delay: "2h" is no time',
}


@pytest.mark.parametrize(("keys", "message"), BAD.items())
def test_what_no_lifecycle_can_be_is_named(keys: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(written(tmp_path, keys))
    (problem,) = error.value.problems
    assert str(problem).split(": ", 1)[1].startswith(f"vm 1: {message}")
