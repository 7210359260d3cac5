"""What a back end provides. The build fails if VT-x or AMD-V misses a name; nothing else may differ between images.

Functions of one vCPU run on the processor that it is loaded on. Register getters are valid after an exit and before the
next entry; setters take effect at the next entry.
"""

# pyright: reportReturnType=false
# (declarations have no body)

from __future__ import annotations

from codegen.lang import Hpa, HwEnum, contract, u32, u64
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.cpuid_table import CpuidTable


class Capability(HwEnum, repr=u32):
    """What a machine can lack; `words_for` in hypervisor/cpu/features.py says the remedy."""

    PRESENT = 0  # nothing is missing
    VIRTUALIZATION = 1  # no VT-x or AMD-V at all
    FIRMWARE_LOCK = 2  # switched off by the firmware
    SECOND_LEVEL_PAGING = 3  # EPT or nested paging
    UNRESTRICTED_GUEST = 4
    XSAVE = 5
    TRUE_CONTROLS = 6  # a VMX control that we need cannot be set
    NO_EXECUTE = 7


class AccessRights(HwEnum, repr=u32):
    """Rights of a second-level mapping. Guest RAM is READ_WRITE_EXECUTE."""

    READ = 1
    READ_WRITE = 3
    READ_WRITE_EXECUTE = 7


# ---- the processor ----


@contract
def vendor_missing_capability() -> Capability:
    """The first thing this CPU lacks, or PRESENT. Touches nothing but CPUID and capability MSRs."""


@contract
def vendor_enable_cpu(host_area: Hpa) -> Capability:
    """Switch virtualization on (VMXON; EFER.SVME and VM_HSAVE_PA) with one zeroed frame for the processor's own use."""


@contract
def vendor_capability_word(number: u32) -> u64 | None:
    """What all processors must say alike for guests to move between them: word `number` (from 0), None behind the
    last. For a processor that lacks nothing."""


@contract
def cpuid_fill_vendor_topology(table: CpuidTable, cores: u32) -> None:
    """The leaves by which only this vendor's processors describe their cores and caches, for a package of `cores`;
    the others are filled."""


# ---- life of a vCPU ----


@contract
def vcpu_create(vcpu: Vcpu, frames: Hpa, root: Hpa) -> None:
    """Build the control structure in `frames` (4 zeroed contiguous frames) for second-level tables at `root`.
    `vcpu.vm` and `vcpu.index` are set. The registers are left as after INIT (SDM vol. 3A, table 10-1)."""


@contract
def vcpu_reset_registers(vcpu: Vcpu) -> None:
    """Registers, segments, MSRs and event state as after power-up."""


@contract
def vcpu_run(vcpu: Vcpu) -> ExitKind:
    """Enter the guest and come back: `vcpu.exit` holds the decoded exit. Injects `vcpu.pending` when valid and clears
    it; an
    event whose delivery the exit interrupted is put back there. NMIs and external interrupts of the host have been
    handled."""


@contract
def vcpu_skip_instruction(vcpu: Vcpu) -> None:
    """Advance RIP by `exit.instruction_length` (decoded if the hardware gave none), wrapped to the mode's width; end
    the interrupt shadow; a pending single-step trap becomes a pending #DB."""


@contract
def vcpu_set_deadline(vcpu: Vcpu, tsc: u64) -> None:
    """Leave the guest with PREEMPTION no later than host TSC `tsc`."""


@contract
def vcpu_unload(vcpu: Vcpu) -> None:
    """The calling processor has this vCPU loaded: bring all of its state to memory, so that any processor may load
    it."""


@contract
def vcpu_flush_tlb(vcpu: Vcpu) -> None:
    """Drop all of this vCPU's translations before its next entry."""


@contract
def vcpu_audit_entry(vcpu: Vcpu) -> None:
    """After ENTRY_FAILED: log every rule of the manual that the state breaks, by section."""


@contract
def vcpu_dump_vendor(vcpu: Vcpu) -> None:
    """Log the control structure for a crash report."""


# ---- events ----


@contract
def vcpu_can_take_interrupt(vcpu: Vcpu) -> bool:
    """RFLAGS.IF is set, there is no interrupt shadow and no event is being injected."""


