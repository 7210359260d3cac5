"""QEMU: the AMD-V machine under TCG, or the real CPU under nested KVM."""

import shutil
from pathlib import Path

from boot.machines.disks import qemu_disks
from boot.machines.machine import MIB, Drive, Firmware, Host, Machine, MachineError

PROGRAM = "qemu-system-x86_64"
DEFAULT_CPU = "EPYC,+svm,+npt"
MAX_CPUS = 255
DEBUG_EXIT_PORT = 0x501
"""Writing V here ends QEMU with status 2 * V + 1."""

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")


def qemu_command(machine: Machine, serial_fd: int, scratch: Path) -> list[str]:
    """The command line; COM1 is the connected socket `serial_fd`, which the child must inherit."""
    if machine.cpus > MAX_CPUS:
        raise MachineError(f"QEMU's machine has at most {MAX_CPUS} CPUs (--cpus is {machine.cpus})")
    kvm = machine.host is Host.KVM
    return [
        *(PROGRAM, "-machine", "q35", "-accel", "kvm" if kvm else tcg(machine)),
        *("-cpu", machine.cpu or ("host" if kvm else DEFAULT_CPU)),
        *("-smp", str(machine.cpus), "-m", str(machine.memory // MIB)),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-vga", "std"),
        *("-chardev", f"socket,id=com1,fd={serial_fd}", "-serial", "chardev:com1"),
        *(ctl_port(machine.ctl) if machine.ctl is not None else ()),
        *("-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x}"),
        *(instruction_count() if machine.icount else ()),
        *(ovmf(scratch) if machine.firmware is Firmware.UEFI else ()),
        *boot_source(machine),
        *qemu_disks(machine.disks),
        *machine.arguments,
    ]


def ctl_port(socket: Path) -> list[str]:
    """COM2, to which clients of the socket may connect at any time."""
    path = option_path(socket)
    return ["-chardev", f"socket,id=com2,path={path},server=on,wait=off", "-serial", "chardev:com2"]


def tcg(machine: Machine) -> str:
    """All processors in one thread: with a thread for each, VMRUN and #VMEXIT change CPUState.interrupt_request without
    QEMU's lock (7.2, svm_helper.c), and now and then an interrupt of another processor, or of the timer, is lost."""
    return "tcg" if machine.cpus == 1 else "tcg,thread=single"


def instruction_count() -> list[str]:
    """One virtual nanosecond per executed instruction: RDTSC differences are exact instruction counts."""
    return ["-icount", "shift=0,sleep=off", "-rtc", "base=2020-01-01,clock=vm"]


def ovmf(scratch: Path) -> list[str]:
    """The UEFI firmware's two flash chips; the variables are a throw-away copy."""
    for file in (OVMF_CODE, OVMF_VARIABLES):
        if not file.exists():
            raise MachineError(f"--firmware uefi needs {file} (Debian package ovmf)")
    variables = scratch / OVMF_VARIABLES.name
    shutil.copyfile(OVMF_VARIABLES, variables)
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={option_path(variables)}"),
    ]


def boot_source(machine: Machine) -> list[str]:
    """The ISO as CD, USB stick or disk, or the image through QEMU's PVH loader (which takes exactly one module)."""
    if machine.kernel is not None:
        archive = [] if machine.archive is None else ["-initrd", option_path(machine.archive)]
        return ["-kernel", str(machine.kernel), *archive]
    assert machine.iso is not None
    drive = ["-drive", f"if=none,id=iso,format=raw,readonly=on,file={option_path(machine.iso)}"]
    match machine.drive:
        case Drive.CD:
            return [*drive, "-device", "ide-cd,drive=iso,bootindex=0"]
        case Drive.USB:
            return [*drive, "-device", "qemu-xhci", "-device", "usb-storage,drive=iso,bootindex=0"]
        case Drive.DISK:
            return [
                *("-drive", f"if=none,id=iso,format=raw,snapshot=on,file={option_path(machine.iso)}"),
                *("-device", "ide-hd,drive=iso,bootindex=0"),
            ]


def option_path(path: Path) -> str:
    """A path inside an option list, where QEMU doubles commas."""
    return str(path).replace(",", ",,")
