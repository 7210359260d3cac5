"""One description of a machine to boot; qemu.py and bochs.py turn it into a command line."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from boot.machines.disks import MachineDisk

MIB = 1 << 20
SOCKET_PATH_MAX = 107


class Host(StrEnum):
    """What runs the machine. Bochs is the VT-x machine, QEMU TCG the AMD-V machine, KVM whatever the CPU has."""

    QEMU = "qemu"
    BOCHS = "bochs"
    KVM = "kvm"


class Firmware(StrEnum):
    BIOS = "bios"
    UEFI = "uefi"


class Drive(StrEnum):
    """How the ISO is attached."""

    CD = "cd"
    USB = "usb"
    DISK = "disk"


class MachineError(Exception):
    """A machine that the chosen host cannot be; the message says what to choose instead."""


@dataclass(frozen=True)
class Machine:
    """A machine and what it boots: `iso` through the firmware, or `kernel` and `archive` directly (PVH).

    `memory` is in bytes. `cpu` is the emulator's own model name and None its default. `icount` makes QEMU's TSC count
    executed instructions (Bochs' always does). `ips` is Bochs' instructions per emulated second, None for the default.
    `ctl` is where COM2 becomes a Unix socket (docs/ctl.md); None: there is no COM2.
    `disks` are attached beside the drive that it boots from.
    `arguments` are appended to QEMU's command line, or to Bochs' configuration as lines.
    """

    host: Host
    firmware: Firmware = Firmware.BIOS
    iso: Path | None = None
    kernel: Path | None = None
    archive: Path | None = None
    drive: Drive = Drive.CD
    cpus: int = 1
    memory: int = 1024 * MIB
    cpu: str | None = None
    icount: bool = False
    ips: int | None = None
    ctl: Path | None = None
    disks: tuple[MachineDisk, ...] = ()
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.iso is None) == (self.kernel is None):
            raise MachineError("a machine boots either an ISO or a kernel directly")
        if self.kernel is not None and self.firmware is not Firmware.BIOS:
            raise MachineError("--direct starts the image without firmware: leave --firmware uefi out, or boot the ISO")
        if self.icount and self.host is not Host.QEMU:
            raise MachineError("exact instruction counts by icount need --host qemu")
        if self.memory % MIB or self.memory < 16 * MIB:
            raise MachineError(f"--memory is a whole number of MiB, at least 16M (it is {self.memory} bytes)")
        if self.ctl is not None and len(str(self.ctl)) > SOCKET_PATH_MAX:
            raise MachineError(f"the path of a socket has at most {SOCKET_PATH_MAX} characters: {self.ctl}")
        if self.cpus < 1:
            raise MachineError(f"--cpus is at least 1 (it is {self.cpus})")