@contract
def vcpu_can_take_nmi(vcpu: Vcpu) -> bool:
    """NMIs are not blocked, nor shadowed, and no event is being injected."""


@contract
def vcpu_request_interrupt_window(vcpu: Vcpu, wanted: bool) -> None:
    """Exit with INTERRUPT_WINDOW as soon as the guest can take an interrupt."""


@contract
def vcpu_request_nmi_window(vcpu: Vcpu, wanted: bool) -> None:
    """Exit with NMI_WINDOW as soon as the guest can take an NMI."""


# ---- registers outside `vcpu.regs` ----


@contract
def vcpu_rip(vcpu: Vcpu) -> u64:
    """Guest RIP."""


@contract
def vcpu_set_rip(vcpu: Vcpu, value: u64) -> None:
    """Set guest RIP."""


@contract
def vcpu_rsp(vcpu: Vcpu) -> u64:
    """Guest RSP."""


@contract
def vcpu_set_rsp(vcpu: Vcpu, value: u64) -> None:
    """Set guest RSP."""


@contract
def vcpu_rflags(vcpu: Vcpu) -> u64:
    """Guest RFLAGS."""


@contract
def vcpu_set_rflags(vcpu: Vcpu, value: u64) -> None:
    """Set guest RFLAGS; bit 1 is forced."""


@contract
def vcpu_cr(vcpu: Vcpu, number: u32) -> u64:
    """CR0, CR2, CR3 or CR4 as the guest sees it (shadowed bits merged)."""


@contract
def vcpu_set_cr(vcpu: Vcpu, number: u32, value: u64) -> None:
    """Set CR0, CR2, CR3 or CR4 as the guest asked, already validated: forced bits are kept behind the shadow,
    EFER.LMA and the
    entry's mode follow CR0.PG."""


@contract
def vcpu_efer(vcpu: Vcpu) -> u64:
    """Guest EFER as the guest sees it."""


@contract
def vcpu_set_efer(vcpu: Vcpu, value: u64) -> None:
    """Set guest EFER, already validated; LMA is derived."""


@contract
def vcpu_set_dr7(vcpu: Vcpu, value: u64) -> None:
    """Set guest DR7."""


@contract
def vcpu_read_segment(vcpu: Vcpu, name: SegmentName, into: Segment) -> None:
    """Copy a segment register, hidden part included, into `into`."""


@contract
def vcpu_write_segment(vcpu: Vcpu, name: SegmentName, source: Segment) -> None:
    """Set a segment register, hidden part included."""


@contract
def vcpu_cpl(vcpu: Vcpu) -> u32:
    """Current privilege level, 0 to 3."""


@contract
def vcpu_read_saved_msr(vcpu: Vcpu, msr: u32) -> u64:
    """An MSR that belongs to the guest's own state: FS_BASE, GS_BASE, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, SFMASK,
    SYSENTER_CS/ESP/EIP,
    PAT, DEBUGCTL. The MSR policy table names no other."""


@contract
def vcpu_write_saved_msr(vcpu: Vcpu, msr: u32, value: u64) -> None:
    """Set such an MSR; the value has been validated (canonical, no reserved bit)."""


# ---- second-level tables ----


@contract
def second_level_leaf(address: Hpa, rights: AccessRights, level: u32) -> u64:
    """A leaf entry: write-back RAM; level 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB."""


@contract
def second_level_table(address: Hpa) -> u64:
    """An entry that points to the next table."""


@contract
def second_level_audit(entry: u64, level: u32) -> bool:
    """Log every rule of the manual that an entry of `level` (4 is the root) breaks; True when there is none."""


@contract
def second_level_largest_leaf() -> u32:
    """3 when 1 GiB leaves may be used, else 2."""


@contract
def second_level_invalidate(root: Hpa) -> None:
    """Have this processor forget all cached translations of these tables before it enters a guest again."""


# ---- time ----


@contract
def vcpu_set_tsc_offset(vcpu: Vcpu, offset: u64) -> None:
    """Guest RDTSC returns the host's plus `offset` (wrapping)."""
