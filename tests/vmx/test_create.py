from __future__ import annotations

from codegen.lang import Hpa, Local, address_of, host, u32, u64
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.control_registers import vcpu_cr
from hypervisor.vcpu.vmx.segments import vcpu_cpl, vcpu_read_segment
from hypervisor.vcpu.vmx.state import vmx_of


def test_a_new_vcpu_is_as_after_power_up(vcpu):

    assert fields.GUEST_RIP.read() == 0xFFF0
    assert fields.GUEST_RFLAGS.read() == 2
    assert vcpu_cr(vcpu, u32(0)) == 0x6000_0010
    assert vcpu_cr(vcpu, u32(4)) == 0
    assert vcpu.regs.rdx == 0x5_0654
    code = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, code)
    assert (code.selector, code.base, code.limit) == (0xF000, 0xFFFF_0000, 0xFFFF)
    assert vcpu_cpl(vcpu) == 0


def test_cr0_runs_with_the_forced_bits_and_without_cache_disable(vcpu):
    assert fields.GUEST_CR0.read() == 0x30
    assert fields.GUEST_CR4.read() == 0x2040


def test_the_host_state_points_to_this_processor_and_this_vcpu(vcpu):
    assert fields.HOST_RSP.read() == u64(address_of(vcpu))
    assert fields.HOST_CS.read() == 8 and fields.HOST_TR.read() == 0x28
    assert fields.HOST_CR3.read() == 0x10_0000
    assert fields.HOST_GS_BASE.read() == host.cpu.msrs[0xC000_0101]


def test_the_vmcs_has_the_revision_and_its_own_bitmap(vcpu):
    state = vmx_of(vcpu)
    assert host.memory.read(state.vmcs, 4) == (0x2B).to_bytes(4, "little")
    assert fields.MSR_BITMAP.read() == state.vmcs + 0x1000
    assert fields.EPT_POINTER.read() & 0xFFF == 0x1E
    assert fields.VPID.read() == 1


def intercepted(bitmap: Hpa, msr: int, write: bool) -> bool:
    area = 2048 * write + 1024 * (msr >= 0xC000_0000)
    byte = host.memory.read(bitmap + (area + (msr & 0x1FFF) // 8), 1)[0]
    return bool(byte >> msr % 8 & 1)


def test_only_switched_msrs_pass_through(vcpu):
    bitmap = vmx_of(vcpu).msr_bitmap
    open_ones = {
        msr
        for msr in (*range(0x2000), *range(0xC000_0000, 0xC000_2000))
        if not intercepted(bitmap, msr, False) or not intercepted(bitmap, msr, True)
    }
    syscall = {0xC000_0081, 0xC000_0082, 0xC000_0083, 0xC000_0084}
    bases = {0xC000_0100, 0xC000_0101, 0xC000_0102}
    assert open_ones == {0x174, 0x175, 0x176} | syscall | bases
