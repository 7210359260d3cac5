from __future__ import annotations

from hypervisor.vm.boot.error import BootError, words_for
from hypervisor.vm.lifecycle import start_vm
from hypervisor.vm.vm import StopReason, VmState
from tests.boot_protocols.files import archive, hand_over, manifest
from tests.played_guest.log import MonitorLog
from tests.played_guest.machine import VM, everywhere, new_machine

REMEDIES = {
    BootError.KERNEL_MISSING: "build the ISO again",
    BootError.KERNEL_UNKNOWN: "name another file at `kernel`",
    BootError.KERNEL_TRUNCATED: "fetch it again",
    BootError.KERNEL_TOO_OLD: "use a bzImage of this century",
    BootError.MEMORY_TOO_SMALL: "raise `memory`",
    BootError.INITRD_TOO_LARGE: "raise `memory`",
    BootError.FILE_MISSING: "build the ISO again",
    BootError.NO_HOST_MEMORY: "lower `memory` or add RAM",
    BootError.NO_SUCH_CPU: "leave it out",
    BootError.NO_CPU_LEFT: "give it one that is not",
    BootError.NO_REAL_TIME: "lower it, or that of another VM",
    BootError.TOO_MANY_DEVICES: "leave some out",
    BootError.NO_DISK: "`disks` shows the names",
    BootError.NO_PARTITION: "`disks` shows them",
    BootError.DISK_IN_USE: "set `read_only`",
    BootError.NETWORK_UNKNOWN: "build the ISO again",
}


def start(*files: tuple[int, bytes]) -> list[str]:
    new_machine()
    log = MonitorLog()
    assert hand_over(archive(*files))
    VM.name.zero()
    VM.state, VM.manifest_index = VmState.RUNNING, 0
    start_vm(VM)
    assert (VM.state, VM.stop_reason) == (VmState.STOPPED, StopReason.CRASHED)
    return log.lines()


@everywhere
def test_every_error_names_its_remedy(run):
    new_machine()
    for error, remedy in REMEDIES.items():
        assert remedy in bytes(run(words_for, error)).decode(), error
    assert set(REMEDIES) == set(BootError)


def test_a_vm_whose_kernel_is_not_in_the_archive_stops_with_words():
    assert "the archive holds no kernel for it" in start((1, manifest(kernel=5)))[-1]


def test_a_vm_that_the_manifest_does_not_hold_has_no_kernel():
    lines = start((1, b"no manifest at all"))
    assert "the archive holds no kernel for it" in lines[-1]


def test_a_vm_whose_initrd_is_not_in_the_archive_stops_with_words():
    lines = start((1, manifest(initrd=9)), (3, bytes(4096)))
    assert "cannot start: a module or a disk is missing in the archive" in lines[-1]


def test_a_vm_without_room_for_the_firmware_tables_stops_with_words():
    new_machine(ram=0x8_0000)
    log = MonitorLog()
    assert hand_over(archive((1, manifest()), (3, bytes(4096))))
    VM.manifest_index = 0
    start_vm(VM)
    assert "does not fit into its memory" in log.lines()[-1]
