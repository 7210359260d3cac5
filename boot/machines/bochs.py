"""Bochs: the VT-x machine."""

import os
from pathlib import Path

from boot.machines.disks import BOCHS_PLACES, DiskKind, MachineDisk, bochs_disks
from boot.machines.machine import MIB, Drive, Firmware, Machine, MachineError

PROGRAM = "bochs"
DEFAULT_CPU = "corei7_skylake_x"
MAX_CPUS = 8
MAX_MEMORY = 2048 * MIB

BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
VGA_BIOS = Path("/usr/share/vgabios/vgabios.bin")

IPS_ONE_CPU = 100_000_000
IPS_SEVERAL_CPUS = 4_000_000
"""Instructions per emulated second. With several CPUs Bochs does not skip idle time, so a second must be short."""


def environment() -> dict[str, str]:
    """Of the process: the same few variables for everybody, as Debian's Bochs 2.7 ends with "buffer overflow detected"
    where it finds exactly 19. Headless: the sdl2 display draws nowhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "SDL_VIDEODRIVER": "dummy"}


def bochs_command(machine: Machine, serial_ports: tuple[int, ...], scratch: Path, halted: bool = False) -> list[str]:
    """The command line; COM1 and so on connect to these TCP ports of this host, where we must be listening.

    `halted`: Bochs waits at its debugger's prompt, which Debian builds in.
    """
    refuse_impossible(machine)
    configuration = scratch / "bochsrc"
    configuration.write_text("\n".join(configuration_lines(machine, serial_ports, scratch)) + "\n")
    command = [PROGRAM, "-q", "-f", str(configuration)]
    if halted:
        return command
    commands = scratch / "debugger-commands"
    commands.write_text("c\n")
    return [*command, "-rc", str(commands)]


def unlock(disks: tuple[MachineDisk, ...]) -> None:
    """Behind a Bochs that was killed: it leaves the locks of its disks' files, and no Bochs opens them any more."""
    for disk in disks:
        disk.path.with_name(f"{disk.path.name}.lock").unlink(missing_ok=True)


def refuse_impossible(machine: Machine) -> None:
    """Say what this machine lacks, before Bochs says it less clearly."""
    if machine.iso is None:
        raise MachineError("Bochs has no direct path (no kernel loader): leave --direct out, or use --host qemu")
    if machine.firmware is Firmware.UEFI:
        raise MachineError("Bochs has no UEFI firmware: leave --firmware uefi out, or use --host qemu")
    if machine.drive is Drive.USB:
        raise MachineError("Bochs' BIOS does not boot from USB: use --host qemu")
    if any(disk.kind is not DiskKind.ATA for disk in machine.disks) or len(machine.disks) > len(BOCHS_PLACES):
        raise MachineError(
            f"Bochs' machine has up to {len(BOCHS_PLACES)} more disks, and they are ata: or use --host qemu"
        )
    if machine.cpus > MAX_CPUS:
        raise MachineError(f"Bochs' machine has at most {MAX_CPUS} CPUs (--cpus is {machine.cpus})")
    if machine.memory > MAX_MEMORY:
        raise MachineError(f"Bochs' machine has at most 2G of memory (--memory is {machine.memory // MIB}M)")
    for path in (machine.iso, *(disk.path for disk in machine.disks)):
        if any(character in str(path) for character in '",\n'):
            raise MachineError(f"Bochs cannot open a path with a comma or a quote: {path}")


def configuration_lines(machine: Machine, serial_ports: tuple[int, ...], scratch: Path) -> list[str]:
    """Bochs' configuration file. TIME0 is fixed so that two runs are alike."""
    assert machine.iso is not None
    ips = machine.ips or (IPS_ONE_CPU if machine.cpus == 1 else IPS_SEVERAL_CPUS)
    if machine.drive is Drive.CD:
        boot = [f'ata0-master: type=cdrom, path="{machine.iso.absolute()}", status=inserted', "boot: cdrom"]
    else:
        journal = scratch / "journal"
        boot = [
            f'ata0-master: type=disk, mode=volatile, path="{machine.iso.absolute()}", journal="{journal}"',
            "boot: disk",
        ]
    return [
        f"romimage: file={BIOS}",
        f"vgaromimage: file={VGA_BIOS}",
        f"megs: {machine.memory // MIB}",
        f"cpu: model={machine.cpu or DEFAULT_CPU}, count={machine.cpus}, ips={ips}",
        "clock: sync=none, time0=946681200",
        "display_library: sdl2",
        f'log: "{scratch / "bochs.log"}"',
        "panic: action=fatal",
        "error: action=report",
        "info: action=ignore",
        "debug: action=ignore",
        *(f"com{n}: enabled=1, mode=socket-client, dev=localhost:{port}" for n, port in enumerate(serial_ports, 1)),
        "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
        *boot,
        *bochs_disks(machine.disks),
        *machine.arguments,
    ]
