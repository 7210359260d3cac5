"""Who owns a frame: one owner at a time, and only through FREE does a frame pass from one to another."""

from __future__ import annotations

from codegen.lang import HwEnum, fn, u8, u16, u32


class Owner(HwEnum, repr=u8):
    """NONE is no RAM, the firmware's, or in use since before the books were made (image, archive, BootInfo).

    Guests' numbers begin at GUEST_RAM, GUEST_TABLES and GUEST_CONTROL, those of devices' domains at DOMAIN_TABLES.
    """

    NONE = 0
    FREE = 1
    SPLIT = 2  # of a run only: each of its frames has its own owner
    MONITOR = 3  # stacks, page tables
    CONTROL = 4  # the processors' own: VMXON regions, bitmaps
    LEAVING = 5  # on its way to FREE: nobody's any more, and not scrubbed yet
    DMA = 6  # buffers and rings of our drivers: of the monitor's frames the only ones that a device may reach


GUEST_RAM = 32  # + VM id: RAM of the guest
GUEST_TABLES = 64  # + VM id: its second-level tables
GUEST_CONTROL = 96  # + VM id: VMCS, VMCB, XSAVE areas of its vCPUs
DOMAIN_TABLES = 128  # + number of a device's domain (hypervisor/dma/): its I/O page tables


@fn
def guest_ram_owner(vm_id: u32) -> u8:
    """Owner number of the RAM of a VM (id below 16)."""
    return u8(GUEST_RAM + vm_id)


@fn
def guest_tables_owner(vm_id: u32) -> u8:
    """Owner number of the second-level tables of a VM (id below 16)."""
    return u8(GUEST_TABLES + vm_id)


@fn
def guest_control_owner(vm_id: u32) -> u8:
    """Owner number of what the monitor keeps of the vCPUs of a VM (id below 16)."""
    return u8(GUEST_CONTROL + vm_id)


@fn
def domain_tables_owner(number: u16) -> u8:
    """Owner number of the I/O page tables of a device's domain (number below 128)."""
    return u8(u16(DOMAIN_TABLES) + number)
