"""The VM-execution, VM-exit and VM-entry controls (SDM vol. 3C, 25.6 to 25.8), and which of them Keelback sets."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, u32


class PinControls(BitStruct, repr=u32):
    """Table 25-5."""

    external_interrupt_exiting: bool = bit(0)
    nmi_exiting: bool = bit(3)
    virtual_nmis: bool = bit(5)
    preemption_timer: bool = bit(6)
    posted_interrupts: bool = bit(7)


class PrimaryControls(BitStruct, repr=u32):
    """Table 25-6."""

    interrupt_window_exiting: bool = bit(2)
    tsc_offsetting: bool = bit(3)
    hlt_exiting: bool = bit(7)
    invlpg_exiting: bool = bit(9)
    mwait_exiting: bool = bit(10)
    rdpmc_exiting: bool = bit(11)
    rdtsc_exiting: bool = bit(12)
    cr3_load_exiting: bool = bit(15)
    cr3_store_exiting: bool = bit(16)
    cr8_load_exiting: bool = bit(19)
    cr8_store_exiting: bool = bit(20)
    tpr_shadow: bool = bit(21)
    nmi_window_exiting: bool = bit(22)
    mov_dr_exiting: bool = bit(23)
    unconditional_io_exiting: bool = bit(24)
    io_bitmaps: bool = bit(25)
    monitor_trap: bool = bit(27)
    msr_bitmaps: bool = bit(28)
    monitor_exiting: bool = bit(29)
    pause_exiting: bool = bit(30)
    secondary_controls: bool = bit(31)


class SecondaryControls(BitStruct, repr=u32):
    """Table 25-7."""

    virtualize_apic_accesses: bool = bit(0)
    ept: bool = bit(1)
    descriptor_table_exiting: bool = bit(2)
    rdtscp: bool = bit(3)
    virtualize_x2apic: bool = bit(4)
    vpid: bool = bit(5)
    wbinvd_exiting: bool = bit(6)
    unrestricted_guest: bool = bit(7)
    apic_register_virtualization: bool = bit(8)
    virtual_interrupt_delivery: bool = bit(9)
    invpcid: bool = bit(12)
    page_modification_logging: bool = bit(17)
    xsaves: bool = bit(20)


class ExitControls(BitStruct, repr=u32):
    """Table 25-13."""

    save_debug: bool = bit(2)
    host_64_bit: bool = bit(9)
    load_perf_global_control: bool = bit(12)
    acknowledge_interrupt: bool = bit(15)
    save_pat: bool = bit(18)
    load_pat: bool = bit(19)
    save_efer: bool = bit(20)
    load_efer: bool = bit(21)
    save_preemption_timer: bool = bit(22)


class EntryControls(BitStruct, repr=u32):
    """Table 25-16."""

    load_debug: bool = bit(2)
    ia32e_guest: bool = bit(9)
    entry_to_smm: bool = bit(10)
    deactivate_dual_monitor: bool = bit(11)
    load_perf_global_control: bool = bit(13)
    load_pat: bool = bit(14)
    load_efer: bool = bit(15)


PIN_REQUIRED = u32(
    PinControls(external_interrupt_exiting=True, nmi_exiting=True, virtual_nmis=True, preemption_timer=True)
)

# All ports exit without bitmaps: two pages less for each vCPU. MOV DR, INVLPG, MOV CR3 and RDTSC run in the guest.
PRIMARY_REQUIRED = u32(
    PrimaryControls(
        tsc_offsetting=True,
        hlt_exiting=True,
        mwait_exiting=True,
        rdpmc_exiting=True,
        cr8_load_exiting=True,
        cr8_store_exiting=True,
        unconditional_io_exiting=True,
        msr_bitmaps=True,
        monitor_exiting=True,
        secondary_controls=True,
    )
)

# Set only while a window is wanted, but we cannot do without them.
PRIMARY_WINDOWS = u32(PrimaryControls(interrupt_window_exiting=True, nmi_window_exiting=True))

SECONDARY_REQUIRED = u32(SecondaryControls(ept=True, vpid=True, wbinvd_exiting=True, unrestricted_guest=True))

# Without these the instructions are #UD in the guest. A CPU that has the instruction has the control.
SECONDARY_OPTIONAL = u32(SecondaryControls(rdtscp=True, invpcid=True, xsaves=True))

# EFER and PAT change in the guest by WRMSR only, which exits: they are loaded, never saved.
EXIT_REQUIRED = u32(
    ExitControls(save_debug=True, host_64_bit=True, acknowledge_interrupt=True, load_pat=True, load_efer=True)
)

ENTRY_REQUIRED = u32(EntryControls(load_debug=True, load_pat=True, load_efer=True))
