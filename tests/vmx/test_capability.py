from __future__ import annotations

import pytest

from codegen.lang import host
from hypervisor.vcpu.contract import Capability
from hypervisor.vcpu.vmx import controls
from hypervisor.vcpu.vmx.enable import vendor_enable_cpu, vendor_missing_capability
from hypervisor.vcpu.vmx.state import FEATURES

MISSING = {
    "no VMX in CPUID": ("cpuid", (1, 0), (0, 0, 1 << 26, 0), Capability.VIRTUALIZATION),
    "locked without VMX": ("msr", 0x3A, 1, Capability.FIRMWARE_LOCK),
    "no XSAVE": ("cpuid", (1, 0), (0, 0, 1 << 5, 0), Capability.XSAVE),
    "no NX": ("cpuid", (0x8000_0001, 0), (0, 0, 0, 1), Capability.NO_EXECUTE),
    "no secondary controls": ("msr", 0x482, 0x79F9_FFFE_0401_E172, Capability.SECOND_LEVEL_PAGING),
    "no EPT": ("msr", 0x48B, 0x0217_7FFD_0000_0000, Capability.SECOND_LEVEL_PAGING),
    "no unrestricted guest": ("msr", 0x48B, 0x0217_7F7F_0000_0000, Capability.UNRESTRICTED_GUEST),
    "no VPID": ("msr", 0x48B, 0x0217_7FDF_0000_0000, Capability.TRUE_CONTROLS),
    "EPT without write-back": ("msr", 0x48C, 0x0F01_0633_0141, Capability.SECOND_LEVEL_PAGING),
    "no INVVPID": ("msr", 0x48C, 0x0633_4141, Capability.TRUE_CONTROLS),
    "no INVVPID of one context": ("msr", 0x48C, 0x0D01_0633_4141, Capability.TRUE_CONTROLS),
    "no TRUE controls": ("msr", 0x480, 0x005A_0400_0000_002B, Capability.TRUE_CONTROLS),
    "no preemption timer": ("msr", 0x48D, 0x0000_003F_0000_0016, Capability.TRUE_CONTROLS),
    "no NMI window": ("msr", 0x48E, 0xFFB9_FFFE_0400_6172, Capability.TRUE_CONTROLS),
    "no EFER load at entry": ("msr", 0x490, 0x0001_77FF_0000_11FB, Capability.TRUE_CONTROLS),
}


def test_a_skylake_lacks_nothing(machine):
    assert vendor_missing_capability() == Capability.PRESENT


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_has_its_name(machine, name):
    kind, key, value, expected = MISSING[name]
    (host.cpu.msrs if kind == "msr" else host.cpu.cpuid_leaves)[key] = value
    assert vendor_missing_capability() == expected
    assert vendor_enable_cpu(machine.host_area) == expected
    assert machine.processor.region is None


def test_enabling_enters_vmx_operation(machine):
    assert vendor_enable_cpu(machine.host_area) == Capability.PRESENT
    assert machine.processor.region == int(machine.host_area)
    assert host.memory.read(machine.host_area, 4) == (0x2B).to_bytes(4, "little")
    assert host.cpu.cr4 & 1 << 13 and host.cpu.cr0 & 1 << 5


def test_an_unlocked_feature_control_is_set_and_locked(machine):
    host.cpu.msrs[0x3A] = 0
    assert vendor_enable_cpu(machine.host_area) == Capability.PRESENT
    assert host.cpu.msrs[0x3A] == 5


def test_controls_have_what_we_need_and_what_the_processor_demands(machine):
    vendor_enable_cpu(machine.host_area)
    assert int(FEATURES.pin) == 0x16 | int(controls.PIN_REQUIRED)
    assert int(FEATURES.primary) == 0x0400_6172 | int(controls.PRIMARY_REQUIRED)
    assert int(FEATURES.secondary) == int(controls.SECONDARY_REQUIRED | controls.SECONDARY_OPTIONAL)
    assert int(FEATURES.largest_leaf) == 3


def test_an_optional_control_that_is_absent_stays_off(machine):
    host.cpu.msrs[0x48B] &= ~(1 << (32 + 12))
    assert vendor_enable_cpu(machine.host_area) == Capability.PRESENT
    assert not controls.SecondaryControls.of(FEATURES.secondary).invpcid
