import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.machines.emulator import start
from boot.machines.machine import MIB, Drive, Host, Machine
from tests.tool.boot_sectors import echo_disk

ROOT = Path(__file__).parents[2]
HOSTS = pytest.mark.parametrize("host", ["qemu", "bochs"])
SECONDS = 60
BANNER = b"[two] first light\r\n"


def command(host: str, disk: Path, timeout: float, *text: str) -> list[str]:
    return [sys.executable, "-m", "tests.tool.boot_and_expect", host, str(disk), str(timeout), *text]


def boot(host: str, disk: Path, timeout: float, *text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(host, disk, timeout, *text), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return echo_disk(tmp_path, BANNER)


@HOSTS
def test_expected_text_ends_the_run_with_status_0(host: str, disk: Path) -> None:
    assert boot(host, disk, SECONDS, "two:first light").returncode == 0


@pytest.mark.parametrize("count", range(10, 20))
def test_bochs_starts_however_many_variables_there_are(count: int, disk: Path) -> None:
    """Debian's ends with exactly 19, counting those that Python and we add."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **{f"V{n}": "" for n in range(count)}}
    line = command("bochs", disk, SECONDS, "two:first light")
    assert subprocess.run(line, cwd=ROOT, env=environment, check=False).returncode == 0


@HOSTS
def test_time_limit_ends_the_run_with_status_1_and_the_tail(host: str, disk: Path) -> None:
    begin = time.monotonic()
    done = boot(host, disk, 5, "one:first light")
    assert done.returncode == 1
    assert "[two] first light" in done.stderr
    assert "time limit" in done.stderr
    assert time.monotonic() - begin < 30


@HOSTS
@pytest.mark.parametrize("last_words", ["keelback: PANIC at main.py:1", "keelback: all guests have stopped"])
def test_panic_and_the_end_of_all_guests_end_the_run_with_status_1(host: str, last_words: str, tmp_path: Path) -> None:
    begin = time.monotonic()
    done = boot(host, echo_disk(tmp_path, f"\r\n{last_words}\r\n".encode()), 300, "never")
    assert done.returncode == 1
    assert last_words in done.stderr
    assert time.monotonic() - begin < 60


@HOSTS
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_emulator_never_outlives_the_command(host: str, how: signal.Signals, disk: Path) -> None:
    # Ctrl-C must reach it also where the tests themselves run in a shell's background, which ignores SIGINT.
    child = subprocess.Popen(
        command(host, disk, 300),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == BANNER
    emulators = children_of(child.pid)
    assert emulators
    child.send_signal(how)
    child.communicate(timeout=20)
    assert wait_until_gone(emulators)


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def wait_until_gone(pids: list[int]) -> bool:
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False


@HOSTS
def test_serial_port_carries_4_kib_of_every_byte_both_ways(host: str, disk: Path) -> None:
    sent = bytes(range(256)) * 16
    machine = Machine(Host(host), iso=disk, drive=Drive.DISK, memory=64 * MIB)
    with start(machine) as emulator:
        emulator.serial.settimeout(SECONDS)
        assert receive(emulator.serial, len(BANNER)) == BANNER
        emulator.serial.sendall(sent)
        assert receive(emulator.serial, len(sent)) == sent


def receive(serial: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = serial.recv(length - len(data))
        assert chunk, "the emulator has ended"
        data += chunk
    return data
