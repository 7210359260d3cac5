from __future__ import annotations

from collections.abc import Callable

import pytest

from codegen.lang import Local, host
from hypervisor.check.processor import check_virtualization
from hypervisor.console.line import LineBuffer
from hypervisor.console.log import LOG
from hypervisor.cpu.features import features_start
from hypervisor.vcpu.contract import Capability
from hypervisor.vcpu.svm import enable as svm
from hypervisor.vcpu.vmx import enable as vmx

LOCKED, VMX_OUTSIDE_SMX = 1, 1 << 2
SVM_DISABLED = 1 << 4
ECX_VMX, ECX_XSAVE, ECX_SVM, EDX_NX = 1 << 5, 1 << 26, 1 << 2, 1 << 20


def lines_of(act: Callable[[], None]) -> list[str]:
    position = LOG.ring.end
    act()
    lines = []
    buffer = Local(LineBuffer)
    while (following := LOG.ring.read(position, buffer)) is not None:
        text = buffer.span()
        lines.append("".join(chr(int(text[i])) for i in range(len(text))))
        position = following
    return lines


@pytest.mark.parametrize(
    ("control", "expected"),
    [(LOCKED, Capability.FIRMWARE_LOCK), (LOCKED | VMX_OUTSIDE_SMX, None), (0, None)],
)
def test_vt_x_is_locked_when_the_firmware_locked_it_off(control: int, expected: Capability | None) -> None:
    host.cpu.cpuid_leaves[(1, 0)] = (0x50654, 0, ECX_VMX | ECX_XSAVE, 0)
    host.cpu.msrs |= {0x3A: control, 0x482: 0}
    missing = vmx.vendor_missing_capability()
    assert (missing == Capability.FIRMWARE_LOCK) == (expected is Capability.FIRMWARE_LOCK)


@pytest.mark.parametrize("vm_cr", [0, SVM_DISABLED])
def test_amd_v_is_locked_when_vm_cr_disables_it(vm_cr: int) -> None:
    host.cpu.cpuid_leaves |= {
        (0x8000_0000, 0): (0x8000_0021, 0, 0, 0),
        (0x8000_0001, 0): (0, 0, ECX_SVM, EDX_NX),
        (0x8000_000A, 0): (1, 16, 0, 1),
        (1, 0): (0x80_0F12, 0, ECX_XSAVE, 0),
    }
    host.cpu.msrs[0xC001_0114] = vm_cr
    expected = Capability.FIRMWARE_LOCK if vm_cr else Capability.PRESENT
    assert svm.vendor_missing_capability() == expected


def test_a_lock_is_named_with_its_remedy() -> None:
    host.cpu.cpuid_leaves[(1, 0)] = (0x50654, 0, ECX_VMX | ECX_XSAVE, 0)
    features_start()
    lines = lines_of(lambda: check_virtualization(Capability.FIRMWARE_LOCK))
    assert lines[0] == "VT-x or AMD-V: used"
    assert lines[1].startswith("the firmware's permission: missing (")
    assert "enable VT-x, or SVM mode, in its set-up" in lines[1]
    assert "XSAVE: used" in lines


@pytest.mark.parametrize("lacking", [c for c in Capability if c is not Capability.PRESENT])
def test_what_is_missing_is_said_once_and_fits_two_rows(lacking: Capability) -> None:
    lines = lines_of(lambda: check_virtualization(lacking))
    assert sum(": missing" in line for line in lines) >= 1
    assert all(len("keelback: ") + len(line) <= 160 for line in lines)
