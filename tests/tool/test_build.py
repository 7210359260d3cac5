import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import build
from boot.machines.emulator import start
from boot.machines.machine import Drive, Firmware, Host, Machine, MachineError

ROOT = Path(__file__).parents[2]


def command(*arguments: str, network: bool = True) -> subprocess.CompletedProcess[str]:
    isolated = [] if network else ["unshare", "--net"]
    line = [*isolated, sys.executable, str(ROOT / "build.py"), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["run", "test", "iso", "check", "bench"])
def test_every_command_has_help(name: str) -> None:
    done = command(name, "--help")
    assert done.returncode == 0
    assert f"build.py {name}" in done.stdout


def test_help_lists_the_commands() -> None:
    assert all(name in command("--help").stdout for name in ("run", "test", "iso", "check", "bench"))


def test_second_run_sets_nothing_up_and_needs_no_network() -> None:
    can_isolate = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    done = command("check", "examples/linux.toml", network=not can_isolate)
    assert done.returncode == 0, done.stderr
    assert "setting up" not in done.stderr


def test_set_up_is_found_complete_in_less_than_a_fifth_of_a_second() -> None:
    begin = time.monotonic()
    build.set_up()
    assert time.monotonic() - begin < 0.2


def test_check_prints_what_a_vm_may_touch() -> None:
    done = command("check", str(ROOT / "examples" / "linux.toml"))
    assert done.returncode == 0
    assert "256M of RAM of its own" in done.stdout


def test_check_names_every_problem_without_a_traceback(tmp_path: Path) -> None:
    config = tmp_path / "bad.toml"
    config.write_text('[[vm]]\nname = "a"\nkernal = "x"\nmemory = "1"\n')
    done = command("check", str(config))
    assert done.returncode == 1
    assert f"{config}:3: vm 1: kernal: unknown key; did you mean kernel?" in done.stderr
    assert f"{config}:4: vm 1: memory:" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_prints_the_schema() -> None:
    schema = json.loads(command("check", "--schema").stdout)
    assert "kernel" in schema["properties"]["vm"]["items"]["properties"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--cpus", "0"],
        ["run", "--memory", "lots"],
        ["run", "--timeout", "-1"],
        ["run", "--expect", ""],
        ["run", "--host", "vmware"],
        ["run", "--exepct", "x"],
        ["check"],
        [],
    ],
)
def test_wrong_arguments_are_refused_in_words(arguments: list[str]) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr


def test_impossible_machines_are_refused_in_words(tmp_path: Path) -> None:
    iso = tmp_path / "x.iso"
    iso.touch()
    for machine in (
        Machine(Host.BOCHS, firmware=Firmware.UEFI, iso=iso),
        Machine(Host.BOCHS, kernel=iso),
        Machine(Host.BOCHS, iso=iso, memory=4 << 30),
        Machine(Host.BOCHS, iso=iso, drive=Drive.USB),
        Machine(Host.BOCHS, iso=iso, cpus=100),
        Machine(Host.QEMU, iso=iso, cpus=1000),
    ):
        with pytest.raises(MachineError), start(machine):
            pass


def test_old_python_is_refused_in_words() -> None:
    code = "import sys; sys.modules['tomllib'] = None; import runpy; runpy.run_path('build.py')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
