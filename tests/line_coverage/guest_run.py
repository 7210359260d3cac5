"""One guest run for coverage. Lines are reported on the debug port as they run, so a run may end at any time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from socket import AF_UNIX, socket

from boot.machines.machine import MIB, Firmware, Host, Machine, MachineError
from codegen.ir.line_marks import Line, reported
from tests.guests_boot.configurations import Guest
from tests.guests_boot.dialog import Dialog, NoAnswer, dialog
from tests.line_coverage.guest_images import archive_of, image, iso_of, lines_of

SECONDS = {Host.QEMU: 240.0, Host.BOCHS: 600.0}

Make = Callable[[Path, Path], Machine]
Step = str | Callable[[Dialog, Path], None]


@dataclass(frozen=True)
class GuestRun:
    """`steps` are texts to wait for and things to do, in order. `machine` is made when the run begins, of the image and
    of a folder for sockets. `start` is a module of the tests whose `start` the image has instead of the monitor's.
    """

    name: str
    vendor: str
    machine: Make
    steps: tuple[Step, ...]
    start: str | None = None


@dataclass(frozen=True)
class Result:
    """`failure` is empty when every text came."""

    lines: set[Line]
    failure: str


def boot(run: GuestRun) -> Result:
    """Run it, and take what came out of the debug port."""
    made = image(run.vendor, run.start)
    with tempfile.TemporaryDirectory(prefix="keelback-coverage-") as name:
        scratch = Path(name)
        machine = run.machine(made, scratch)
        output = scratch / "debug-port"
        output.touch()
        port = ("port_e9_hack: enabled=1",) if machine.host is Host.BOCHS else ("-debugcon", f"file:{output}")
        try:
            with dialog(replace(machine, arguments=(*machine.arguments, *port))) as console:
                failure = follow(run, console, scratch, SECONDS[machine.host])
                file = console.emulator.messages_file if machine.host is Host.BOCHS else output  # Bochs prints it
                numbers = reported(file.read_bytes())
        except (MachineError, OSError) as error:
            return Result(set(), str(error))
    lines = lines_of(made)
    return Result({lines[number] for number in numbers}, failure)


def follow(run: GuestRun, console: Dialog, scratch: Path, seconds: float) -> str:
    """The steps; what went wrong, or nothing."""
    try:
        for step in run.steps:
            if callable(step):
                step(console, scratch)
            else:
                console.wait(step, seconds)
    except NoAnswer as error:
        return str(error)
    return ""


def direct(
    name: str, *guests: Guest, memory: int = 512, cpu: str | None = None, arguments: tuple[str, ...] = ()
) -> Make:
    """QEMU's own loader; `arguments` are further ones of QEMU."""

    def make(made: Path, scratch: Path) -> Machine:
        packed = archive_of(name, made, *guests)
        more = ("-monitor", f"unix:{control(scratch)},server=on,wait=off", *arguments)
        return Machine(Host.QEMU, kernel=made, archive=packed, memory=memory * MIB, cpu=cpu, arguments=more)

    return make


def from_iso(host: Host, name: str, *guests: Guest, firmware: Firmware = Firmware.BIOS, cpu: str | None = None) -> Make:
    """By the firmware, from CD."""

    def make(made: Path, scratch: Path) -> Machine:
        return Machine(host, firmware=firmware, iso=iso_of(name, made, *guests), memory=512 * MIB, cpu=cpu)

    return make


def control(scratch: Path) -> Path:
    """The socket of QEMU's monitor."""
    return scratch / "control"


def types(text: str) -> Step:
    """On the console."""
    return lambda console, scratch: console.type(text)


def machine_check(bank_status: int, mcg_status: int) -> Step:
    """Injected by QEMU's monitor."""

    def inject(console: Dialog, scratch: Path) -> None:
        with socket(AF_UNIX) as qemu:
            qemu.connect(str(control(scratch)))
            qemu.sendall(f"mce 0 3 {bank_status:#x} {mcg_status} 0x123000 0x8c\n".encode())
            console.wait("misc 0x8c", 60)

    return inject
