"""All guest runs for coverage: what the boot tests boot, once more with instrumented images."""

from __future__ import annotations

from dataclasses import replace

from boot.machines.machine import Firmware, Host
from tests.guests_boot.configurations import CLOUD, MACH, MEMTEST, WITH_DISK, Guest
from tests.line_coverage.guest_images import checks
from tests.line_coverage.guest_run import GuestRun, Step, direct, from_iso, machine_check, types

STOPPED = "keelback: all guests have stopped"
CHECKED = "the check is complete: guests "
USER_SPACE = "keelback-guest: user space reached"
MACH_ENDS = "No bootstrap code loaded with"
PASTE = "".join(f"echo line {number:04} of a paste\n" for number in range(100))
LINUX: tuple[Step, ...] = (
    USER_SPACE,
    "/ # ",
    types("sleep 1; cat /proc/interrupts\n" + PASTE),
    "line 0099 of a paste\n",
)
DISK: tuple[Step, ...] = (
    USER_SPACE,
    "/ # ",
    types("tr '\\0' x < /dev/zero | dd of=/dev/vda bs=64k; sync; md5sum /dev/vda; head -c 9 /dev/hwrng | md5sum\n"),
    "  /dev/vda",
)
POWER_OFF: tuple[Step, ...] = (types("poweroff -f\n"), STOPPED)
BROKEN = "tests.boot.broken_monitor"
CORRECTED, CAN_WAIT, FATAL = 0x9C00_0000_0000_0152, 0xBD00_0000_0000_0134, 0xBD80_0000_0000_0134
ABSENT_ON_QEMU = ("EPYC,-svm", "qemu64,+svm,-npt", "qemu64,+svm,+npt", "qemu64,+svm", "EPYC,+svm,-mce", "max")
ABSENT_ON_BOCHS = ("core2_penryn_t9600", "corei5_lynnfield_750")
DEVICES = ("-device", "nvme,serial=k", "-device", "e1000e", "-device", "virtio-net-pci", "-device", "intel-iommu")


def guest_runs() -> list[GuestRun]:
    """The long ones first, so that two at a time end together."""
    return [*on_bochs(), *guests_on_qemu(), *monitors_on_qemu(), *panics(), *machine_checks()]


def on_bochs() -> list[GuestRun]:
    def run(name: str, steps: tuple[Step, ...], *guests: Guest, cpu: str | None = None, start: str = "") -> GuestRun:
        name = f"bochs-{name}"
        return GuestRun(name, "vt-x", from_iso(Host.BOCHS, name, *guests, cpu=cpu), steps, start or None)

    return [
        run("linux", (*LINUX, *POWER_OFF), CLOUD),
        run("disk", (*DISK, *POWER_OFF), WITH_DISK),
        run("checks", (STOPPED,), checks(), checks("triple-fault", "hostile")),
        run("hostile", (MACH_ENDS,), checks("run-away"), MACH),
        run("paging", (STOPPED,), checks("leave-paging")),
        run("guarded", (MACH_ENDS,), MACH, start="tests.boot.guarded_monitor"),
        run("probe", ("end of probe",), start="tests.vmx.probe"),
        run("check-machine", ("2 Check this machine", types("2"), CHECKED)),
        *(run(f"absent-{cpu}", (STOPPED,), cpu=cpu) for cpu in ABSENT_ON_BOCHS),
    ]


def guests_on_qemu() -> list[GuestRun]:
    def run(name: str, steps: tuple[Step, ...], *guests: Guest, start: str = "") -> GuestRun:
        return GuestRun(f"qemu-{name}", "amd-v", direct(f"qemu-{name}", *guests), steps, start or None)

    uefi = from_iso(Host.QEMU, "qemu-uefi", CLOUD, firmware=Firmware.UEFI)
    bios = from_iso(Host.QEMU, "qemu-bios", MEMTEST)
    again: tuple[Step, ...] = (types("reboot -f\n"), "reset by the guest", USER_SPACE, "/ # ")
    return [
        GuestRun("qemu-uefi", "amd-v", uefi, (*LINUX, *again, *POWER_OFF)),
        run("disk", (*DISK, *POWER_OFF), WITH_DISK),
        GuestRun("qemu-bios", "amd-v", bios, ("Memtest86+",)),
        run("checks", (STOPPED,), checks(), checks("triple-fault", "hostile")),
        run("hostile", (MACH_ENDS,), checks("run-away"), MACH),
        run("flood", (MACH_ENDS,), checks("flood"), MACH),
        run("storm", (MACH_ENDS,), checks("msr-storm"), MACH),
        run("guarded", (MACH_ENDS,), MACH, start="tests.boot.guarded_monitor"),
        run("halt", (STOPPED,), checks("halt-for-ever")),
        run("too-large", (MACH_ENDS,), replace(MACH, name="large", memory="1G"), MACH),
    ]


def monitors_on_qemu() -> list[GuestRun]:
    def run(name: str, *arguments: str, cpu: str | None = None, memory: int = 64, until: str = STOPPED) -> GuestRun:
        name = f"qemu-{name}".replace(",", "-")
        return GuestRun(name, "amd-v", direct(name, cpu=cpu, memory=memory, arguments=arguments), (until,))

    return [
        run("check-machine", "-append", "check", *DEVICES, memory=256, until=CHECKED),
        run("check-amd-vi", "-append", "check", "-device", "amd-iommu", memory=256, until=CHECKED),
        run("much-memory", memory=5120),
        *(run(f"absent-{cpu}", cpu=cpu) for cpu in ABSENT_ON_QEMU),
    ]


def panics() -> list[GuestRun]:
    """Every way in which the broken monitor breaks, with symbols."""
    return [
        GuestRun(
            f"panic-{letter}",
            "amd-v",
            direct(f"panic-{letter}", memory=64, arguments=("-append", letter)),
            ("PANIC", "start_on_own_stack"),
            BROKEN,
        )
        for letter in "?wxgsin"
    ]


def machine_checks() -> list[GuestRun]:
    def run(name: str, bank_status: int, mcg_status: int) -> GuestRun:
        machine = direct(f"mce-{name}", memory=64)
        return GuestRun(f"mce-{name}", "amd-v", machine, (STOPPED, machine_check(bank_status, mcg_status)))

    return [run("corrected", CORRECTED, 0), run("can-wait", CAN_WAIT, 5), run("fatal", FATAL, 5)]
